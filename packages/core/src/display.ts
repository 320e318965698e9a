import type { Spec } from "./backend.ts";
import type { TypedArray } from "./dtype.ts";
import { cells, shownIndices } from "./format.ts";

/** What a notebook shows of a tensor: one or two axes as a table, all else as its text. */
export function html(values: TypedArray, spec: Spec, text: string): string {
  const { shape } = spec;
  if (values.length === 0 || shape.length < 1 || shape.length > 2) return `<pre>${escaped(text)}</pre>`;
  const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : (shape as [number, number]);
  const { cell } = cells(values, spec);
  const row = (at: number): string =>
    shownIndices([rows, columns], 1)
      .map((i) => `<td>${i === null ? "…" : escaped(cell(values[at * columns + i]!))}</td>`)
      .join("");
  const lines = shownIndices([rows, columns], 0).map((i) => `<tr>${i === null ? "<td>⋮</td>" : row(i)}</tr>`);
  return `<table>${lines.join("")}</table><pre>${shape.join(" × ")} ${spec.dtype}</pre>`;
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

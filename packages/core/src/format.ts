import type { Spec } from "./backend.ts";
import { isFloat, type TypedArray } from "./dtype.ts";
import { stridesOf } from "./shape.ts";

/** More elements than this are summarised to the first and last `EDGE` of each axis. */
const THRESHOLD = 1000;
const EDGE = 3;

/** Columns of a line. */
const WIDTH = 80;
const PREFIX = "tensor(";

/** Elements as PyTorch prints a tensor, four digits after the point; dtypes that the values show go without saying. */
export function format(values: TypedArray, { shape, dtype }: Spec): string {
  const suffix = dtype === "float64" ? ", dtype=float64" : "";
  if (values.length === 0) return `${PREFIX}[]${shape.length > 1 ? `, size=(${shape.join(", ")})` : ""}${suffix})`;
  const summarise = values.length > THRESHOLD;
  const strides = stridesOf(shape);
  const shown = visible(values, shape, strides, summarise);
  const text = dtype === "bool" ? (v: number) => (v === 0 ? "false" : "true") : formatter(shown, isFloat(dtype));
  // As in PyTorch, special values do not widen the columns.
  const wide = isFloat(dtype) ? shown.filter((v) => Number.isFinite(v) && v !== 0) : shown;
  const width = Math.max(1, ...wide.map((v) => text(v).length));

  const row = (offset: number, stride: number, size: number, indent: number): string => {
    const cells = indices(size, summarise).map((i) =>
      i === null ? " ..." : text(values[offset + i * stride]!).padStart(width),
    );
    const perLine = Math.max(1, Math.floor((WIDTH - indent) / (width + 2)));
    const lines = Array.from({ length: Math.ceil(cells.length / perLine) }, (_, i) =>
      cells.slice(i * perLine, (i + 1) * perLine).join(", "),
    );
    return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
  };
  const block = (axis: number, offset: number, indent: number): string => {
    const [size, stride] = [shape[axis]!, strides[axis]!];
    const below = shape.length - axis - 1;
    if (below === 0) return row(offset, stride, size, indent);
    const parts = indices(size, summarise).map((i) =>
      i === null ? "..." : block(axis + 1, offset + i * stride, indent + 1),
    );
    return `[${parts.join(`,${"\n".repeat(below)}${" ".repeat(indent + 1)}`)}]`;
  };
  return `${PREFIX}${shape.length === 0 ? text(values[0]!) : block(0, 0, PREFIX.length)}${suffix})`;
}

/** The indices shown of an axis; `null` stands for those left out. */
const indices = (size: number, summarise: boolean): (number | null)[] =>
  summarise && size > 2 * EDGE
    ? [...Array(EDGE).keys(), null, ...Array.from({ length: EDGE }, (_, i) => size - EDGE + i)]
    : [...Array(size).keys()];

function visible(
  values: TypedArray,
  shape: readonly number[],
  strides: readonly number[],
  summarise: boolean,
): number[] {
  let offsets = [0];
  shape.forEach((size, axis) => {
    const steps = indices(size, summarise).filter((i) => i !== null);
    offsets = offsets.flatMap((offset) => steps.map((i) => offset + i * strides[axis]!));
  });
  return offsets.map((offset) => values[offset]!);
}

/** One notation for all: integers as `1.`, exponents where the magnitudes lie far apart. */
function formatter(values: readonly number[], float: boolean): (value: number) => string {
  if (!float) return String;
  const magnitudes = values.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs);
  const [least, most] = [Math.min(...magnitudes), Math.max(...magnitudes)];
  const special = (v: number): string => (Number.isNaN(v) ? "nan" : v < 0 ? "-inf" : "inf");
  const finite = (v: number): string => {
    const far = magnitudes.length > 0 && (most / least > 1000 || most > 1e8 || least < 1e-4);
    if (magnitudes.every(Number.isInteger)) return most > 1e8 ? exponential(v) : `${Object.is(v, -0) ? "-0" : v}.`;
    return far ? exponential(v) : v.toFixed(4);
  };
  return (v) => (Number.isFinite(v) ? finite(v) : special(v));
}

/** `1.2346e-05`, as C prints it: at least two digits of exponent. */
const exponential = (v: number): string => v.toExponential(4).replace(/e([+-])(\d)$/, "e$10$2");

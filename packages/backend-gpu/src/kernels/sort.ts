import { sizeOf, stridesOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { shader } from "../shaders/shader.ts";
import { at, splitAt, walk } from "../shaders/walk.ts";
import type { Families } from "./kernel.ts";

/** Whether the element with the index `a` belongs in front of the one with `b`, as `before`. Of equal ones the first does. */
const BEFORE = `let before = 0;
if (a < b) { before = 1; }
if (a < size && b < size) {
const x = xs[${at("x")} + a * inner];
const y = xs[${at("x")} + b * inner];
const xIsNumber = x <= 0 || x >= 0;
const yIsNumber = y <= 0 || y >= 0;
if (xIsNumber && yIsNumber) {
if (x < y) { before = 1 - descending; }
if (x > y) { before = descending; }
}
if (xIsNumber && !yIsNumber) { before = 1 - descending; }
if (!xIsNumber && yIsNumber) { before = descending; }
}`;

/** A pair of positions whose indices are out of order changes places; every invocation looks at its own half of a pair. */
const EXCHANGE = `const k = ${at("k")};
const block = Math.floor(k * per_block);
const half = Math.floor(k * per_distance);
const falls = block - 2 * Math.floor(block * 0.5);
const second = half - 2 * Math.floor(half * 0.5);
const a = indices[i];
const b = indices[i + (1 - 2 * second) * distance * inner];
${BEFORE}
if (second > 0) { before = 1 - before; }
if (falls > 0) { before = 1 - before; }
if (before > 0) { return a; }
return b;`;

export const sorts = (device: Device): Families<"sort"> => ({
  /** Batcher's bitonic network over indices; lines are filled up to a power of two with indices beyond the end, which come last. */
  sort({ handle: x, shape }, axis, descending) {
    const { outer, size, inner } = splitAt(shape, axis);
    let length = 1;
    while (length < size) length *= 2;
    const places = [outer, length, inner];
    const k = { strides: [0, 1, 0], offset: 0 };
    const start = walk(places, { k });
    const n = outer * length * inner;
    let indices = device.launch(
      "sort",
      shader(`sort begin ${start.key}`, {
        arrays: [],
        scalars: start.scalars,
        body: `${start.code}return ${at("k")};`,
      }),
      [],
      start.values,
      n,
    );
    const pairs = walk(places, { k, x: { strides: [size * inner, 0, 1], offset: 0 } });
    const exchange = shader(`sort exchange ${pairs.key}`, {
      arrays: ["xs", "indices"],
      scalars: ["size", "inner", "descending", "per_block", "per_distance", "distance", ...pairs.scalars],
      body: `${pairs.code}${EXCHANGE}`,
    });
    for (let block = 2; block <= length; block *= 2)
      for (let distance = block / 2; distance >= 1; distance /= 2) {
        const scalars = [size, inner, Number(descending), 1 / block, 1 / distance, distance];
        const next = device.launch("sort", exchange, [x, indices], [...scalars, ...pairs.values], n);
        device.free(indices);
        indices = next;
      }
    const [values, order] = [true, false].map((isValue) =>
      ends(device, x, indices, { outer, size, inner, length, isValue }),
    );
    device.free(indices);
    return [values!, order!];
  },
});

interface Ends {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
  readonly length: number;
  readonly isValue: boolean;
}

/** The sorted values, or their indices, without what filled the lines up. */
function ends(device: Device, x: GpuArray, indices: GpuArray, { outer, size, inner, length, isValue }: Ends): GpuArray {
  const shape = [outer, size, inner];
  const { key, scalars, values, code } = walk(shape, {
    index: { strides: stridesOf([outer, length, inner]), offset: 0 },
    x: { strides: [size * inner, 0, 1], offset: 0 },
  });
  const index = `indices[${at("index")}]`;
  return device.launch(
    "sort",
    shader(`sort ${isValue ? "values" : "indices"} ${key}`, {
      arrays: isValue ? ["xs", "indices"] : ["indices"],
      scalars: ["inner", ...scalars],
      body: `${code}return ${isValue ? `xs[${at("x")} + ${index} * inner]` : index};`,
    }),
    isValue ? [x, indices] : [indices],
    [inner, ...values],
    sizeOf(shape),
  );
}

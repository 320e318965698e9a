import type { Device, GpuArray } from "../device.ts";
import { type Line, splitAt } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
import type { Families } from "./kernel.ts";

export const sorts = (device: Device): Families<"sort"> => ({
  sort({ handle: x, shape }, axis, descending) {
    const line = splitAt(shape, axis);
    const [order, length] = sortedIndices(device, x, line, descending);
    const [outer, size, inner] = [line.outer, line.size, line.inner];
    const ends = (key: string, arrays: Record<string, GpuArray>, body: string): GpuArray =>
      compute(device, {
        op: "sort",
        key,
        shape: [outer, size, inner],
        places: { index: steps(length * inner, inner, 1), x: steps(size * inner, 0, 1) },
        arrays: { ...arrays, indices: order },
        scalars: { inner },
        body,
      });
    const values = ends("sorted values", { xs: x }, "return xs[at_x + indices[at_index] * inner];");
    const indices = ends("sorted indices", {}, "return indices[at_index];");
    device.free(order);
    return [values, indices];
  },
});

/**
 * The indices of every line in the order of its elements, by Batcher's bitonic network. Lines are filled up to a power of two, their second
 * size, with indices beyond the end, which come last.
 */
function sortedIndices(
  device: Device,
  x: GpuArray,
  { outer, size, inner }: Line,
  descending: boolean,
): [GpuArray, number] {
  let length = 1;
  while (length < size) length *= 2;
  const shape = [outer, length, inner];
  const places = { k: steps(0, 1, 0), x: steps(size * inner, 0, 1) };
  let indices = compute(device, {
    op: "sort",
    key: "unsorted",
    shape,
    places,
    arrays: {},
    scalars: {},
    body: "return at_k;",
  });
  for (let block = 2; block <= length; block *= 2)
    for (let distance = block / 2; distance >= 1; distance /= 2) {
      const next = compute(device, {
        op: "sort",
        key: "sort",
        shape,
        places,
        arrays: { xs: x, indices },
        scalars: {
          size,
          inner,
          descending: Number(descending),
          distance,
          per_block: 1 / block,
          per_distance: 1 / distance,
        },
        body: EXCHANGE,
      });
      device.free(indices);
      indices = next;
    }
  return [indices, length];
}

/** Whether the element with the index `a` belongs in front of the one with `b`, as `before`. Of equal ones the first does. */
const BEFORE = `let before = 0;
if (a < b) { before = 1; }
if (a < size && b < size) {
const x = xs[at_x + a * inner];
const y = xs[at_x + b * inner];
const xIsNumber = x <= 0 || x >= 0;
const yIsNumber = y <= 0 || y >= 0;
if (xIsNumber && yIsNumber) {
if (x < y) { before = 1 - descending; }
if (x > y) { before = descending; }
}
if (xIsNumber && !yIsNumber) { before = 1 - descending; }
if (!xIsNumber && yIsNumber) { before = descending; }
}`;

/** Two positions whose indices are out of order exchange them; every invocation looks at its own half of a pair. */
const EXCHANGE = `const block = Math.floor(at_k * per_block);
const half = Math.floor(at_k * per_distance);
const falls = block - 2 * Math.floor(block * 0.5);
const second = half - 2 * Math.floor(half * 0.5);
const a = indices[i];
const b = indices[i + (1 - 2 * second) * distance * inner];
${BEFORE}
if (second > 0) { before = 1 - before; }
if (falls > 0) { before = 1 - before; }
if (before > 0) { return a; }
return b;`;

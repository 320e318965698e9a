import { IndexError, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import { type Line, splitAt } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
import { type Families, type GpuOperand, inOrder } from "./kernel.ts";
import { map } from "./map.ts";

/** What reads and writes at the places that an index names. */
export const indexing = (device: Device, synchronous: boolean): Families<"take" | "put"> => ({
  take(x, index, axis) {
    const { outer, size, inner } = splitAt(x.shape, axis);
    if (synchronous) checkIndex(device, "take", index, axis, size);
    return compute(device, {
      op: "take",
      key: "take",
      shape: [outer, sizeOf(index.shape), inner],
      places: { x: steps(size * inner, 0, 1), index: steps(0, 1, 0) },
      arrays: { xs: x.handle, indices: index.handle },
      scalars: { inner },
      body: "return xs[at_x + indices[at_index] * inner];",
    });
  },

  put(mode, base, index, elements, axis, { shape }) {
    if (synchronous) checkIndex(device, "put", index, axis, shape[axis]!);
    const x = typeof base === "number" ? base : inOrder(base);
    let result = map(device, { op: "put", key: "copy", shape, inputs: { x }, body: "return x;" });
    // Every element looks through the index for itself. A long one is worked off in parts.
    for (let first = 0; first < sizeOf(index.shape); first += LONGEST_LOOP) {
      const next = putPart(device, mode === "add", result, index, elements, splitAt(shape, axis), first);
      device.free(result);
      result = next;
    }
    return result;
  },
});

function putPart(
  device: Device,
  adds: boolean,
  base: GpuArray,
  index: GpuOperand,
  elements: GpuOperand,
  { outer, size, inner }: Line,
  first: number,
): GpuArray {
  const count = sizeOf(index.shape);
  return compute(device, {
    op: "put",
    key: adds ? "put add" : "put set",
    shape: [outer, size, inner],
    places: { k: steps(0, 1, 0), y: { strides: [count * inner, 0, 1], offset: first * inner } },
    arrays: { bases: base, indices: index.handle, ys: elements.handle },
    scalars: { first, inner, end: count - first },
    body: `let total = bases[i];
${loop(
  "end",
  `const index = indices[first + k];
if (index <= at_k && index >= at_k) { total = ${adds ? "total + " : ""}ys[at_y + k * inner]; }`,
)}
return total;`,
  });
}

function checkIndex(device: Device, op: string, { handle }: GpuOperand, axis: number, size: number): void {
  for (const i of device.download(handle))
    if (i < 0 || i >= size)
      throw new IndexError(
        op,
        `index ${i} is out of range for axis ${axis} of size ${size}`,
        size === 0 ? "an empty axis has no elements" : `indices run from 0 to ${size - 1}`,
      );
}

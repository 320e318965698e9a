import { IndexError, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop, shader } from "../shaders/shader.ts";
import { at, splitAt, walk } from "../shaders/walk.ts";
import { type Families, type GpuOperand, inOrder } from "./kernel.ts";
import { map } from "./map.ts";

/** What reads and writes at the places that an index names. */
export const indexing = (device: Device, synchronous: boolean): Families<"take" | "put"> => ({
  take(x, index, axis, out) {
    const { outer, size, inner } = splitAt(x.shape, axis);
    if (synchronous) checkIndex(device, "take", index, axis, size);
    const count = sizeOf(index.shape);
    const { key, scalars, values, code } = walk([outer, count, inner], {
      x: { strides: [size * inner, 0, 1], offset: 0 },
      index: { strides: [0, 1, 0], offset: 0 },
    });
    return device.launch(
      "take",
      shader(`take ${key}`, {
        arrays: ["xs", "indices"],
        scalars: ["inner", ...scalars],
        body: `${code}return xs[${at("x")} + indices[${at("index")}] * inner];`,
      }),
      [x.handle, index.handle],
      [inner, ...values],
      sizeOf(out.shape),
    );
  },

  put(mode, base, index, elements, axis, out) {
    const { outer, size, inner } = splitAt(out.shape, axis);
    if (synchronous) checkIndex(device, "put", index, axis, size);
    const count = sizeOf(index.shape);
    const input = typeof base === "number" ? base : inOrder(base);
    let result = map(device, { op: "put", key: "copy", shape: out.shape, inputs: { x: input }, body: "return x;" });
    // Every element looks through the index for itself. A long one is worked off in parts.
    for (let first = 0; first < count; first += LONGEST_LOOP) {
      const { key, scalars, values, code } = walk([outer, size, inner], {
        k: { strides: [0, 1, 0], offset: 0 },
        y: { strides: [count * inner, 0, 1], offset: first * inner },
      });
      const next: GpuArray = device.launch(
        "put",
        shader(`put ${mode} ${key}`, {
          arrays: ["bases", "indices", "ys"],
          scalars: ["first", "count", "inner", ...scalars],
          body: `${code}let total = bases[i];
${loop(
  "count",
  `const index = indices[first + k];
if (index <= ${at("k")} && index >= ${at("k")}) { total = ${mode === "add" ? "total + " : ""}ys[${at("y")} + k * inner]; }`,
)}
return total;`,
        }),
        [result, index.handle, elements.handle],
        [first, Math.min(LONGEST_LOOP, count - first), inner, ...values],
        sizeOf(out.shape),
      );
      device.free(result);
      result = next;
    }
    return result;
  },
});

function checkIndex(device: Device, op: string, { handle }: GpuOperand, axis: number, size: number): void {
  for (const i of device.download(handle))
    if (i < 0 || i >= size)
      throw new IndexError(
        op,
        `index ${i} is out of range for axis ${axis} of size ${size}`,
        size === 0 ? "an empty axis has no elements" : `indices run from 0 to ${size - 1}`,
      );
}

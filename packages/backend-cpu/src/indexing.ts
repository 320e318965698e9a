import { allocate, IndexError, sizeOf, type TypedArray } from "@descent/core";
import { fill } from "./elementwise.ts";
import type { Kernel } from "./kernel.ts";
import { copyRun, splitAt } from "./rows.ts";

export const take: Kernel<"take"> = ({ handle: x, shape }, { handle: index }, axis, out) => {
  const { outer, size, inner } = splitAt(shape, axis);
  checkIndex("take", index, axis, size);
  const y = allocate(out.dtype, sizeOf(out.shape));
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const k of index) {
      copyRun(y, at, x, (o * size + k) * inner, inner);
      at += inner;
    }
  return y;
};

export const put: Kernel<"put"> = (mode, base, { handle: index }, { handle: values }, axis, out) => {
  const { outer, size, inner } = splitAt(out.shape, axis);
  checkIndex("put", index, axis, size);
  const y = typeof base === "number" ? fill(base, out) : base.handle.slice();
  const write = mode === "set" ? copyRun : addRun;
  let from = 0;
  for (let o = 0; o < outer; o++)
    for (const k of index) {
      write(y, (o * size + k) * inner, values, from, inner);
      from += inner;
    }
  return y;
};

function addRun(y: TypedArray, at: number, x: TypedArray, start: number, length: number): void {
  for (let i = 0; i < length; i++) y[at + i]! += x[start + i]!;
}

function checkIndex(op: string, index: TypedArray, axis: number, size: number): void {
  for (const i of index)
    if (i < 0 || i >= size)
      throw new IndexError(
        op,
        `index ${i} is out of range for axis ${axis} of size ${size}`,
        size === 0 ? "an empty axis has no elements" : `indices run from 0 to ${size - 1}`,
      );
}

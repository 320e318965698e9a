import { allocate, sizeOf } from "@descent/core";
import type { Kernel } from "./kernel.ts";
import { copyRun, rowsOf, splitAt } from "./rows.ts";

export const gatherView: Kernel<"gatherView"> = ({ handle: x }, view, out) => {
  const y = allocate(out.dtype, sizeOf(out.shape));
  const { length, steps, starts } = rowsOf(view.shape, [view]);
  const step = steps[0]!;
  let at = 0;
  for (const start of starts[0]!)
    if (step === 1) {
      copyRun(y, at, x, start, length);
      at += length;
    } else for (let i = start, end = at + length; at < end; at++, i += step) y[at] = x[i]!;
  return y;
};

export const scatterView: Kernel<"scatterView"> = ({ handle: x }, view, out) => {
  const y = allocate(out.dtype, sizeOf(out.shape));
  const { length, steps, starts } = rowsOf(view.shape, [view]);
  const step = steps[0]!;
  let at = 0;
  for (const start of starts[0]!) for (let i = start, end = at + length; at < end; at++, i += step) y[i]! += x[at]!;
  return y;
};

export const concat: Kernel<"concat"> = (xs, axis, out) => {
  const y = allocate(out.dtype, sizeOf(out.shape));
  const { outer, inner } = splitAt(out.shape, axis);
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const { handle, shape } of xs) {
      const length = shape[axis]! * inner;
      copyRun(y, at, handle, o * length, length);
      at += length;
    }
  return y;
};

import { type ReduceFn, type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import type { Line } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
import { fill } from "./elementwise.ts";
import type { Families } from "./kernel.ts";

/** What takes the element `x` into the `total`. The extremes hand on NaN, which fails all comparisons. */
export const REDUCE: Record<ReduceFn, { readonly empty: number; readonly next: string }> = {
  sum: { empty: 0, next: "total = total + x;" },
  max: {
    empty: Number.NEGATIVE_INFINITY,
    next: "if (x > total) { total = x; } else { if (!(x <= total)) { total = total + x; } }",
  },
  min: {
    empty: Number.POSITIVE_INFINITY,
    next: "if (x < total) { total = x; } else { if (!(x >= total)) { total = total + x; } }",
  },
};

export const reductions = (device: Device): Families<"reduce"> => ({
  reduce(fn, x, axes, out) {
    const total = axes.reduce((n, axis) => n * x.shape[axis]!, 1);
    if (total === 0) return fill(device, out.dtype === "float32" ? REDUCE[fn].empty : 0, out, fn);
    return reduceAxes(device, fn, x.handle, x.shape, axes);
  },
});

/** Reduces neighbouring axes at once, the last ones first, and frees what comes in between. Some element has to be there. */
export function reduceAxes(
  device: Device,
  fn: ReduceFn,
  x: GpuArray,
  shape: Shape,
  axes: readonly number[],
  op: string = fn,
): GpuArray {
  let result = x;
  let sizes: readonly number[] = shape;
  const blocks = blocksOf(axes);
  // A reduction over no axis is a copy.
  for (const [first, end] of blocks.length === 0 ? [[0, 0] as const] : blocks) {
    const line = {
      outer: sizeOf(sizes.slice(0, first)),
      size: sizeOf(sizes.slice(first, end)),
      inner: sizeOf(sizes.slice(end)),
    };
    const next = reduceMiddle(device, fn, result, line, op);
    if (result !== x) device.free(result);
    result = next;
    sizes = [...sizes.slice(0, first), ...sizes.slice(end)];
  }
  return result;
}

/** Runs of neighbouring axes, as `[first, end)`, the last run first. */
function blocksOf(axes: readonly number[]): (readonly [first: number, end: number])[] {
  const blocks: [number, number][] = [];
  for (const axis of axes) {
    const last = blocks[0];
    if (last !== undefined && last[1] === axis) last[1]++;
    else blocks.unshift([axis, axis + 1]);
  }
  return blocks;
}

/** Reduces the middle of `[outer, size, inner]`, in stages that are short enough for a loop. */
export function reduceMiddle(device: Device, fn: ReduceFn, x: GpuArray, line: Line, op: string = fn): GpuArray {
  const { outer, size, inner } = line;
  const length = stageLength(size);
  const parts = Math.ceil(size / length);
  const part = compute(device, {
    op,
    key: `reduce ${fn}`,
    shape: [outer, parts, inner],
    places: { x: steps(size * inner, length * inner, 1), first: steps(0, length, 0) },
    arrays: { xs: x },
    scalars: { size, length, inner },
    body: `let total = xs[at_x];
const end = Math.min(length, size - at_first);
${loop("end", `const x = xs[at_x + k * inner];\n${REDUCE[fn].next}`, { from: 1 })}
return total;`,
  });
  if (parts === 1) return part;
  const result = reduceMiddle(device, fn, part, { outer, size: parts, inner }, op);
  device.free(part);
  return result;
}

/** How many elements each invocation reduces: as few as leave the number of stages as it has to be. */
function stageLength(size: number): number {
  let stages = 1;
  while (LONGEST_LOOP ** stages < size) stages++;
  return Math.ceil(size ** (1 / stages));
}

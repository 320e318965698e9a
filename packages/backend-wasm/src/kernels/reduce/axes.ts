import type { Shape } from "@descent/core";

/** `[outer, middle, inner]` without its middle ("columns"), or of that alone ("runs"). */
export interface Form {
  readonly kind: "runs" | "columns";
  readonly sizes: readonly [outer: number, middle: number, inner: number];
}

/**
 * A reduction over `axes` (ascending) with neighbouring axes of one kind put together; `null` where what is kept and what is reduced still
 * alternates too often.
 */
export function formOf(shape: Shape, axes: readonly number[]): Form | null {
  const sizes: number[] = [];
  let isRuns = false;
  let lastIsReduced: boolean | null = null;
  for (const [axis, size] of shape.entries()) {
    const isReduced = axes.includes(axis);
    if (size === 1) continue;
    if (lastIsReduced === isReduced) sizes[sizes.length - 1]! *= size;
    else {
      if (sizes.length === 0) isRuns = isReduced;
      sizes.push(size);
      lastIsReduced = isReduced;
    }
  }
  // An axis of size 1 is of whichever kind there is need of.
  for (; sizes.length < 3; isRuns = !isRuns) sizes.unshift(1);
  const [outer, middle, inner, ...more] = sizes as [number, number, number, ...number[]];
  return more.length > 0 ? null : { kind: isRuns ? "runs" : "columns", sizes: [outer, middle, inner] };
}

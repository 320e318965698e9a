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
  // From the inner axis on.
  const sizes: number[] = [];
  let isInnerReduced = true;
  let lastIsReduced: boolean | null = null;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    if (size === 1) continue;
    const isReduced = axes.includes(axis);
    if (lastIsReduced === isReduced) sizes[sizes.length - 1]! *= size;
    else if (sizes.push(size) === 1) isInnerReduced = isReduced;
    lastIsReduced = isReduced;
  }
  const [inner = 1, middle = 1, outer = 1] = sizes;
  return sizes.length > 3 ? null : { kind: isInnerReduced ? "runs" : "columns", sizes: [outer, middle, inner] };
}

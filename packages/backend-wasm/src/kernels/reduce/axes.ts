import type { Shape } from "@descent/core";

/** `[outer, kept, inner] → [kept]`. */
export interface Runs {
  readonly kind: "runs";
  readonly outer: number;
  readonly kept: number;
  readonly inner: number;
}
/** `[outer, reduced, inner] → [outer, inner]`. */
export interface Columns {
  readonly kind: "columns";
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
}

/**
 * A reduction over `axes` (ascending) with neighbouring axes of one kind put together; `null` where what is kept and what is reduced still
 * alternates too often.
 */
export function formOf(shape: Shape, axes: readonly number[]): Runs | Columns | null {
  const sizes: number[] = [];
  let lastIsReduced: boolean | null = null;
  let startsReduced = false;
  let next = 0;
  for (const [axis, size] of shape.entries()) {
    const isReduced = axes[next] === axis;
    if (isReduced) next++;
    if (size === 1) continue;
    if (lastIsReduced === isReduced) sizes[sizes.length - 1]! *= size;
    else {
      if (sizes.length === 3) return null;
      if (sizes.length === 0) startsReduced = isReduced;
      sizes.push(size);
      lastIsReduced = isReduced;
    }
  }
  const [a = 1, b = 1, c = 1] = sizes;
  if (sizes.length === 0) return { kind: "runs", outer: 1, kept: 1, inner: 1 };
  if (startsReduced) {
    if (sizes.length === 1) return { kind: "runs", outer: 1, kept: 1, inner: a };
    if (sizes.length === 2) return { kind: "columns", outer: 1, reduced: a, inner: b };
    return { kind: "runs", outer: a, kept: b, inner: c };
  }
  if (sizes.length === 2) return { kind: "runs", outer: 1, kept: a, inner: b };
  return sizes.length === 1
    ? { kind: "columns", outer: 1, reduced: 1, inner: a }
    : { kind: "columns", outer: a, reduced: b, inner: c };
}

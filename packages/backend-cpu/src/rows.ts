import type { Shape, TypedArray } from "@descent/core";

/** How an operand is walked: its element at index `i` is number `offset + Σ iₖ·stridesₖ`. */
export interface Strided {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A walk over several operands, cut into rows along which each of them moves in equal steps. */
export interface Rows {
  /** Elements in a row. */
  readonly length: number;
  /** The step of each operand. */
  readonly steps: readonly number[];
  /** Where the rows of each operand begin, in row-major order. */
  readonly starts: readonly Int32Array[];
}

/** Cuts the index space `shape` into rows: as many of the last axes as every operand walks without a jump. */
export function rowsOf(shape: Shape, operands: readonly Strided[]): Rows {
  let length = 1;
  let steps = operands.map(() => 0);
  let axis = shape.length;
  for (; axis > 0; axis--) {
    const size = shape[axis - 1]!;
    if (size === 1) continue;
    const strides = operands.map((x) => x.strides[axis - 1]!);
    if (length === 1) steps = strides;
    else if (strides.some((stride, i) => stride !== steps[i]! * length)) break;
    length *= size;
  }
  const outer = shape.slice(0, axis);
  return { length, steps, starts: operands.map((x) => startsOf(outer, x)) };
}

/** The positions that a walk over `shape` visits, in row-major order. */
export function startsOf(shape: Shape, { strides, offset }: Strided): Int32Array {
  let starts = Int32Array.of(offset);
  for (const [axis, size] of shape.entries()) {
    const stride = strides[axis]!;
    const next = new Int32Array(starts.length * size);
    let at = 0;
    for (let i = 0; i < starts.length; i++) for (let k = 0; k < size; k++) next[at++] = starts[i]! + k * stride;
    starts = next;
  }
  return starts;
}

/** The sizes before, at and behind an axis: `x[o, k, i]` is element `(o·size + k)·inner + i`. */
export function splitAt(shape: Shape, axis: number): { outer: number; size: number; inner: number } {
  const product = (sizes: Shape): number => sizes.reduce((a, b) => a * b, 1);
  return { outer: product(shape.slice(0, axis)), size: shape[axis]!, inner: product(shape.slice(axis + 1)) };
}

/** Copies `length` neighbours from `x[start…]` to `y[at…]`. */
export function copyRun(y: TypedArray, at: number, x: TypedArray, start: number, length: number): void {
  if (length < WORTH_A_VIEW) for (let i = 0; i < length; i++) y[at + i] = x[start + i]!;
  else y.set(x.subarray(start, start + length), at);
}

/** Below this many elements a loop beats making the view that `set` needs. */
const WORTH_A_VIEW = 32;

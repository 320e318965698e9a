import type { Shape } from "@descent/core";

/**
 * Two operands that broadcast, as rows: the inner axes along which neither stretches, or always the same one does. The rows lie along
 * three axes, the innermost first, with so many elements from one to the next; 0 where an operand stretches.
 */
export interface Rows {
  /** Elements of a row. */
  readonly length: number;
  /** Which operand is one element in all of a row. */
  readonly constant: "a" | "b" | null;
  readonly size0: number;
  readonly size1: number;
  readonly size2: number;
  readonly a0: number;
  readonly a1: number;
  readonly a2: number;
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
}

// Of the row and the axes of rows; kept between calls, because this is done for every small op.
const sizes = new Int32Array(4);
const stridesA = new Int32Array(4);
const stridesB = new Int32Array(4);

/** The fewest axes for a result that has elements: `null` where that is more than a row's and three of rows. */
export function rowsOf(a: Shape, b: Shape, out: Shape): Rows | null {
  sizes.fill(1);
  stridesA.fill(0);
  stridesB.fill(0);
  let [sizeA, sizeB] = [1, 1];
  let axis = -1;
  let [moves, movesA, movesB] = [0, false, false];
  for (let i = 1; i <= out.length; i++) {
    const size = out[out.length - i]!;
    if (size === 1) continue;
    movesA = i <= a.length && a[a.length - i] !== 1;
    movesB = i <= b.length && b[b.length - i] !== 1;
    // Neighbours along which the same operands move are one axis.
    const now = Number(movesA) + 2 * Number(movesB);
    if (now !== moves) {
      if (++axis === 4) return null;
      moves = now;
      stridesA[axis] = movesA ? sizeA : 0;
      stridesB[axis] = movesB ? sizeB : 0;
    }
    sizes[axis]! *= size;
    if (movesA) sizeA *= size;
    if (movesB) sizeB *= size;
  }
  return {
    length: sizes[0]!,
    constant: stridesA[0] === 0 ? "a" : stridesB[0] === 0 ? "b" : null,
    size0: sizes[1]!,
    size1: sizes[2]!,
    size2: sizes[3]!,
    a0: stridesA[1]!,
    a1: stridesA[2]!,
    a2: stridesA[3]!,
    b0: stridesB[1]!,
    b1: stridesB[2]!,
    b2: stridesB[3]!,
  };
}

/** The same with the operands swapped. */
export const swapped = ({ a0, a1, a2, b0, b1, b2, constant, ...sizes }: Rows): Rows => ({
  ...sizes,
  constant: constant === "a" ? "b" : constant === "b" ? "a" : null,
  a0: b0,
  a1: b1,
  a2: b2,
  b0: a0,
  b1: a1,
  b2: a2,
});

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
  readonly sizes: Triple;
  readonly a: Triple;
  readonly b: Triple;
}
type Triple = readonly [number, number, number];

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
    sizes: [sizes[1]!, sizes[2]!, sizes[3]!],
    a: [stridesA[1]!, stridesA[2]!, stridesA[3]!],
    b: [stridesB[1]!, stridesB[2]!, stridesB[3]!],
  };
}

/** The same with the operands swapped, of which one is constant. */
export const swapped = ({ length, sizes, a, b, constant }: Rows): Rows => ({
  length,
  constant: constant === "a" ? "b" : "a",
  sizes,
  a: b,
  b: a,
});

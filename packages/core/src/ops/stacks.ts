import { promote } from "../dtype.ts";
import { scope } from "../memory.ts";
import { checkRank, normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { checkPositive, firstOf } from "./checks.ts";
import { cat } from "./join.ts";
import { narrow, padZeros, reshape } from "./movement.ts";

/** A scalar as `[1]`; all others as they are. */
export const atleast1d = (x: Tensor): Tensor => (x.ndim === 0 ? reshape(x, [1]) : x);
/** A vector as a row `[1, n]`, a scalar as `[1, 1]`; all others as they are. */
export const atleast2d = (x: Tensor): Tensor => (x.ndim < 2 ? reshape(x, [1, x.numel()]) : x);
/** A vector as `[1, n, 1]`, a matrix as `[n, m, 1]`, a scalar as `[1, 1, 1]`; all others as they are. */
export const atleast3d = (x: Tensor): Tensor => (x.ndim < 3 ? reshape(x, [...atleast2d(x).shape, 1]) : x);
const column = (x: Tensor): Tensor => (x.ndim < 2 ? reshape(x, [-1, 1]) : x);

/** The tensors, all with enough axes, along an axis that may depend on the first. */
const join =
  (lift: (x: Tensor) => Tensor, dim: (first: Tensor) => number) =>
  (tensors: readonly Tensor[]): Tensor =>
    scope(() => {
      const lifted = tensors.map(lift);
      return cat(lifted, lifted.length === 0 ? 0 : dim(lifted[0]!));
    });

/** Side by side: vectors along their axis, all others along axis 1. */
export const hstack = join(atleast1d, ({ ndim }) => (ndim === 1 ? 0 : 1));
/** One above the other: along axis 0, vectors as rows. */
export const vstack = join(atleast2d, () => 0);
/** One behind the other: along axis 2, which matrices and vectors get. */
export const dstack = join(atleast3d, () => 2);
/** Along axis 1, vectors as columns. */
export const columnStack = join(column, () => 1);

/**
 * Parts of an axis: a number of them, of which the first are longer by one where it does not come out even, or those that end before
 * each of the listed indices, as slices do.
 */
export function tensorSplit(x: Tensor, sections: number | readonly number[], dim = 0): readonly Tensor[] {
  const op = "tensorSplit";
  const axis = normalizeAxis(op, dim, x.ndim);
  const size = x.shape[axis]!;
  if (typeof sections === "number") checkPositive(op, "the number of parts", sections);
  const ends =
    typeof sections === "number"
      ? Array.from(
          { length: sections },
          (_, i) => Math.floor(size / sections) * (i + 1) + Math.min(i + 1, size % sections),
        )
      : [...sections.map((at) => Math.min(size, Math.max(0, at < 0 ? at + size : at))), size];
  return ends.map((end, i) => {
    const start = ends[i - 1] ?? 0;
    return narrow(x, axis, start, Math.max(0, end - start));
  });
}

/** The matrices along the diagonal of one whose other elements are zero; vectors are rows, scalars `[1, 1]`. */
export function blockDiag(...tensors: Tensor[] | [tensors: readonly Tensor[]]): Tensor {
  const list = tensors.flat() as Tensor[];
  firstOf("blockDiag", list);
  for (const { shape } of list) checkRank("blockDiag", shape, 0, 2);
  const dtype = list.map((x) => x.dtype).reduce(promote);
  return scope(() => {
    const blocks = list.map((x) => cast(atleast2d(x), dtype));
    const width = blocks.reduce((sum, { shape }) => sum + shape[1]!, 0);
    let at = 0;
    const rows = blocks.map((block) => {
      const columns = block.shape[1]!;
      const before = at;
      at += columns;
      return padZeros(block, [
        [0, 0],
        [before, width - before - columns],
      ]);
    });
    return cat(rows);
  });
}

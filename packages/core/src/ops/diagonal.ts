import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { checkRank, normalizeAxis, show, stridesOf, type View } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { positions } from "./along.ts";
import { ones, type TensorOptions } from "./creation.ts";
import { ge, le, sub, where } from "./elementwise.ts";
import { gatherView, reshape, scatterView, transpose } from "./movement.ts";
import { nonzero } from "./nonzero.ts";
import { sum } from "./sum.ts";

/** Zeros where the column minus the row is on the wrong side of a diagonal. */
function triangle(name: "tril" | "triu", inside: (distance: Tensor, diagonal: number) => Tensor) {
  return (x: Tensor, diagonal = 0): Tensor => {
    checkRank(name, x.shape, 2, Number.POSITIVE_INFINITY);
    return scope(() => {
      const [row, column] = [positions(x, x.ndim - 2), positions(x, x.ndim - 1)];
      return where(inside(sub(column, row), diagonal), x, 0);
    });
  };
}

/** The matrices `[…, n, m]` with zeros above a diagonal: 0 is the main one, positive ones lie above it. */
export const tril = triangle("tril", le);
/** The matrices `[…, n, m]` with zeros below a diagonal: 0 is the main one, positive ones lie above it. */
export const triu = triangle("triu", ge);

const indicesOf =
  (part: typeof tril) =>
  (rows: number, columns: number, offset = 0, options: Pick<TensorOptions, "backend"> = {}): Tensor =>
    scope(() => transpose(nonzero(part(ones([rows, columns], options), offset)), 0, 1));

/** Rows and columns of the elements that `tril` keeps, row by row: int32 `[2, count]`. */
export const trilIndices = indicesOf(tril);
/** Rows and columns of the elements that `triu` keeps, row by row: int32 `[2, count]`. */
export const triuIndices = indicesOf(triu);

/** The view of a diagonal as the last axis, of a tensor of that shape. */
function diagonalView(op: string, shape: readonly number[], offset: number, dim1: number, dim2: number): View {
  const [rows, columns] = [normalizeAxis(op, dim1, shape.length), normalizeAxis(op, dim2, shape.length)];
  if (rows === columns)
    throw new ShapeError(op, `${dim1} and ${dim2} are one axis of ${show(shape)}`, "name two different axes");
  if (!Number.isInteger(offset)) throw new ArgumentError(op, `the offset must be an integer, got ${offset}`);
  const strides = stridesOf(shape);
  const others = <T>(list: readonly T[]): T[] => list.filter((_, i) => i !== rows && i !== columns);
  const length = Math.max(0, Math.min(shape[rows]! + Math.min(offset, 0), shape[columns]! - Math.max(offset, 0)));
  const view = {
    shape: [...others(shape), length],
    strides: [...others(strides), strides[rows]! + strides[columns]!],
  };
  const start = Math.abs(offset) * strides[offset < 0 ? rows : columns]!;
  return { ...view, offset: view.shape.includes(0) ? 0 : start };
}

/** The diagonal of two axes, which give way to a last one: `[…, n, m] → […, min(n, m)]`. A positive offset lies above the main one. */
export const diagonal = (x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor =>
  gatherView([x], diagonalView("diagonal", x.shape, offset, dim1, dim2));

/** Square matrices of zeros with the last axis on a diagonal, as the axes `dim1` and `dim2` of the result: `[…, n] → […, n, n]`. */
export function diagEmbed(x: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
  const op = "diagEmbed";
  checkRank(op, x.shape, 1, Number.POSITIVE_INFINITY);
  const pair = [dim1, dim2].map((dim) => normalizeAxis(op, dim, x.ndim + 1));
  const side = x.shape.at(-1)! + Math.abs(offset);
  const shape = x.shape
    .slice(0, -1)
    .toSpliced(Math.min(...pair), 0, side)
    .toSpliced(Math.max(...pair), 0, side);
  return scatterView([x], { view: diagonalView(op, shape, offset, dim1, dim2), shape });
}

/** The matrix with the vector `x` on a diagonal, or that diagonal of the matrix `x`. */
export function diag(x: Tensor, offset = 0): Tensor {
  checkRank("diag", x.shape, 1, 2, "use diagonal() or diagEmbed()");
  return x.ndim === 1 ? diagEmbed(x, offset) : diagonal(x, offset);
}

/** The matrix with the elements of `x` on a diagonal. */
export const diagflat = (x: Tensor, offset = 0): Tensor => diagEmbed(reshape(x, [-1]), offset);

/** The sum of the main diagonal of a matrix. */
export function trace(x: Tensor): Tensor {
  checkRank("trace", x.shape, 2, 2, "use diagonal().sum(-1) for stacks");
  return scope(() => sum(diagonal(x)));
}

import { scope } from "../memory.ts";
import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkSame } from "./checks.ts";
import { diagonal } from "./diagonal.ts";
import { reshape, stretch } from "./movement.ts";
import { placesOf, putFlat, valueLike } from "./scatter.ts";
import { type Index, indexed, select } from "./slice.ts";

/** Where each element of `x` stands in the flattened tensor: indexed like `x` itself, it says what would be read. */
const places = (x: Tensor): Tensor => reshape(placesOf(x), x.shape);

/** Options of `indexPut`. */
export interface IndexPutOptions {
  /** Whether values are added to what stands there, instead of replacing it. Default false. */
  readonly accumulate?: boolean;
}

/**
 * `x` with other values where `at(…index)` reads: a number, or a tensor that broadcasts to what is read. Where a place repeats the last
 * value wins, or all are added with `accumulate`. Differentiable in both.
 */
export function indexPut(
  x: Tensor,
  index: readonly Index[],
  values: Tensor | number,
  { accumulate = false }: IndexPutOptions = {},
): Tensor {
  const op = "indexPut";
  return scope(() => {
    const at = indexed(op, places(x), index);
    const given = valueLike(op, x, values);
    return putFlat(accumulate ? "add" : "set", x, at, stretch(op, given, at.shape));
  });
}

/** `x` with `src` in place of what `view` reads of it, which has the same shape. */
const embed = (op: string, x: Tensor, src: Tensor, view: (x: Tensor) => Tensor): Tensor =>
  scope(() => {
    const at = view(places(x));
    checkSame(op, "source", src.shape, at.shape);
    return putFlat("set", x, at, valueLike(op, x, src));
  });

/** `x` with `src` in place of `select(dim, index)`. */
export const selectScatter = (x: Tensor, src: Tensor, dim: number, index: number): Tensor =>
  embed("selectScatter", x, src, (at) => select(at, dim, index));

/** Options of `sliceScatter`: Python's range. */
export interface SliceScatterOptions {
  /** Default: the first. */
  readonly start?: number;
  /** Default: behind the last. */
  readonly end?: number;
  /** Default 1. */
  readonly step?: number;
}

/** `x` with `src` in place of a range of the axis `dim`. */
export function sliceScatter(
  x: Tensor,
  src: Tensor,
  dim = 0,
  { start, end, step = 1 }: SliceScatterOptions = {},
): Tensor {
  const before = new Array<null>(normalizeAxis("sliceScatter", dim, x.ndim)).fill(null);
  return embed("sliceScatter", x, src, (at) =>
    indexed("sliceScatter", at, [...before, `${start ?? ""}:${end ?? ""}:${step}`]),
  );
}

/** `x` with `src` in place of `diagonal(offset, dim1, dim2)`. */
export const diagonalScatter = (x: Tensor, src: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor =>
  embed("diagonalScatter", x, src, (at) => diagonal(at, offset, dim1, dim2));

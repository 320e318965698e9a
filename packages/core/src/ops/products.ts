import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { normalizeAxes, normalizeAxis, type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { contractAll } from "./contraction.ts";
import { add, mul, sub } from "./elementwise.ts";
import { cat } from "./join.ts";
import { matmul } from "./matmul.ts";
import { narrow, reshape, unsqueeze } from "./movement.ts";
import { sum } from "./sum.ts";

/** A product of operands that have exactly these numbers of axes. */
const ranked =
  (name: string, rankA: number, rankB: number) =>
  (a: Tensor, b: Tensor): Tensor => {
    if (a.ndim !== rankA || b.ndim !== rankB || (rankA === 3 && a.shape[0] !== b.shape[0]))
      throw new ShapeError(
        name,
        `expected ${rankA} axes × ${rankB}${rankA === 3 ? ", the first ones equal" : ""}, got ${show(a.shape)} × ${show(b.shape)}`,
        "use matmul() for other ranks",
      );
    return matmul(a, b);
  };

/** The product of two matrices, `[M, K] × [K, N] → [M, N]`. */
export const mm = ranked("mm", 2, 2);
/** The products of two stacks of matrices, `[B, M, K] × [B, K, N] → [B, M, N]`. */
export const bmm = ranked("bmm", 3, 3);
/** The product of a matrix and a vector, `[M, K] × [K] → [M]`. */
export const mv = ranked("mv", 2, 1);
/** The sum of the products of two vectors of one length. */
export const dot = ranked("dot", 1, 1);

/** Options of `addmm` and its like. */
export interface AddProductOptions {
  /** The factor of what is added. With 0 it is not read: its NaNs do not spread. Default 1. */
  readonly beta?: number;
  /** The factor of the product. Default 1. */
  readonly alpha?: number;
}

const scaled = (x: Tensor, factor: number): Tensor => (factor === 1 ? x : mul(x, factor));

const plus =
  (name: string, product: (a: Tensor, b: Tensor) => Tensor) =>
  (x: Tensor, a: Tensor, b: Tensor, { beta = 1, alpha = 1 }: AddProductOptions = {}): Tensor =>
    scope(() => {
      const y = scaled(product(a, b), alpha);
      if (x.ndim > y.ndim || x.shape.some((size, i) => size !== 1 && size !== y.shape[i + y.ndim - x.ndim]))
        throw new ShapeError(
          name,
          `${show(x.shape)} does not stretch to the product ${show(y.shape)}`,
          "its axes must be those of the product, or 1",
        );
      return beta === 0 ? y : add(scaled(x, beta), y);
    });

/** `beta·x + alpha·(a × b)` of matrices; `x` broadcasts. */
export const addmm = plus("addmm", ranked("addmm", 2, 2));
/** `beta·x + alpha·(a × b)` of a matrix and a vector; `x` broadcasts. */
export const addmv = plus("addmv", ranked("addmv", 2, 1));
/** `beta·x + alpha·(a × b)` of stacks of matrices; `x` broadcasts. */
export const baddbmm = plus("baddbmm", ranked("baddbmm", 3, 3));

/** `beta·x + alpha·Σ (a × b)`, summed over the stacks of matrices; `x` broadcasts. */
export const addbmm = plus("addbmm", (a, b) => sum(bmm(a, b), 0));
/** `beta·x + alpha·(a ⊗ b)` of vectors; `x` broadcasts. */
export const addr = plus("addr", (a, b) => outer(a, b));

/** The products of all pairs of elements of two vectors, `[M], [N] → [M, N]`. */
export function outer(a: Tensor, b: Tensor): Tensor {
  if (a.ndim !== 1 || b.ndim !== 1)
    throw new ShapeError("outer", `expected vectors, got ${show(a.shape)} and ${show(b.shape)}`, "flatten() them");
  return scope(() => mul(unsqueeze(a, 1), b));
}

/** The sums of products along the last axes, `[…, K], [***, K] → […, ***]`; a scalar multiplies. */
export function inner(a: Tensor, b: Tensor): Tensor {
  if (a.ndim === 0 || b.ndim === 0) return mul(a, b);
  return along("inner", a, b, [a.ndim - 1], [b.ndim - 1]);
}

/** Options of `tensordot`. */
export interface TensordotOptions {
  /** How many of the last axes of `a` meet the first of `b`, or the axes of both by number. Default 2. */
  readonly dims?: number | readonly [a: readonly number[], b: readonly number[]];
}

/** The sums of products along pairs of axes; the other axes of `a` and then those of `b` remain. */
export function tensordot(a: Tensor, b: Tensor, { dims = 2 }: TensordotOptions = {}): Tensor {
  if (typeof dims !== "number") {
    const [as, bs] = dims;
    if (as.length !== bs.length)
      throw new ShapeError("tensordot", `${as.length} axes meet ${bs.length}`, "name as many axes of both");
    return along("tensordot", a, b, as, bs);
  }
  if (!Number.isInteger(dims) || dims < 0 || dims > Math.min(a.ndim, b.ndim))
    throw new ShapeError(
      "tensordot",
      `${dims} axes of ${show(a.shape)} and ${show(b.shape)} cannot meet`,
      "name at most as many as both have",
    );
  const numbers = Array.from({ length: dims }, (_, i) => i);
  return along(
    "tensordot",
    a,
    b,
    numbers.map((i) => i + a.ndim - dims),
    numbers,
  );
}

/** Axis `as[i]` of `a` meets axis `bs[i]` of `b`. Axes of size 1 stretch, as in PyTorch. */
function along(op: string, a: Tensor, b: Tensor, as: readonly number[], bs: readonly number[]): Tensor {
  const labels = (x: Tensor, axes: readonly number[], name: string): string[] => {
    normalizeAxes(op, axes, x.ndim);
    const met = axes.map((axis) => (axis < 0 ? axis + x.ndim : axis));
    return x.shape.map((_, i) => (met.includes(i) ? `pair ${met.indexOf(i)}` : name + i));
  };
  const [left, right] = [labels(a, as, "a"), labels(b, bs, "b")];
  return contractAll(
    op,
    [a, b],
    [left, right],
    [...left, ...right].filter((label) => !left.includes(label) || !right.includes(label)),
  );
}

/** The Kronecker product: every element of `a` times the whole of `b`, side by side. */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.ndim, b.ndim);
  const lifted = ({ shape }: Tensor): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const [m, n] = [lifted(a), lifted(b)];
  return scope(() =>
    reshape(
      mul(
        reshape(
          a,
          m.flatMap((size) => [size, 1]),
        ),
        reshape(
          b,
          n.flatMap((size) => [1, size]),
        ),
      ),
      m.map((size, i) => size * n[i]!),
    ),
  );
}

/** Options of products along one axis. */
export interface AlongOptions {
  /** Default: the last axis. */
  readonly dim?: number;
}

/** The sums of products along an axis of operands that broadcast. */
export const vecdot = (a: Tensor, b: Tensor, { dim = -1 }: AlongOptions = {}): Tensor =>
  scope(() => sum(mul(a, b), dim));

/** The cross product of vectors of three numbers along an axis; the other axes broadcast. */
export function cross(a: Tensor, b: Tensor, { dim = -1 }: AlongOptions = {}): Tensor {
  if (a.ndim !== b.ndim)
    throw new ShapeError("cross", `${show(a.shape)} and ${show(b.shape)} differ in rank`, "unsqueeze() one of them");
  const axis = normalizeAxis("cross", dim, a.ndim);
  if (a.shape[axis] !== 3 || b.shape[axis] !== 3)
    throw new ShapeError("cross", `axis ${dim} of ${show(a.shape)} and ${show(b.shape)} must have size 3`);
  const rolled = (x: Tensor, by: 1 | 2): Tensor => cat([narrow(x, axis, by, 3 - by), narrow(x, axis, 0, by)], axis);
  return scope(() => sub(mul(rolled(a, 1), rolled(b, 2)), mul(rolled(a, 2), rolled(b, 1))));
}

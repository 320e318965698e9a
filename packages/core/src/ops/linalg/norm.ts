import { ArgumentError, ShapeError } from "../../errors.ts";
import { scope } from "../../memory.ts";
import { floating } from "../../op.ts";
import { normalizeAxis, reducedShape, show } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { abs, div, mul } from "../elementwise.ts";
import { permute, reshape } from "../movement.ts";
import { norm as tensorNorm } from "../norm.ts";
import { amax, amin } from "../reduce.ts";
import { type ReduceOptions, sum } from "../sum.ts";
import { invOp } from "./solve.ts";
import { svdvals } from "./svd.ts";

/** Options of `vectorNorm`. */
export interface VectorNormOptions extends ReduceOptions {
  /** The exponent: any number, infinities included. Default 2. */
  readonly ord?: number;
  /** Default: all axes. */
  readonly dim?: number | readonly number[];
}

/**
 * The norm `(Σ |xᵢ|^ord)^(1/ord)` of all elements along `dim`; the largest and smallest `|xᵢ|` for ±∞, the number of elements that are not 0
 * for 0. The gradient where the norm is 0 is 0.
 */
export function vectorNorm(x: Tensor, { ord = 2, dim, keepdim = false }: VectorNormOptions = {}): Tensor {
  floating("vectorNorm")([x.dtype]);
  return tensorNorm(x, ord, dim, { keepdim });
}

/** Norms of matrices: Frobenius' (of the elements), the nuclear one (the sum of singular values), and those that vectors induce. */
export type MatrixOrd = "fro" | "nuc" | number;

/** Options of `matrixNorm`. */
export interface MatrixNormOptions extends ReduceOptions {
  /** `"fro"` (default), `"nuc"`, 1 (columns), 2 (singular values) or ∞ (rows); −1, −2 and −∞ take the smallest. */
  readonly ord?: MatrixOrd;
  /** The axes of rows and columns. Default: the last two. */
  readonly dim?: readonly [rows: number, columns: number];
}

/** The norms of matrices: `[*, M, N] → [*]`. */
export function matrixNorm(
  a: Tensor,
  { ord = "fro", dim = [-2, -1], keepdim = false }: MatrixNormOptions = {},
): Tensor {
  floating("matrixNorm")([a.dtype]);
  if (a.ndim < 2) throw new ShapeError("matrixNorm", `expected a matrix, got ${show(a.shape)}`, "use vectorNorm()");
  const [row, column] = dim.map((axis) => normalizeAxis("matrixNorm", axis, a.ndim)) as [number, number];
  if (dim.length !== 2 || row === column)
    throw new ShapeError("matrixNorm", `[${dim}] must name two axes of ${show(a.shape)}`, "name rows and columns");
  if (ord === "fro") return vectorNorm(a, { dim, keepdim });
  const size = Math.abs(Number(ord));
  if (ord !== "nuc" && ![1, 2, Number.POSITIVE_INFINITY].includes(size))
    throw new ArgumentError("matrixNorm", `unknown order ${ord}`, 'use "fro", "nuc", ±1, ±2 or ±Infinity');
  return scope(() => {
    const rest = a.shape.map((_, i) => i).filter((i) => i !== row && i !== column);
    const m = permute(a, [...rest, row, column]);
    const parts = ord === "nuc" || size === 2 ? svdvals(m) : sum(abs(m), size === 1 ? -2 : -1);
    const y = ord === "nuc" ? sum(parts, -1) : Number(ord) > 0 ? amax(parts, -1) : amin(parts, -1);
    return reshape(y, reducedShape(a.shape, [row, column], keepdim));
  });
}

/** Options of `linalg.norm`. */
export interface NormOptions extends ReduceOptions {
  /** A norm of vectors or of matrices. Default: 2 of all elements. */
  readonly ord?: MatrixOrd;
  /** One axis for vectors, two for matrices. Default: all axes. */
  readonly dim?: number | readonly number[];
}

/** `vectorNorm` or `matrixNorm`, as one axis or two are named; without `dim`, as the tensor has one axis or two. */
export function norm(x: Tensor, { ord, dim, keepdim = false }: NormOptions = {}): Tensor {
  const axes = dim === undefined ? x.shape.map((_, i) => i) : [dim].flat();
  if ((dim !== undefined || ord !== undefined) && axes.length !== 1 && axes.length !== 2)
    throw new ShapeError("norm", `${axes.length} axes have no norm`, "name one axis or two, or leave out dim and ord");
  if (ord === undefined) return vectorNorm(x, { dim: axes, keepdim });
  if (axes.length === 1 && typeof ord === "number") return vectorNorm(x, { ord, dim: axes, keepdim });
  return matrixNorm(x, { ord, dim: axes as [number, number], keepdim });
}

/** Options of `cond`. */
export interface CondOptions {
  /** The norm. Default 2. */
  readonly p?: MatrixOrd;
}

/** How much a solution may change with its matrix: `‖A‖ ‖A⁻¹‖`. Infinite for singular matrices. */
export const cond = (a: Tensor, { p = 2 }: CondOptions = {}): Tensor =>
  scope(() => {
    if (p !== 2 && p !== -2)
      return mul(matrixNorm(a, { ord: p }), matrixNorm(invOp([a], { strict: false }), { ord: p }));
    const s = svdvals(a);
    const [most, least] = [amax(s, -1), amin(s, -1)];
    return p === 2 ? div(most, least) : div(least, most);
  });

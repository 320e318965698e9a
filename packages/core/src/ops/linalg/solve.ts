import { ArgumentError, LinAlgError } from "../../errors.ts";
import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import { sameShape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { neg } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { expand, squeeze, unsqueeze } from "../movement.ts";
import { eachMatrix, identity, type Matrix, mT, sameLead, squareShape, systemShape, unit } from "./matrices.ts";
import { substitute } from "./triangular.ts";

/** `P A = L U`: the factors in one matrix, and which row of `A` each of its rows is. */
export interface Factored {
  readonly lu: Matrix;
  readonly rows: readonly number[];
  /** The determinant of the permutation: 1 or −1. */
  readonly sign: number;
  /** The first pivot that is zero, −1 where none is. */
  readonly zero: number;
}

/** Gaussian elimination with partial pivoting, in place (Golub & Van Loan, Matrix Computations, algorithm 3.4.1). */
export function factorize(a: Matrix): Factored {
  const n = Math.sqrt(a.length);
  const rows = Array.from({ length: n }, (_, i) => i);
  let [sign, zero] = [1, -1];
  for (let k = 0; k < n; k++) {
    let p = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[p * n + k]!)) p = i;
    if (p !== k) {
      const row = a.slice(k * n, (k + 1) * n);
      a.copyWithin(k * n, p * n, (p + 1) * n);
      a.set(row, p * n);
      [rows[k], rows[p]] = [rows[p]!, rows[k]!];
      sign = -sign;
    }
    const pivot = a[k * n + k]!;
    if (pivot === 0) {
      if (zero < 0) zero = k;
      continue;
    }
    for (let i = k + 1; i < n; i++) {
      a[i * n + k]! /= pivot;
      const factor = a[i * n + k]!;
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!;
    }
  }
  return { lu: a, rows, sign, zero };
}

/** `A⁻¹ B`, given the factors of `A`. */
function backSolve({ lu, rows }: Factored, b: Matrix, columns: number): Matrix {
  const n = rows.length;
  const x = new Float64Array(b.length);
  for (const [i, row] of rows.entries()) x.set(b.subarray(row * columns, (row + 1) * columns), i * columns);
  substitute(lu, n, x, columns, { upper: false, unit: true });
  return substitute(lu, n, x, columns, { upper: true, unit: false });
}

/** `A⁻¹`, given the factors of `A`. */
export function inverted(factored: Factored): Matrix {
  const n = factored.rows.length;
  return backSolve(factored, unit(n), n);
}

function rejectSingular(op: string, { zero }: Factored, which: string): void {
  if (zero >= 0)
    throw new LinAlgError(op, `${which} is singular (pivot ${zero} is zero)`, "pinv() and lstsq() take any matrix");
}

const solveOp: Op<[a: Tensor, b: Tensor]> = primitive({
  name: "solve",
  shape: ([a, b]) => systemShape("solve", a, b),
  dtype: floating("solve"),
  host: ([a, b], _, out) => {
    const columns = b.shape.at(-1)!;
    return eachMatrix([a, b], out, ([a, b], which) => {
      const factored = factorize(a!);
      rejectSingular("solve", factored, which);
      return [backSolve(factored, b!, columns)];
    });
  },
  saves: ["input0", "output"],
  vjp: (g, { inputs: [a], output: x, needs }) => {
    const gB = solveOp([mT(a), g]);
    return [needs[0] ? neg(matmul(gB, x, false, true)) : null, gB];
  },
});

/** Options of `solve`. */
export interface SolveOptions {
  /** Whether to solve `A X = B` (default) or `X A = B`. */
  readonly left?: boolean;
}

/**
 * `X` of `A X = B` for square `A [*, N, N]` and `B [*, N, K]`, or vectors `[*, N]` where the leading axes are those of `A`; leading axes
 * broadcast. Throws a LinAlgError where a matrix is singular.
 */
export function solve(a: Tensor, b: Tensor, { left = true }: SolveOptions = {}): Tensor {
  return scope(() => {
    const vector = b.ndim === 1 || sameShape(b.shape, a.shape.slice(0, -1));
    const right = vector ? unsqueeze(b, -1) : left ? b : mT(b);
    const x = solveOp(sameLead("solve", left ? a : mT(a), right));
    return vector ? squeeze(x, -1) : left ? x : mT(x);
  });
}

interface InvAttrs {
  /** Whether the inverse of a singular matrix is an error, and not infinite. */
  readonly strict: boolean;
}

/** @internal */
export const invOp: Op<[a: Tensor], InvAttrs> = primitive({
  name: "inv",
  shape: ([a]) => squareShape("inv", a),
  dtype: floating("inv"),
  host: ([a], { strict }, out) =>
    eachMatrix([a], out, ([a], which) => {
      const factored = factorize(a!);
      if (strict) rejectSingular("inv", factored, which);
      return [factored.zero < 0 ? inverted(factored) : a!.fill(Number.POSITIVE_INFINITY)];
    }),
  saves: ["output"],
  vjp: [(g, { output: y }) => neg(matmul(matmul(y, g, true), y, false, true))],
});

/** The inverses of square matrices. Throws a LinAlgError where one is singular; `solve` is steadier than a product with the inverse. */
export const inv = (a: Tensor): Tensor => invOp([a], { strict: true });

/** The `n`-th powers of square matrices, by squaring; of their inverses where `n` is negative. */
export function matrixPower(a: Tensor, n: number): Tensor {
  squareShape("matrixPower", a.shape);
  if (!Number.isInteger(n))
    throw new ArgumentError("matrixPower", `the exponent must be an integer, got ${n}`, "use eigh() for others");
  return scope(() => {
    if (n === 0) return expand(identity(a.shape.at(-1)!, a), a.shape);
    let square = n < 0 ? inv(a) : a;
    let power: Tensor | null = null;
    for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
      if (left % 2 === 1) power = power === null ? square : matmul(power, square);
      if (left > 1) square = matmul(square, square);
    }
    return power!;
  });
}

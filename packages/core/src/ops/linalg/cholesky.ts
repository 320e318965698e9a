import { LinAlgError } from "../../errors.ts";
import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { eachMatrix, lower, type Matrix, mT, squareShape } from "./matrices.ts";
import { solveTriangular } from "./triangular.ts";

/** `A = L Lᵀ`, column by column, from the lower triangle (Golub & Van Loan, Matrix Computations, algorithm 4.2.1). */
function factorize(a: Matrix, which: string): Matrix {
  const n = Math.sqrt(a.length);
  const l = new Float64Array(a.length);
  for (let j = 0; j < n; j++)
    for (let i = j; i < n; i++) {
      let rest = a[i * n + j]!;
      for (let k = 0; k < j; k++) rest -= l[i * n + k]! * l[j * n + k]!;
      if (i > j) l[i * n + j] = rest / l[j * n + j]!;
      else if (rest > 0) l[i * n + j] = Math.sqrt(rest);
      else
        throw new LinAlgError(
          "cholesky",
          `${which} is not positive-definite (the leading minor of order ${j + 1} is not)`,
          "add to its diagonal, or use eigh()",
        );
    }
  return l;
}

const choleskyOp: Op<[a: Tensor]> = primitive({
  name: "cholesky",
  shape: ([a]) => squareShape("cholesky", a),
  dtype: floating("cholesky"),
  host: ([a], _, out) => eachMatrix([a], out, ([a], which) => [factorize(a!, which)]),
  saves: ["output"],
  // Murray (2016), Differentiation of the Cholesky decomposition, equation 10.
  vjp: [
    (g, { output: l }) => {
      const p = matmul(l, g, true);
      const phi = mul(add(lower(p), lower(p, false)), 0.5);
      const s = solveTriangular(l, solveTriangular(mT(l), phi, { upper: true }), { upper: false, left: false });
      return mul(add(s, mT(s)), 0.5);
    },
  ],
});

/** Options of `cholesky` and `choleskySolve`. */
export interface CholeskyOptions {
  /** Whether the factor is upper triangular, `A = Uᵀ U`. Default false: `A = L Lᵀ`. */
  readonly upper?: boolean;
}

/** The triangular factors of symmetric positive-definite matrices, of which one triangle is read. Throws a LinAlgError for others. */
export const cholesky = (a: Tensor, { upper = false }: CholeskyOptions = {}): Tensor =>
  upper ? scope(() => mT(choleskyOp([mT(a)]))) : choleskyOp([a]);

/** `X` of `A X = B`, given the Cholesky factor of `A`. */
export const choleskySolve = (b: Tensor, factor: Tensor, { upper = false }: CholeskyOptions = {}): Tensor =>
  scope(() => {
    const l = upper ? mT(factor) : factor;
    return solveTriangular(mT(l), solveTriangular(l, b, { upper: false }), { upper: true });
  });

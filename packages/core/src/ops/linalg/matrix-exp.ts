import { floating, type Op, primitive } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { zerosLike } from "../creation.ts";
import { cat } from "../join.ts";
import { narrow } from "../movement.ts";
import { eachMatrix, type Matrix, mT, squareShape, unit } from "./matrices.ts";

function product(a: Matrix, b: Matrix, n: number): Matrix {
  const y = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k]!;
      for (let j = 0; j < n; j++) y[i * n + j]! += factor * b[k * n + j]!;
    }
  return y;
}

/** So many terms of the series are exact in doubles for a norm of 1/2. */
const TERMS = 16;

/** `eᴬ` by scaling and squaring (Higham, Functions of Matrices, 2008, chapter 10), with Taylor's series. */
function exponential(a: Matrix): Matrix {
  const n = Math.sqrt(a.length);
  let norm = 0;
  for (let i = 0; i < n; i++)
    norm = Math.max(
      norm,
      a.subarray(i * n, (i + 1) * n).reduce((sum, x) => sum + Math.abs(x), 0),
    );
  const halvings = Number.isFinite(norm) ? Math.max(0, Math.ceil(Math.log2(norm)) + 1) : 0;
  const small = a.map((x) => x / 2 ** halvings);
  const one = unit(n);
  let y = one;
  for (let k = TERMS; k > 0; k--) y = product(small, y, n).map((x, i) => one[i]! + x / k);
  for (let i = 0; i < halvings; i++) y = product(y, y, n);
  return y;
}

const expOp: Op<[a: Tensor]> = primitive({
  name: "matrixExp",
  shape: ([a]) => squareShape("matrixExp", a),
  dtype: floating("matrixExp"),
  host: ([a], _, out) => eachMatrix([a], out, ([a]) => [exponential(a!)]),
  saves: ["input0"],
  // The derivative at Aᵀ along g is a block of the exponential of a larger matrix (Mathias 1996).
  vjp: [
    (g, { inputs: [a] }) => {
      const n = a.shape.at(-1)!;
      const t = mT(a);
      const blocks = cat([cat([t, g], -1), cat([zerosLike(a), t], -1)], -2);
      return narrow(narrow(expOp([blocks]), -2, 0, n), -1, n, n);
    },
  ],
});

/** `eᴬ = Σ Aᵏ / k!` of square matrices. */
export const matrixExp = (a: Tensor): Tensor => expOp([a]);

import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import type { Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { lt, mul, sub, where } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { unsqueeze } from "../movement.ts";
import { sum } from "../sum.ts";
import { singularVectors } from "./jacobi.ts";
import { eachMatrix, type Matrix, mT, squareShape } from "./matrices.ts";
import { type Factored, factorize, inv, inverted, invOp } from "./solve.ts";

const everywhere = (x: Tensor): Tensor => unsqueeze(unsqueeze(x, -1), -1);
const scalars = (op: string, shape: Shape): Shape => squareShape(op, shape).slice(0, -2);

function determinant({ lu, rows, sign }: Factored): number {
  const n = rows.length;
  let det = sign;
  for (let i = 0; i < n; i++) det *= lu[i * n + i]!;
  return det;
}

/**
 * The cofactors of a matrix, which are the gradient of its determinant: `det(A) A⁻ᵀ`, and where that does not exist,
 * `det(U) det(V) · U diag(∏ of the other singular values) Vᵀ`.
 */
function cofactors(a: Matrix): Matrix {
  const n = Math.sqrt(a.length);
  const lu = factorize(a.slice());
  const y = new Float64Array(a.length);
  if (lu.zero < 0) {
    const inverse = inverted(lu);
    const det = determinant(lu);
    return y.map((_, i) => det * inverse[(i % n) * n + Math.floor(i / n)]!);
  }
  const { u, s, v } = singularVectors(a, n, n);
  const sign = Math.sign(determinant(factorize(u.slice())) * determinant(factorize(v.slice())));
  for (let k = 0; k < n; k++) {
    const others = s.reduce((product, value, i) => (i === k ? product : product * value), sign);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) y[i * n + j]! += others * u[k * n + i]! * v[k * n + j]!;
  }
  return y;
}

const cofactorOp: Op<[a: Tensor]> = primitive({
  name: "cofactor",
  shape: ([a]) => a,
  host: ([a], _, out) => eachMatrix([a], out, ([a]) => [cofactors(a!)]),
  saves: ["input0", "output"],
  vjp: [
    (g, { inputs: [a], output: c }) => {
      const y = mT(inv(a));
      return sub(mul(everywhere(sum(mul(g, c), [-2, -1])), y), matmul(matmul(c, g, false, true), y));
    },
  ],
});

const detOp: Op<[a: Tensor]> = primitive({
  name: "det",
  shape: ([a]) => scalars("det", a),
  dtype: floating("det"),
  host: ([a], _, out) => eachMatrix([a], out, ([a]) => [[determinant(factorize(a!))]]),
  saves: ["input0"],
  vjp: [(g, { inputs: [a] }) => mul(everywhere(g), cofactorOp([a]))],
});

/**
 * The determinants of square matrices, `[*, N, N] → [*]`. The gradient exists where a matrix is singular; that of the gradient does not
 * (a LinAlgError).
 */
export const det = (a: Tensor): Tensor => detOp([a]);

const slogdetOp: Op<[a: Tensor], void, readonly Tensor[]> = primitive({
  name: "slogdet",
  outputs: ([a], dtypes) => {
    const spec = { shape: scalars("slogdet", a), dtype: floating("slogdet")(dtypes) };
    return [spec, spec];
  },
  host: ([a], _, out) =>
    eachMatrix([a], out, ([a]) => {
      const { lu, rows, sign } = factorize(a!);
      const n = rows.length;
      let [signs, logs] = [sign, 0];
      for (let i = 0; i < n; i++) {
        signs *= Math.sign(lu[i * n + i]!);
        logs += Math.log(Math.abs(lu[i * n + i]!));
      }
      return [[signs], [logs]];
    }),
  saves: ["input0"],
  // The sign does not change where it has a gradient.
  vjp: [
    (_, { inputs: [a], grads: [, g] }) => (g == null ? null : mul(everywhere(g), mT(invOp([a], { strict: false })))),
  ],
});

/** Signs and logarithms of the absolute values of determinants, which may themselves be too large or small for a float. */
export function slogdet(a: Tensor): { sign: Tensor; logabsdet: Tensor } {
  const [sign, logabsdet] = slogdetOp([a]);
  return { sign: sign!, logabsdet: logabsdet! };
}

/** The logarithms of determinants: NaN where one is negative, −∞ where it is zero. */
export const logdet = (a: Tensor): Tensor =>
  scope(() => {
    const { sign, logabsdet } = slogdet(a);
    return where(lt(sign, 0), Number.NaN, logabsdet);
  });

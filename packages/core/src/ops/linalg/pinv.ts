import { ShapeError } from "../../errors.ts";
import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import { show } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { neg, square, sub } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { squeeze, unsqueeze } from "../movement.ts";
import { sum } from "../sum.ts";
import { rejectInfinite, singularVectors } from "./jacobi.ts";
import { eachMatrix, mT, sizesOf, total } from "./matrices.ts";
import { type RankOptions, tolerances } from "./svd.ts";

interface Tolerances {
  readonly atol: number;
  readonly rtol: number;
}

const pinvOp: Op<[a: Tensor], Tolerances> = primitive({
  name: "pinv",
  shape: ([a]) => {
    const [m, n] = sizesOf("pinv", a);
    return [...a.slice(0, -2), n, m];
  },
  dtype: floating("pinv"),
  host: ([a], { atol, rtol }, out) => {
    const [m, n] = sizesOf("pinv", a.shape);
    return eachMatrix([a], out, ([a], which) => {
      rejectInfinite("pinv", a!, which);
      const { u, s, v } = singularVectors(a!, m, n);
      const y = new Float64Array(n * m);
      for (let k = 0; k < s.length; k++) {
        if (s[k]! <= Math.max(atol, rtol * s[0]!)) break;
        for (let i = 0; i < n; i++)
          for (let j = 0; j < m; j++) y[i * m + j]! += (v[k * n + i]! / s[k]!) * u[k * m + j]!;
      }
      return [y];
    });
  },
  saves: ["input0", "output"],
  // Golub & Pereyra (1973), where the rank does not change.
  vjp: [
    (g, { inputs: [a], output: p }) => {
      const gT = mT(g);
      const outside = sub(gT, matmul(a, matmul(p, gT)));
      const across = sub(gT, matmul(matmul(gT, p), a));
      return total(
        neg(matmul(matmul(p, g, true), p, false, true)),
        matmul(matmul(outside, p), p, false, true),
        matmul(p, matmul(p, across), true),
      );
    },
  ],
});

/** The pseudo-inverses of Moore and Penrose, `[*, M, N] → [*, N, M]`. The gradient is right where the rank does not change. */
export function pinv(a: Tensor, options: RankOptions = {}): Tensor {
  const [atol, rtol] = tolerances(a, options);
  return pinvOp([a], { atol, rtol });
}

/** Options of `lstsq`. */
export interface LstsqOptions {
  /** Singular values not above this part of the largest count as zero. Default: the larger size of `A` times its precision. */
  readonly rcond?: number;
}

/**
 * The smallest `X` of those that bring `A X` nearest to `B`, for `A [*, M, N]` and `B [*, M, K]` (or a vector for every matrix), and the
 * squared distances `[*, K]` that are left.
 */
export function lstsq(a: Tensor, b: Tensor, { rcond }: LstsqOptions = {}): { solution: Tensor; residuals: Tensor } {
  const [m] = sizesOf("lstsq", a.shape);
  const vector = b.ndim === a.ndim - 1;
  if (b.shape.at(vector ? -1 : -2) !== m)
    throw new ShapeError(
      "lstsq",
      `${show(a.shape)} and ${show(b.shape)} differ in their rows`,
      "transpose one of them",
    );
  return scope(() => {
    const right = vector ? unsqueeze(b, -1) : b;
    const x = matmul(pinv(a, rcond === undefined ? {} : { rtol: rcond }), right);
    const residuals = sum(square(sub(matmul(a, x), right)), -2);
    return vector ? { solution: squeeze(x, -1), residuals: squeeze(residuals, -1) } : { solution: x, residuals };
  });
}

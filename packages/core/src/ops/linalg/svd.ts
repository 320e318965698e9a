import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { div, gt, maximum, mul, sub } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { narrow, unsqueeze } from "../movement.ts";
import { amax } from "../reduce.ts";
import { sum } from "../sum.ts";
import { completed, rejectInfinite, singularVectors, transposed } from "./jacobi.ts";
import { diagonal, differences, eachMatrix, epsilonOf, mT, sizesOf, total } from "./matrices.ts";

const svdOp: Op<[a: Tensor], { full: boolean }, readonly Tensor[]> = primitive({
  name: "svd",
  outputs: ([a], dtypes, { full }) => {
    const [m, n] = sizesOf("svd", a);
    const dtype = floating("svd")(dtypes);
    const k = Math.min(m, n);
    return [
      { shape: a.with(-1, full ? m : k), dtype },
      { shape: [...a.slice(0, -2), k], dtype },
      { shape: a.with(-2, full ? n : k), dtype },
    ];
  },
  host: ([a], { full }, out) => {
    const [m, n] = sizesOf("svd", a.shape);
    return eachMatrix([a], out, ([a], which) => {
      rejectInfinite("svd", a!, which);
      const { u, s, v } = singularVectors(a!, m, n);
      const k = s.length;
      return full ? [transposed(completed(u, m, m, k), m, m), s, completed(v, n, n, k)] : [transposed(u, k, m), s, v];
    });
  },
  saves: ["output0", "output1", "output2"],
  // Townsend (2016), Differentiating the singular value decomposition.
  vjp: [
    (_, { outputs, grads }) => {
      const s = outputs[1]!;
      const [m, n, k] = [outputs[0]!.shape.at(-2)!, outputs[2]!.shape.at(-1)!, s.shape.at(-1)!];
      const part = (x: Tensor | null | undefined, axis: -1 | -2) =>
        x == null || x.shape.at(axis) === k ? (x ?? null) : narrow(x, axis, 0, k);
      const [u, vh, gU, gVh] = [part(outputs[0], -1)!, part(outputs[2], -2)!, part(grads[0], -1), part(grads[2], -2)];
      // Where only the singular values are used, equal ones do no harm.
      const gaps = gU === null && gVh === null ? null : differences(mul(s, s));
      const turned = (x: Tensor): Tensor => div(sub(x, mT(x)), gaps!);
      const [uu, vv] = [gU && matmul(u, gU, true), gVh && matmul(vh, gVh, false, true)];
      const inner = total(
        grads[1] == null ? null : diagonal(grads[1]),
        uu && mul(turned(uu), unsqueeze(s, -2)),
        vv && mul(unsqueeze(s, -1), turned(vv)),
      );
      // What leaves the space that the singular vectors span.
      return total(
        matmul(matmul(u, inner), vh),
        uu && m > k ? matmul(div(sub(gU!, matmul(u, uu)), unsqueeze(s, -2)), vh) : null,
        vv && n > k ? matmul(u, div(sub(gVh!, matmul(vv, vh, true)), unsqueeze(s, -1))) : null,
      );
    },
  ],
});

/** Options of `svd`. */
export interface SvdOptions {
  /** Whether `U` and `Vh` are square. Default true, as in PyTorch. */
  readonly fullMatrices?: boolean;
}

/**
 * `A = U diag(S) Vh` with orthonormal columns of `U` and rows of `Vh`, and singular values in descending order:
 * `[*, M, N] → U [*, M, M], S [*, K], Vh [*, N, N]`, or `U [*, M, K], Vh [*, K, N]` where not full; `K` is the smaller of `M` and `N`.
 *
 * Of the two signs of a pair of singular vectors, the one is taken that makes the largest element of the row of `Vh` positive. Gradients
 * are right for functions that do not depend on the choice, and infinite where singular values are equal.
 */
export function svd(a: Tensor, { fullMatrices = true }: SvdOptions = {}): { U: Tensor; S: Tensor; Vh: Tensor } {
  const [U, S, Vh] = svdOp([a], { full: fullMatrices }) as [Tensor, Tensor, Tensor];
  return { U, S, Vh };
}

/** The singular values of matrices in descending order, `[*, M, N] → [*, min(M, N)]`. */
export const svdvals = (a: Tensor): Tensor => scope(() => svd(a, { fullMatrices: false }).S);

/** Which singular values count as zero: those not above the larger of `atol` and `rtol` times the largest. */
export interface RankOptions {
  /** Default 0. */
  readonly atol?: number;
  /** Default: the larger size of the matrix times the precision of its dtype; 0 where `atol` is given. */
  readonly rtol?: number;
}

/** @internal The two tolerances, where they were not given. */
export function tolerances(
  a: Pick<Tensor, "shape" | "dtype">,
  { atol, rtol }: RankOptions,
): [atol: number, rtol: number] {
  const usual = atol === undefined || atol === 0 ? Math.max(...a.shape.slice(-2)) * epsilonOf(a.dtype) : 0;
  return [atol ?? 0, rtol ?? usual];
}

/** The int32 numbers of singular values that are not zero, `[*, M, N] → [*]`. */
export function matrixRank(a: Tensor, options: RankOptions = {}): Tensor {
  return scope(() => {
    const s = svdvals(a);
    if (s.shape.at(-1) === 0) return sum(gt(s, 0), -1);
    const [atol, rtol] = tolerances(a, options);
    return sum(gt(s, maximum(mul(amax(s, -1, { keepdim: true }), rtol), atol)), -1);
  });
}

import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { div, mul, sub } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { eigenvectors, rejectInfinite } from "./jacobi.ts";
import { diagonal, differences, eachMatrix, mT, squareShape, total } from "./matrices.ts";

const eighOp: Op<[a: Tensor], void, readonly Tensor[]> = primitive({
  name: "eigh",
  outputs: ([a], dtypes) => {
    const shape = squareShape("eigh", a);
    const dtype = floating("eigh")(dtypes);
    return [
      { shape: shape.slice(0, -1), dtype },
      { shape, dtype },
    ];
  },
  host: ([a], _, out) =>
    eachMatrix([a], out, ([a], which) => {
      rejectInfinite("eigh", a!, which);
      return eigenvectors(a!);
    }),
  saves: ["output0", "output1"],
  // Giles (2008), An extended collection of matrix derivative results, section 3.1.
  vjp: [
    (_, { outputs: [values, v], grads: [gValues, gV] }) => {
      const turn = gV == null ? null : matmul(v!, gV, true);
      const inner = total(
        gValues == null ? null : diagonal(gValues),
        turn && div(mul(sub(turn, mT(turn)), 0.5), differences(values!)),
      );
      return matmul(matmul(v!, inner), v!, false, true);
    },
  ],
});

/** Options of `eigh` and `eigvalsh`. */
export interface EighOptions {
  /** Which triangle is read: the lower (default) or the upper one. */
  readonly UPLO?: "L" | "U";
}

/**
 * Eigenvalues in ascending order and eigenvectors of symmetric matrices, `A V = V diag(λ)`: `[*, N, N] → λ [*, N], V [*, N, N]`, where the
 * columns of `V` are orthonormal and the largest element of each is positive.
 *
 * Gradients are right for functions that do not depend on the signs, and infinite for eigenvectors of equal eigenvalues.
 */
export function eigh(a: Tensor, { UPLO = "L" }: EighOptions = {}): { eigenvalues: Tensor; eigenvectors: Tensor } {
  return scope(() => {
    squareShape("eigh", a.shape);
    const [eigenvalues, eigenvectors] = eighOp([UPLO === "U" ? mT(a) : a]) as [Tensor, Tensor];
    return { eigenvalues, eigenvectors };
  });
}

/** The eigenvalues of symmetric matrices in ascending order, `[*, N, N] → [*, N]`. */
export const eigvalsh = (a: Tensor, options?: EighOptions): Tensor => scope(() => eigh(a, options).eigenvalues);

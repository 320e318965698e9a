import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { neg } from "../elementwise.ts";
import { matmul } from "../matmul.ts";
import { eachMatrix, lower, type Matrix, mT, sameLead, systemShape, upper } from "./matrices.ts";

interface Triangle {
  readonly upper: boolean;
  /** Whether the diagonal counts as ones and is not read. */
  readonly unit: boolean;
}

/** Solves `A X = B` in place, from the row of `A` that has one element on. `B` has `columns` columns. */
export function substitute(a: Matrix, n: number, b: Matrix, columns: number, { upper, unit }: Triangle): Matrix {
  for (let k = 0; k < n; k++) {
    const i = upper ? n - 1 - k : k;
    for (let j = upper ? i + 1 : 0; j < (upper ? n : i); j++) {
      const factor = a[i * n + j]!;
      for (let c = 0; c < columns; c++) b[i * columns + c]! -= factor * b[j * columns + c]!;
    }
    if (!unit) for (let c = 0; c < columns; c++) b[i * columns + c]! /= a[i * n + i]!;
  }
  return b;
}

const triangularOp: Op<[a: Tensor, b: Tensor], Triangle> = primitive({
  name: "solveTriangular",
  shape: ([a, b]) => systemShape("solveTriangular", a, b),
  dtype: floating("solveTriangular"),
  host: ([a, b], triangle, out) => {
    const [n, columns] = b.shape.slice(-2) as [number, number];
    return eachMatrix([a, b], out, ([a, b]) => [substitute(a!, n, b!, columns, triangle)]);
  },
  saves: ["input0", "output"],
  vjp: (g, { inputs: [a], output: x, attrs, needs }) => {
    const gB = triangularOp([mT(a), g], { ...attrs, upper: !attrs.upper });
    if (!needs[0]) return [null, gB];
    return [(attrs.upper ? upper : lower)(neg(matmul(gB, x, false, true)), !attrs.unit), gB];
  },
});

/** Options of `solveTriangular`. */
export interface TriangularOptions {
  /** Whether the matrices are upper or lower triangular; the other triangle is not read. */
  readonly upper: boolean;
  /** Whether to solve `A X = B` (default) or `X A = B`. */
  readonly left?: boolean;
  /** Whether the diagonal counts as ones, and is not read. Default false. */
  readonly unitriangular?: boolean;
}

/** `X` of `A X = B` for triangular matrices `A [*, N, N]` and `B [*, N, K]`. A zero on a diagonal gives infinities, as in PyTorch. */
export function solveTriangular(
  a: Tensor,
  b: Tensor,
  { upper, left = true, unitriangular = false }: TriangularOptions,
): Tensor {
  return scope(() => {
    if (!left) return mT(solveTriangular(mT(a), mT(b), { upper: !upper, unitriangular }));
    return triangularOp(sameLead("solveTriangular", a, b), { upper, unit: unitriangular });
  });
}

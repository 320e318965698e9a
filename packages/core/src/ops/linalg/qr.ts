import { ArgumentError, GradientError } from "../../errors.ts";
import { scope } from "../../memory.ts";
import { floating, type Op, primitive } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { zeros } from "../creation.ts";
import { add, neg } from "../elementwise.ts";
import { cat } from "../join.ts";
import { matmul } from "../matmul.ts";
import { narrow } from "../movement.ts";
import { eachMatrix, lower, type Matrix, mT, sizesOf, total } from "./matrices.ts";
import { solveTriangular } from "./triangular.ts";

/**
 * `A = Q R` by Householder reflections, `Q [m, k]` and `R [k, n]` (Golub & Van Loan, Matrix Computations, algorithm 5.2.1), with LAPACK's
 * signs: a column that is already reduced is not reflected.
 */
function decompose(a: Matrix, m: number, n: number, k: number): [q: Matrix, r: Matrix] {
  const q = new Float64Array(m * k);
  for (let i = 0; i < k; i++) q[i * k + i] = 1;
  const reflections: { v: Matrix; scale: number }[] = [];
  for (let j = 0; j < Math.min(m, n); j++) {
    const v = Float64Array.from({ length: m - j }, (_, i) => a[(i + j) * n + j]!);
    const below = v.subarray(1).reduce((sum, x) => sum + x * x, 0);
    const norm = Math.sqrt(v[0]! * v[0]! + below);
    if (below !== 0) v[0]! += v[0]! < 0 ? -norm : norm;
    const reflection = { v, scale: below === 0 ? 0 : 2 / (v[0]! * v[0]! + below) };
    reflections.push(reflection);
    reflect(a, n, j, reflection);
  }
  for (let j = reflections.length - 1; j >= 0; j--) reflect(q, k, j, reflections[j]!);
  return [q, a.slice(0, k * n).map((x, i) => (Math.floor(i / n) > i % n ? 0 : x))];
}

/** `A − scale · v vᵀ A`, where `v` begins at row `first`. */
function reflect(
  a: Matrix,
  columns: number,
  first: number,
  { v, scale }: { readonly v: Matrix; readonly scale: number },
): void {
  if (scale === 0) return;
  for (let c = 0; c < columns; c++) {
    let dot = 0;
    for (let i = 0; i < v.length; i++) dot += v[i]! * a[(first + i) * columns + c]!;
    for (let i = 0; i < v.length; i++) a[(first + i) * columns + c]! -= scale * dot * v[i]!;
  }
}

const qrOp: Op<[a: Tensor], { complete: boolean }, readonly Tensor[]> = primitive({
  name: "qr",
  outputs: ([a], dtypes, { complete }) => {
    const [m, n] = sizesOf("qr", a);
    const dtype = floating("qr")(dtypes);
    const k = complete ? m : Math.min(m, n);
    return [
      { shape: a.with(-1, k), dtype },
      { shape: a.with(-2, k), dtype },
    ];
  },
  host: ([a], _, out) => {
    const [m, n] = sizesOf("qr", a.shape);
    return eachMatrix([a], out, ([a]) => decompose(a!, m, n, out[0]!.shape.at(-1)!));
  },
  saves: ["output0", "output1"],
  // Walter & Lehmann (2013), Algorithmic differentiation of linear algebra functions, for matrices that are not wide.
  vjp: [
    (_, { outputs: [q, r], grads: [gQ, gR] }) => {
      const [m, n] = [q!.shape.at(-2)!, r!.shape.at(-1)!];
      if (r!.shape.at(-2) !== n)
        throw new GradientError("qr", `the complete factors of [${m},${n}] have no gradient`, 'use mode: "reduced"');
      const inner = total(
        gR == null ? null : matmul(r!, gR, false, true),
        gQ == null ? null : neg(matmul(gQ, q!, true)),
      );
      const right = matmul(q!, add(lower(inner), mT(lower(inner, false))));
      return solveTriangular(mT(r!), gQ == null ? right : add(gQ, right), { upper: false, left: false });
    },
  ],
});

const MODES = ["reduced", "complete", "r"] as const;

/** Options of `qr`. */
export interface QrOptions {
  /** `"complete"` makes `Q` square, `"r"` gives only `R` and an empty `Q`. Default `"reduced"`. */
  readonly mode?: (typeof MODES)[number];
}

/**
 * `A = Q R` with orthonormal columns of `Q` and an upper triangular `R`, of the signs that LAPACK gives them:
 * `[*, M, N] → Q [*, M, K], R [*, K, N]`, where `K` is the smaller of `M` and `N`, or `M` where complete.
 */
export function qr(a: Tensor, { mode = "reduced" }: QrOptions = {}): { Q: Tensor; R: Tensor } {
  const [m, n] = sizesOf("qr", a.shape);
  if (!MODES.includes(mode)) throw new ArgumentError("qr", `unknown mode "${mode}"`, `use one of ${MODES.join(", ")}`);
  return scope(() => {
    const complete = mode === "complete" && m > n;
    // The left square of a wide matrix has all of Q.
    const [Q, left] = qrOp([m < n ? narrow(a, -1, 0, m) : a], { complete }) as [Tensor, Tensor];
    const R = m < n ? cat([left, matmul(Q, narrow(a, -1, m, n - m), true)], -1) : left;
    return { Q: mode === "r" ? zeros([0], { dtype: a.dtype, backend: a.backend }) : Q, R };
  });
}

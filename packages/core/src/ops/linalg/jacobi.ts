import { LinAlgError } from "../../errors.ts";
import { type Matrix, unit } from "./matrices.ts";

/** The singular vectors as rows, those of the largest singular values first. */
interface Decomposed {
  readonly u: Matrix;
  readonly s: Matrix;
  readonly v: Matrix;
}

/** The sum of products of the rows `p` and `q`. */
function dot(a: Matrix, n: number, p: number, q: number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += a[p * n + k]! * a[q * n + k]!;
  return sum;
}

/** A rotation: cosine and sine. */
type Angle = readonly [c: number, s: number];

/** The smaller of the rotations that make `[[x, z], [z, y]]` diagonal. */
function angleOf(x: number, y: number, z: number): Angle {
  const zeta = (y - x) / (2 * z);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
  const c = 1 / Math.hypot(1, t);
  return [c, c * t];
}

/** The rows `p` and `q` turned by an angle. */
function rotate(a: Matrix, n: number, p: number, q: number, [c, s]: Angle): void {
  for (let i = p * n, j = q * n; i < (p + 1) * n; i++, j++) {
    const x = a[i]!;
    const y = a[j]!;
    a[i] = c * x - s * y;
    a[j] = s * x + c * y;
  }
}

/** As many sweeps as nothing needs. */
const SWEEPS = 60;

/**
 * @internal `A [m, n] = Σ sᵢ uᵢ vᵢᵀ` by one-sided Jacobi rotations, which find small singular values as exactly as large ones (Hestenes 1958;
 * Demmel & Veselić 1992). The largest element of every row of `v` is positive.
 */
export function singularVectors(a: Matrix, m: number, n: number): Decomposed {
  if (m < n) {
    const { u, s, v } = singularVectors(transposed(a, m, n), n, m);
    return oriented({ u: v, s, v: u }, m, n);
  }
  // Squares must neither overflow nor vanish.
  const scale = 2 ** Math.floor(Math.log2(a.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1));
  const w = transposed(a, m, n).map((x) => x / scale);
  const v = unit(n);
  const squares = Array.from({ length: n }, (_, i) => dot(w, m, i, i));
  for (let sweep = 0, moved = true; moved && sweep < SWEEPS; sweep++) {
    moved = false;
    for (let q = 1; q < n; q++)
      for (let p = 0; p < q; p++) {
        const gamma = dot(w, m, p, q);
        if (Math.abs(gamma) <= 2 ** -52 * Math.sqrt(squares[p]!) * Math.sqrt(squares[q]!)) continue;
        moved = true;
        const angle = angleOf(squares[p]!, squares[q]!, gamma);
        rotate(w, m, p, q, angle);
        rotate(v, n, p, q, angle);
        for (const i of [p, q]) squares[i] = dot(w, m, i, i);
      }
  }
  const order = squares.map((_, i) => i).sort((i, j) => squares[j]! - squares[i]!);
  const norms = Float64Array.from(order, (i) => Math.sqrt(squares[i]!));
  const picked = (rows: Matrix, length: number): Matrix =>
    Float64Array.from({ length: n * length }, (_, i) => rows[order[Math.floor(i / length)]! * length + (i % length)]!);
  const u = picked(w, m).map((x, i) => x / norms[Math.floor(i / m)]!);
  const rank = norms.includes(0) ? norms.indexOf(0) : n;
  return oriented({ u: completed(u, m, n, rank), s: norms.map((x) => x * scale), v: picked(v, n) }, m, n);
}

/** The transpose of `a [m, n]`. */
export const transposed = (a: Matrix, m: number, n: number): Matrix =>
  Float64Array.from({ length: m * n }, (_, i) => a[(i % m) * n + Math.floor(i / m)]!);

/** Whether the largest element of a row is negative; of several that are as large but for rounding, the first. */
function pointsBack(rows: Matrix, n: number, i: number): boolean {
  let most = 0;
  for (let k = 0; k < n; k++) {
    const x = rows[i * n + k]!;
    if (Math.abs(x) > Math.abs(most) * (1 + 1e-9)) most = x;
  }
  return most < 0;
}

/** With both vectors of a pair turned around where that of `v` points back. */
function oriented({ u, s, v }: Decomposed, m: number, n: number): Decomposed {
  for (let i = 0; i < s.length; i++)
    if (pointsBack(v, n, i)) {
      for (let k = 0; k < m; k++) u[i * m + k]! *= -1;
      for (let k = 0; k < n; k++) v[i * n + k]! *= -1;
    }
  return { u, s, v };
}

/** @internal `count` orthonormal rows: the first `have` of `rows`, then unit vectors without their parts along the others. */
export function completed(rows: Matrix, n: number, count: number, have: number): Matrix {
  const all = new Float64Array(count * n);
  all.set(rows.subarray(0, have * n));
  for (let i = have; i < count; i++) {
    // The unit vector of which the rows so far hold the least.
    const held = Array.from({ length: n }, (_, k) => {
      let sum = 0;
      for (let j = 0; j < i; j++) sum += all[j * n + k]! ** 2;
      return sum;
    });
    all[i * n + held.indexOf(Math.min(...held))] = 1;
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const part = dot(all, n, i, j);
        for (let k = 0; k < n; k++) all[i * n + k]! -= part * all[j * n + k]!;
      }
      const norm = Math.sqrt(dot(all, n, i, i));
      for (let k = 0; k < n; k++) all[i * n + k]! /= norm;
    }
  }
  return all;
}

/** @internal Throws where an element is infinite or NaN: rotations would leave it as it is. */
export function rejectInfinite(op: string, a: Matrix, which: string): void {
  if (!a.every(Number.isFinite))
    throw new LinAlgError(op, `${which} has elements that are not finite`, "look where they come from with isfinite()");
}

/**
 * @internal `A V = V diag(λ)` by Jacobi's rotations, from the lower triangle (Golub & Van Loan, Matrix Computations, algorithm 8.5.3). The
 * largest element of every column of `V` is positive.
 */
export function eigenvectors(lower: Matrix): [values: Matrix, vectors: Matrix] {
  const n = Math.sqrt(lower.length);
  const a = lower.map((x, i) => (i % n > Math.floor(i / n) ? lower[(i % n) * n + Math.floor(i / n)]! : x));
  const v = unit(n);
  for (let sweep = 0, moved = true; moved && sweep < SWEEPS; sweep++) {
    moved = false;
    for (let q = 1; q < n; q++)
      for (let p = 0; p < q; p++) {
        const [x, y, z] = [a[p * n + p]!, a[q * n + q]!, a[p * n + q]!];
        if (Math.abs(z) <= 2 ** -54 * (Math.abs(x) + Math.abs(y))) continue;
        moved = true;
        const angle = angleOf(x, y, z);
        const change = (z * angle[1]) / angle[0];
        rotate(v, n, p, q, angle);
        rotate(a, n, p, q, angle);
        for (let k = 0; k < n; k++) {
          a[k * n + p] = a[p * n + k]!;
          a[k * n + q] = a[q * n + k]!;
        }
        a[p * n + p] = x - change;
        a[q * n + q] = y + change;
        a[p * n + q] = a[q * n + p] = 0;
      }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i]! - a[j * n + j]!);
  const vectors = new Float64Array(n * n);
  for (const [column, i] of order.entries()) {
    const sign = pointsBack(v, n, i) ? -1 : 1;
    for (let k = 0; k < n; k++) vectors[k * n + column] = sign * v[i * n + k]!;
  }
  return [Float64Array.from(order, (i) => a[i * n + i]!), vectors];
}

import { cdist, dist, linalg, type Shape, type Tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { shape, size } from "../arbitraries.ts";
import { type CaseInput, distinctFloats, draw, floats, type OpCase, opCase } from "../op-case.ts";
import { pullback } from "./adjoint.ts";

/**
 * Matrices with 1, 2, … on the diagonal and little beside it, but no zeros: far from singular ones and from kinks, singular values and
 * eigenvalues far apart.
 */
const conditioned = (s: Shape): fc.Arbitrary<CaseInput> => {
  const [rows, columns] = [s.at(-2)!, s.at(-1)!];
  return floats(s).map((input) => ({
    ...input,
    values: input.values.map(
      (value, i) =>
        (value + Math.sign(value)) / 16 + (i % columns === Math.floor(i / columns) % rows ? 1 + (i % columns) : 0),
    ),
  }));
};

const stack = shape({ maxRank: 1, maxSize: 2 });

/** Square matrices, alone or in a stack. */
const square = fc.tuple(stack, size(3)).map(([lead, n]) => [...lead, n, n]);
/** Matrices of any shape, alone or in a stack. */
const oblong = fc.tuple(stack, size(3), size(3)).map(([lead, m, n]) => [...lead, m, n]);

const ofMatrices = (
  shapes: fc.Arbitrary<Shape>,
  call: (a: Tensor) => Tensor | readonly Tensor[],
  input: (s: Shape) => fc.Arbitrary<CaseInput> = conditioned,
): OpCase =>
  opCase(
    shapes.chain((s) => draw(null, input(s))),
    ([a]) => call(a!),
  );

/** Right-hand sides, perhaps of fewer leading axes. */
const systems = fc.tuple(square, size(3), fc.boolean(), fc.boolean()).chain(([s, k, left, stacked]) => {
  const rest = left ? [s.at(-1)!, k] : [k, s.at(-1)!];
  return draw({ left }, conditioned(s), floats(stacked ? [...s.slice(0, -2), ...rest] : rest));
});

const symmetric = (a: Tensor): Tensor => a.add(a.transpose(-1, -2)).mul(0.5);

/** Ops that compute on the host. */
export const LINALG: Record<string, OpCase> = {
  solve: fc.oneof(
    opCase(systems, ([a, b], { left }) => linalg.solve(a!, b!, { left })),
    opCase(
      square.chain((s) => draw(null, conditioned(s), floats(s.slice(0, -1)))),
      ([a, b]) => linalg.solve(a!, b!),
    ),
  ),
  solveTriangular: opCase(
    fc
      .tuple(systems, fc.boolean(), fc.boolean())
      .map(([{ inputs, attrs }, upper, unitriangular]) => ({ inputs, attrs: { ...attrs, upper, unitriangular } })),
    ([a, b], options) => linalg.solveTriangular(a!, b!, options),
  ),
  inv: ofMatrices(square, linalg.inv),
  det: ofMatrices(square, linalg.det),
  cofactor: opCase(
    square.chain((s) => draw(null, floats(s.slice(0, -2)), conditioned(s))),
    ([g, a]) => pullback(linalg.det, [a!], g!),
  ),
  slogdet: ofMatrices(square, (a) => {
    const { sign, logabsdet } = linalg.slogdet(a);
    return [sign, logabsdet];
  }),
  cholesky: opCase(
    fc.tuple(square, fc.boolean()).chain(([s, upper]) => draw({ upper }, conditioned(s))),
    ([a], options) => linalg.cholesky(symmetric(a!), options),
  ),
  qr: opCase(
    fc
      .tuple(oblong, fc.boolean())
      .chain(([s, complete]) =>
        draw({ mode: complete && s.at(-2)! <= s.at(-1)! ? "complete" : "reduced" } as const, conditioned(s)),
      ),
    ([a], options) => {
      const { Q, R } = linalg.qr(a!, options);
      return [Q, R];
    },
  ),
  svd: opCase(
    fc.tuple(oblong, fc.boolean()).chain(([s, full]) => draw({ full }, conditioned(s))),
    ([a], { full }) => {
      const { U, S, Vh } = linalg.svd(a!, { fullMatrices: full });
      // Of the full factors, only what the reduced ones have too has a gradient.
      const k = S.shape.at(-1)!;
      return [U.narrow(-1, 0, k), S, Vh.narrow(-2, 0, k)];
    },
  ),
  eigh: opCase(
    fc.tuple(square, fc.constantFrom("L" as const, "U" as const)).chain(([s, UPLO]) => draw({ UPLO }, conditioned(s))),
    ([a], options) => {
      const { eigenvalues, eigenvectors } = linalg.eigh(symmetric(a!), options);
      return [eigenvalues, eigenvectors];
    },
  ),
  pinv: ofMatrices(oblong, (a) => linalg.pinv(a)),
  matrixExp: ofMatrices(square, linalg.matrixExp, floats),
};

export const LINALG_TWICE: Record<string, OpCase> = {
  solve: ofMatrices(square, (a) => linalg.solve(a, a)),
  solveTriangular: ofMatrices(square, (a) => linalg.solveTriangular(a, a, { upper: true })),
};

const orders = [2, 1, 3, 1.5, 0.5, -1, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;
const matrixOrders = ["fro", "nuc", 1, -1, 2, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;

const ON_THE_HOST: Record<string, OpCase> = {
  logdet: ofMatrices(square, linalg.logdet),
  choleskySolve: opCase(
    systems.filter(({ attrs: { left } }) => left),
    ([factor, b]) => linalg.choleskySolve(b!, factor!, { upper: b!.ndim > 2 }),
  ),
  matrixPower: opCase(
    fc.tuple(square, fc.integer({ min: -2, max: 5 })).chain(([s, n]) => draw({ n }, conditioned(s))),
    ([a], { n }) => linalg.matrixPower(a!.mul(0.5), n),
  ),
  svdvals: ofMatrices(oblong, linalg.svdvals),
  eigvalsh: ofMatrices(square, (a) => linalg.eigvalsh(symmetric(a))),
  matrixRank: ofMatrices(oblong, (a) => linalg.matrixRank(a, { atol: 0.25 })),
  lstsq: opCase(
    fc.tuple(oblong, size(2), fc.boolean()).chain(([s, k, vector]) => {
      const rows = s.slice(0, -1);
      return draw({ vector }, conditioned(s), floats(vector ? rows : [...rows, k]));
    }),
    ([a, b]) => {
      const { solution, residuals } = linalg.lstsq(a!, b!);
      return [solution, residuals];
    },
  ),
  matrixNorm: opCase(
    fc
      .tuple(oblong, fc.constantFrom(...matrixOrders), fc.boolean(), fc.boolean())
      .chain(([s, ord, keepdim, flipped]) => draw({ ord, keepdim, flipped }, conditioned(s))),
    ([a], { ord, keepdim, flipped }) =>
      flipped
        ? linalg.matrixNorm(a!, { ord, keepdim, dim: [-1, a!.ndim - 2] })
        : linalg.norm(a!, { ord, keepdim, dim: [-2, -1] }),
  ),
  cond: opCase(
    fc.tuple(square, fc.constantFrom(...matrixOrders)).chain(([s, p]) => draw({ p }, conditioned(s))),
    ([a], options) => linalg.cond(a!, options),
  ),
};

/** Functions that compute on the host, through ops. */
export const HOST_LINALG: readonly string[] = Object.keys(ON_THE_HOST);

export const LINALG_FUNCTIONS: Record<string, OpCase> = {
  ...ON_THE_HOST,
  vectorNorm: opCase(
    fc
      .tuple(shape({ minRank: 1 }), fc.constantFrom(...orders), fc.boolean())
      .chain(([s, ord, keepdim]) => draw({ ord, keepdim }, distinctFloats(s))),
    ([x], { ord, keepdim }) => [
      linalg.vectorNorm(x!, { ord, keepdim }),
      linalg.norm(x!, { ord, keepdim, dim: -1 }),
      linalg.norm(x!, { keepdim }),
    ],
  ),
  cdist: opCase(
    fc
      .tuple(stack, size(3), size(3), size(3), fc.constantFrom(2, 1, 3, 0, Number.POSITIVE_INFINITY))
      .chain(([lead, rows, columns, n, p]) =>
        draw(
          { p },
          floats([...lead, rows, n], { max: 0 }),
          distinctFloats([columns, n]).map((x) => ({
            ...x,
            values: x.values.map((v, i) => v / 2 + 4 * (1 + (i % n))),
          })),
        ),
      ),
    ([a, b], { p }) => cdist(a!, b!, { p }),
  ),
  dist: opCase(
    shape().chain((s) => draw(null, floats(s, { max: 0 }), floats(s, { min: 1, max: 3 }))),
    ([a, b]) => dist(a!, b!, { p: 3 }),
  ),
  multiDot: opCase(
    fc
      .tuple(fc.array(size(4), { minLength: 3, maxLength: 5 }), fc.boolean(), fc.boolean())
      .chain(([sizes, row, column]) =>
        draw(
          { row, column },
          ...sizes.slice(1).map((n, i) => {
            const s = [sizes[i]!, n];
            return floats(row && i === 0 ? [n] : column && i === sizes.length - 2 ? [sizes[i]!] : s);
          }),
        ),
      ),
    (xs) => linalg.multiDot(xs),
  ),
};

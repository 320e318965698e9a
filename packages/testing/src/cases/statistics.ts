import {
  aminmax,
  bernoulli,
  bincount,
  bucketize,
  corrcoef,
  cov,
  cummax,
  cummin,
  cumprod,
  diff,
  Generator,
  histc,
  kthvalue,
  logcumsumexp,
  mode,
  multinomial,
  nanmean,
  nanquantile,
  nansum,
  norm,
  normal,
  prod,
  quantile,
  type Selected,
  type Shape,
  searchsorted,
  stdMean,
  type Tensor,
  topk,
  unique,
  uniqueConsecutive,
  varMean,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { axes, axis, integers, shape, size } from "../arbitraries.ts";
import { type CaseInput, distinctFloats, draw, floats, index, type OpCase, opCase, ties } from "../op-case.ts";

type Input = (shape: Shape) => fc.Arbitrary<CaseInput>;
type Result = Tensor | readonly Tensor[] | Selected;

const listed = (y: Result): Tensor | readonly Tensor[] => ("values" in y && "indices" in y ? [y.values, y.indices] : y);

/** Many of them zero, which products must not be divided by. */
const factors: Input = (s) => integers(s, -2, 2).map((values) => ({ shape: s, values }));
/** Many of them NaN, where no gradient is asked for. */
const holes: Input = (s) =>
  integers(s, -2, 3).map((values) => ({
    shape: s,
    values: values.map((v) => (v === 3 ? Number.NaN : v)),
    requiresGrad: false,
  }));

/** Over none, one or several axes. */
const over = <A>(
  attrs: fc.Arbitrary<A>,
  fn: (x: Tensor, dim: number | readonly number[] | undefined, keepdim: boolean, attrs: A) => Result,
  input: Input = floats,
): OpCase =>
  opCase(
    shape()
      .chain((s) => fc.tuple(fc.constant(s), axes(s.length), fc.boolean(), attrs))
      .chain(([s, dim, keepdim, attrs]) => draw({ dim, keepdim, attrs }, input(s))),
    ([x], { dim, keepdim, attrs }) => listed(fn(x!, dim, keepdim, attrs)),
  );

/** Along one axis; a scalar counts as having one. */
const along = <A>(
  attrs: fc.Arbitrary<A>,
  fn: (x: Tensor, dim: number, keepdim: boolean, attrs: A) => Result,
  input: Input = distinctFloats,
): OpCase =>
  opCase(
    shape()
      .chain((s) => fc.tuple(fc.constant(s), axis(Math.max(1, s.length)), fc.boolean(), attrs))
      .chain(([s, dim, keepdim, attrs]) => draw({ dim, keepdim, attrs }, input(s))),
    ([x], { dim, keepdim, attrs }) => listed(fn(x!, dim, keepdim, attrs)),
  );

const none = fc.constant(null);

/** One of all, or along an axis; with equal elements and NaN where there is no gradient. */
const select = (name: "max" | "min" | "median" | "nanmedian"): OpCase =>
  fc.oneof(
    ...[distinctFloats, ties, holes].flatMap((input) => [
      over(none, (x) => x[name](), input),
      along(none, (x, dim, keepdim) => (x[name] as Tensor["max"])(dim, { keepdim }), input),
    ]),
  );

const running = (fn: (x: Tensor, dim: number) => Tensor | Selected, ...inputs: Input[]): OpCase =>
  fc.oneof(...inputs.map((input) => along(none, (x, dim) => fn(x, dim), input)));

/** Ascending rows, and values to find in them. */
const sequences = shape({ maxRank: 2 }).chain((rows) =>
  fc.tuple(size(5, 0), size(4)).chain(([n, m]) => draw(null, ties([...rows, n]), ties([...rows, m]))),
);

export const STATISTICS: Record<string, OpCase> = {
  cumprod: running(cumprod, factors),
  cummax: running(cummax, distinctFloats, ties, holes),
  cummin: running(cummin, distinctFloats, ties, holes),
  logcumsumexp: running(logcumsumexp, floats),
  norm: over(
    fc.constantFrom(0, 0.5, 1, 1.5, 2, 3, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    (x, dim, keepdim, p) => norm(x, p, dim, { keepdim }),
    distinctFloats,
  ),
  max: select("max"),
  min: select("min"),
  median: select("median"),
  nanmedian: select("nanmedian"),
  histc: opCase(
    shape().chain((s) => size(5).chain((bins) => draw({ bins }, ties(s)))),
    ([x], options) => [histc(x!, options), histc(x!, { ...options, min: -1, max: 2 })],
  ),
  searchsorted: opCase(sequences, ([sequence, values]) =>
    [false, true].map((right) => searchsorted(sequence!.sort().values, values!, { right })),
  ),
};

const interpolations = ["linear", "lower", "higher", "midpoint", "nearest"] as const;
const quantiles = fc.record({
  q: fc.oneof(fc.constantFrom(0, 0.3, 0.5, 1), fc.array(fc.constantFrom(0, 0.25, 0.8), { minLength: 1, maxLength: 2 })),
  interpolation: fc.constantFrom(...interpolations),
});
const observations = fc.tuple(size(3), size(4, 3));
/** Numbers of the stream of seed 1, whatever was drawn before. */
const generated = () => ({ generator: new Generator(1) });

/** One function of several for each call: they share work, and the cost of a case. */
const oneOf = (input: Input, functions: Record<string, (x: Tensor, dim: number, keepdim: boolean) => Result>): OpCase =>
  along(
    fc.constantFrom(...Object.keys(functions)),
    (x, dim, keepdim, name) => functions[name]!(x, dim, keepdim),
    input,
  );

const lengthOf = (x: Tensor, dim: number): number => x.shape.at(dim) ?? 1;

export const STATISTIC_FUNCTIONS: Record<string, OpCase> = {
  prod: over(none, (x, dim, keepdim) => prod(x, dim, { keepdim }), factors),
  "selection along an axis": oneOf(distinctFloats, {
    max: (x, dim, keepdim) => x.max(dim, { keepdim }),
    min: (x, dim, keepdim) => x.min(dim, { keepdim }),
    median: (x, dim, keepdim) => x.median(dim, { keepdim }),
    aminmax: (x, dim, keepdim) => Object.values(aminmax(x, { dim, keepdim })),
    cummax: (x, dim) => cummax(x, dim),
    cummin: (x, dim) => cummin(x, dim),
    topk: (x, dim, largest) => topk(x, Math.ceil(lengthOf(x, dim) / 2), { dim, largest }),
    kthvalue: (x, dim, keepdim) => kthvalue(x, lengthOf(x, dim), dim, { keepdim }),
    mode: (x, dim, keepdim) => mode(x, dim, { keepdim }),
  }),
  mode: along(none, (x, dim, keepdim) => mode(x, dim, { keepdim }), ties),
  "sums without NaN": fc.oneof(
    ...[floats, holes].map((input) =>
      over(
        none,
        (x, dim, keepdim) => [nansum(x, dim, { keepdim }), nanmean(x, dim, { keepdim }), x.countNonzero(dim)],
        input,
      ),
    ),
  ),
  varMean: opCase(
    shape({ maxRank: 2 }).chain((s) => draw(null, distinctFloats([2, ...s]))),
    ([x]) => [...varMean(x!, 0, { correction: 0, keepdim: true }), ...stdMean(x!, 0)],
  ),
  quantile: fc.oneof(
    along(quantiles, (x, dim, keepdim, { q, interpolation }) => quantile(x, q, dim, { keepdim, interpolation })),
    along(quantiles, (x, dim, keepdim, { q, ...rest }) => nanquantile(x, q, dim, { keepdim, ...rest }), holes),
    over(none, (x, _, keepdim) => quantile(x, 0.4, undefined, { keepdim }), distinctFloats),
    along(none, (x, dim) => quantile(x, 0.5, dim), holes),
  ),
  diff: opCase(
    shape({ minRank: 1 }).chain((s) =>
      fc.tuple(axis(s.length), size(3)).chain(([dim, n]) => draw({ dim, n }, floats(s), floats(s))),
    ),
    ([x, y], { dim, n }) => diff(x!, { dim, n, prepend: y!, append: x! }),
  ),
  cov: opCase(
    observations.chain((s) => draw(null, distinctFloats(s), index([s[1]], 3), floats([s[1]], { min: 1, max: 2 }))),
    ([x, f, w]) => [cov(x!), cov(x!, { correction: 0, fweights: f!.add(1), aweights: w! })],
  ),
  // No gradient: where variables depend on each other, coefficients lie at the bounds to which rounding errors are cut.
  corrcoef: opCase(
    observations.chain((s) => draw(null, ties(s))),
    ([x]) => corrcoef(x!),
  ),
  counting: opCase(
    fc.tuple(size(3), size(4)).chain(([m, n]) => draw(null, ties([m, n]), index([n], 5), ties([n]))),
    ([x, i, values]) => [
      ...Object.values(unique(x!, { returnCounts: true })),
      ...Object.values(uniqueConsecutive(x!, { dim: 1, returnInverse: true })),
      unique(x!, { dim: 0 }),
      bincount(i!),
      bincount(i!, { weights: values!, minlength: 4 }),
      bucketize(x!, values!.sort().values),
      multinomial(x!.abs().add(0.5), x!.shape[1]!, generated()),
      multinomial(x!.abs().add(0.5), 5, { replacement: true, ...generated() }),
    ],
  ),
  normal: opCase(
    size().chain((n) => draw(null, floats([3, n]), floats([n], { min: 0, max: 1 }))),
    ([mean, std]) => [normal(mean!, std!, generated()), normal(1, std!, generated()), bernoulli(std!, generated())],
  ),
};

/** Those that read values. */
export const STATISTIC_HOST_FUNCTIONS = ["counting"];

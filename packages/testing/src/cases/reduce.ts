import type { Tensor } from "@descent/core";
import fc from "fast-check";
import { axes, axis, shape } from "../arbitraries.ts";
import { type CaseInput, distinctFloats, draw, floats, type OpCase, opCase, ties } from "../op-case.ts";

type Dims = number | readonly number[] | undefined;
type Reduction = (x: Tensor, dim: Dims, options: { readonly keepdim: boolean }) => Tensor;
type Input = (shape: readonly number[]) => fc.Arbitrary<CaseInput>;

const reduction = (reduce: Reduction, input: Input = floats): OpCase =>
  opCase(
    shape()
      .chain((s) => fc.tuple(fc.constant(s), axes(s.length), fc.boolean()))
      .chain(([s, dim, keepdim]) => draw({ dim, keepdim }, input(s))),
    ([x], { dim, keepdim }) => reduce(x!, dim, { keepdim }),
  );

/** Along one axis, `undefined` for the flattened tensor. */
const along = (
  fn: (x: Tensor, dim: number, flag: boolean) => Tensor | readonly Tensor[],
  input: Input = floats,
): OpCase =>
  opCase(
    shape({ minRank: 1 }).chain((s) =>
      fc.tuple(axis(s.length), fc.boolean()).chain(([dim, flag]) => draw({ dim, flag }, input(s))),
    ),
    ([x], { dim, flag }) => fn(x!, dim, flag),
  );

const argReduction = (name: "argmax" | "argmin"): OpCase =>
  fc.oneof(
    along((x, dim, keepdim) => x[name](dim, { keepdim }), ties),
    opCase(
      shape().chain((s) => draw(null, ties(s))),
      ([x]) => x![name](),
    ),
  );

/** More than `correction` elements, so that the variance is finite, and no two equal, so that it has a root. */
const variance = (name: "var" | "std"): OpCase =>
  opCase(
    shape({ minRank: 1 }).chain((s) =>
      fc
        .tuple(axes(s.length), fc.boolean(), fc.nat(1))
        .chain(([dim, keepdim, correction]) => draw({ dim, keepdim, correction }, distinctFloats([2, ...s]))),
    ),
    ([x], { dim, ...options }) => {
      const dims = dim === undefined ? undefined : [0, ...[dim].flat().map((d) => (d < 0 ? d : d + 1))];
      return x![name](dims, options);
    },
  );

export const REDUCE: Record<string, OpCase> = {
  sum: fc.oneof(
    { weight: 3, arbitrary: reduction((x, dim, options) => x.sum(dim, options)) },
    { weight: 1, arbitrary: reduction((x, dim, options) => x.all(dim, options), ties) },
  ),
  mean: reduction((x, dim, options) => x.mean(dim, options)),
  std: variance("std"),
  var: variance("var"),
  amax: reduction((x, dim, options) => x.amax(dim, options), distinctFloats),
  amin: reduction((x, dim, options) => x.amin(dim, options), distinctFloats),
  logsumexp: reduction((x, dim, options) => x.logsumexp(dim, options)),
  argmax: argReduction("argmax"),
  argmin: argReduction("argmin"),
  cumsum: along((x, dim) => x.cumsum(dim)),
  sort: fc.oneof(
    along((x, dim, descending) => {
      const { values, indices } = x.sort({ dim, descending });
      return [values, indices];
    }, distinctFloats),
    along((x, dim, descending) => x.argsort({ dim, descending }), ties),
  ),
};

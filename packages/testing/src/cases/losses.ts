import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type Reduction,
  type Shape,
  type Tensor,
  tensor,
} from "@descent/core";
import { functional as F } from "@descent/nn";
import fc from "fast-check";
import { axis, shape, size } from "../arbitraries.ts";
import { type CaseInput, draw, floats, index, type OpCase, opCase } from "../op-case.ts";

const reduction = fc.constantFrom<Reduction>("none", "mean", "sum");
const probabilities = (s: Shape): fc.Arbitrary<CaseInput> => floats(s, { min: 0.125, max: 0.875 });
/** Targets of ±1. */
const signs = (s: Shape): fc.Arbitrary<CaseInput> =>
  index(s, 2).map(({ values }) => ({ shape: s, values: values.map((v) => 2 * v - 1), requiresGrad: false }));
/** On the other grid, so that no difference is zero. */
const evens = (s: Shape): fc.Arbitrary<CaseInput> => floats(s, { parity: "even" });

export const BINARY: Record<string, OpCase> = {
  binaryCrossEntropy: opCase(
    shape().chain((s) => draw(null, probabilities(s), probabilities(s))),
    ([p, target]) => binaryCrossEntropy(p!, target!),
  ),
  binaryCrossEntropyWithLogits: opCase(
    shape().chain((s) => draw(null, floats(s), floats(s))),
    ([x, target]) => binaryCrossEntropyWithLogits(x!, target!),
  ),
};

/** Off the grids, each element differently, so that no two distances are equal. */
const shifted =
  (by: number): Input =>
  (s) =>
    floats(s).map((input) => ({ ...input, values: input.values.map((v, i) => v + by * (i + 1)) }));

type Input = (s: Shape) => fc.Arbitrary<CaseInput>;

/** A loss of inputs that all have one shape, with other options from case to case. */
const alike = <O extends object>(
  loss: (xs: Tensor[], options: O & { readonly reduction: Reduction }) => Tensor,
  inputs: readonly Input[],
  options: fc.Arbitrary<O>,
  shapes: fc.Arbitrary<Shape> = shape({ minRank: 1, maxRank: 2 }),
): OpCase =>
  opCase(
    fc
      .tuple(shapes, options, reduction)
      .chain(([s, options, reduction]) => draw({ ...options, reduction }, ...inputs.map((input) => input(s)))),
    loss,
  );

const none = fc.constant({});
const rows = fc.tuple(size(3), size(3)).map(([n, d]) => [n, d + 1]);
/** A margin at which the values of the grids have no kink, and by which no distance is one either. */
const margin = fc.constantFrom(0.3, 2.7).map((margin) => ({ margin }));

/** Losses, and what they are made of. */
export const LOSSES: Record<string, OpCase> = {
  l1Loss: alike(([x, t], options) => F.l1Loss(x!, t!, options), [floats, evens], none),
  huberLoss: alike(
    ([x, t], options) => F.huberLoss(x!, t!, options),
    [floats, evens],
    fc.constantFrom(0.7, 1.5).map((delta) => ({ delta })),
  ),
  smoothL1Loss: alike(
    ([x, t], options) => F.smoothL1Loss(x!, t!, options),
    [floats, evens],
    fc.constantFrom(0, 0.7, 1.5).map((beta) => ({ beta })),
  ),
  binaryCrossEntropyWithPosWeight: alike(
    ([x, t, weight, posWeight], options) =>
      F.binaryCrossEntropyWithLogits(x!, t!, { ...options, weight: weight!, posWeight: posWeight! }),
    [floats, floats, floats, floats],
    none,
  ),
  softMarginLoss: alike(([x, t], options) => F.softMarginLoss(x!, t!, options), [floats, signs], none),
  multilabelSoftMarginLoss: alike(
    ([x, t, weight], options) => F.multilabelSoftMarginLoss(x!, t!, { ...options, weight: weight! }),
    [floats, floats, floats],
    none,
  ),
  klDiv: alike(
    ([x, t], options) => F.klDiv(x!, t!, options),
    [floats, probabilities],
    fc.boolean().map((logTarget) => ({ logTarget })),
  ),
  poissonNllLoss: alike(
    ([x, t], options) => F.poissonNllLoss(x!, t!, options),
    [(s) => floats(s, { min: 0.5, max: 2 }), (s) => floats(s, { min: 0.5, max: 4 })],
    fc.record({ logInput: fc.boolean(), full: fc.boolean() }),
  ),
  gaussianNllLoss: alike(
    ([x, t, v], options) => F.gaussianNllLoss(x!, t!, v!, options),
    [floats, floats, (s) => floats(s, { min: 0.5, max: 2 })],
    fc.boolean().map((full) => ({ full })),
  ),
  marginRankingLoss: alike(
    ([x, y, t], options) => F.marginRankingLoss(x!, y!, t!, options),
    [floats, evens, signs],
    margin,
  ),
  hingeEmbeddingLoss: alike(([x, t], options) => F.hingeEmbeddingLoss(x!, t!, options), [floats, signs], margin),
  multiMarginLoss: opCase(
    fc
      .tuple(rows, reduction, fc.constantFrom(1, 2), margin)
      .chain(([[n, c], reduction, p, { margin }]) =>
        draw({ reduction, p, margin }, floats([n!, c!]), floats([c!]), index([n!], c!)),
      ),
    ([x, weight, t], options) => F.multiMarginLoss(x!, t!, { ...options, weight: weight! }),
  ),
  // Scores on a grid of eighths: with a margin of 1, whole differences would be kinks.
  multilabelMarginLoss: opCase(
    fc.tuple(rows, reduction).chain(([s, reduction]) => draw({ reduction }, floats(s), index(s, s[1]! + 1))),
    ([x, t], options) => {
      const offset = tensor(
        Float64Array.from({ length: x!.shape[1]! }, (_, i) => i / 100),
        x!,
      );
      return F.multilabelMarginLoss(x!.add(offset), t!.sub(1), options);
    },
  ),
  cosineEmbeddingLoss: opCase(
    fc.tuple(rows, reduction).chain(([s, reduction]) => draw({ reduction }, floats(s), floats(s), signs([s[0]!]))),
    ([x, y, t], options) => F.cosineEmbeddingLoss(x!, y!, t!, { ...options, margin: -0.987 }),
  ),
  tripletMarginLoss: alike(
    ([a, p, n], options) => F.tripletMarginLoss(a!, p!, n!, options),
    [shifted(0.0123), evens, shifted(0.0317)],
    fc.record({ margin: fc.constant(1.037), p: fc.constantFrom(1, 2, 3), swap: fc.boolean() }),
    rows,
  ),
  normalize: opCase(
    fc.tuple(rows, fc.constantFrom(1, 2, 3), axis(2)).chain(([s, p, dim]) => draw({ p, dim }, floats(s))),
    ([x], options) => F.normalize(x!, options),
  ),
  cosineSimilarity: opCase(
    fc.tuple(rows, axis(2)).chain(([s, dim]) => draw({ dim }, floats(s), floats(s))),
    ([x, y], options) => F.cosineSimilarity(x!, y!, options),
  ),
  pairwiseDistance: opCase(
    fc
      .tuple(rows, fc.constantFrom(1, 2, 3.5), fc.boolean())
      .chain(([s, p, keepdim]) => draw({ p, keepdim }, floats(s), evens(s))),
    ([x, y], options) => F.pairwiseDistance(x!, y!, options),
  ),
  ctcLoss: opCase(
    fc
      .record({ T: size(4), N: size(2), C: size(3, 2), S: size(2), reduction })
      .chain(({ T, N, C, S, reduction }) =>
        fc
          .tuple(
            fc.array(fc.integer({ min: 0, max: T }), { minLength: N, maxLength: N }),
            fc.array(fc.integer({ min: 0, max: S }), { minLength: N, maxLength: N }),
          )
          .chain(([inputs, targets]) => draw({ inputs, targets, reduction }, floats([T, N, C]), index([N, S], C - 1))),
      ),
    ([x, t], { inputs, targets, reduction }) =>
      F.ctcLoss(x!.logSoftmax(2), t!.add(1), inputs, targets, { reduction, zeroInfinity: true }),
  ),
};

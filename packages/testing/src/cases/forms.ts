import {
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastTo,
  diag,
  expandAs,
  Generator,
  inverse,
  reshapeAs,
  type Shape,
  scatterAdd,
  selectScatter,
  type Tensor,
  trace,
  view,
  viewAs,
} from "@descent/core";
import { functional as F, type NLLLossOptions } from "@descent/nn";
import fc from "fast-check";
import { size } from "../arbitraries.ts";
import { type CaseInput, distinctFloats, draw, floats, index, type OpCase, opCase } from "../op-case.ts";

// Forms of functions for certain ranks and layouts, which do little of their own: their cases are of one size or two.

type Call = (xs: readonly Tensor[]) => Tensor | readonly Tensor[];
type Inputs = readonly fc.Arbitrary<CaseInput>[];

const calls = (functions: readonly (readonly [inputs: Inputs, call: Call])[]): OpCase =>
  fc.oneof(...functions.map(([inputs, call]) => opCase(draw(null, ...inputs), (xs) => call(xs))));

const images = (...shape: number[]): Inputs => [distinctFloats(shape)];
const weighted = (x: Shape, weight: Shape, bias: number): Inputs => [floats(x), floats(weight), floats([bias])];
const generator = (): Generator => new Generator(3);

const classes = fc.tuple(size(3), size(3)).map(([n, c]) => [n, c + 1] as const);
const reductions = fc.constantFrom("mean" as const, "sum" as const, "none" as const);
/** Classes with weights, of which the last may be ignored. */
const classification = (loss: (x: Tensor, target: Tensor, options: NLLLossOptions) => Tensor): OpCase =>
  opCase(
    fc
      .tuple(classes, reductions, fc.boolean())
      .chain(([[n, c], reduction, ignores]) =>
        draw(
          { reduction, ...(ignores ? { ignoreIndex: c - 1 } : {}) },
          floats([n, c]),
          floats([c], { min: 0.5, max: 2 }),
          index([n], c),
        ),
      )
      // Nothing that counts gives NaN.
      .filter(({ inputs: [x, , target], attrs }) =>
        target!.values.some((v) => v !== (attrs.ignoreIndex ?? x!.shape[1])),
      ),
    ([x, weight, target], options) => loss(x!, target!, { ...options, weight: weight! }),
  );

export const FORMS: Record<string, OpCase> = {
  "forms of shapes": calls([
    [[floats([3])], ([x]) => diag(x!, 1)],
    [[floats([3, 2])], ([x]) => [diag(x!), trace(x!)]],
    [[floats([2, 3])], ([x]) => [view(x!, 3, -1), atleast1d(x!.sum()), atleast2d(x!.sum(0)), atleast3d(x!)]],
    [[floats([2, 3]), floats([6])], ([x, y]) => [viewAs(x!, y!), reshapeAs(y!, x!)]],
    [[floats([3, 1]), floats([2, 3, 2])], ([x, y]) => [expandAs(x!, y!), broadcastTo(x!, [3, 4])]],
  ]),
  "forms of scattering": calls([
    [[floats([3, 2]), floats([3])], ([x, y]) => selectScatter(x!, y!, 1, -1)],
    [[floats([3]), floats([4]), index([4], 3)], ([x, y, at]) => scatterAdd(x!, 0, at!, y!)],
  ]),
  inverse: opCase(draw(null, floats([2, 2], { min: 0.25, max: 0.5 })), ([x]) =>
    inverse(x!.add(x!.mul(0).add(1).diagonal().diag().mul(2))),
  ),
  "forms of convolutions": calls([
    [
      weighted([1, 2, 5], [3, 2, 3], 3),
      ([x, weight, bias]) => F.conv1d(x!, weight!, { bias: bias!, padding: 1, stride: 2 }),
    ],
    [
      weighted([1, 2, 3, 4, 3], [2, 1, 2, 2, 2], 2),
      ([x, weight, bias]) => F.conv3d(x!, weight!, { bias: bias!, groups: 2 }),
    ],
    [
      weighted([1, 2, 3], [2, 2, 2], 2),
      ([x, weight, bias]) => F.convTranspose1d(x!, weight!, { bias: bias!, stride: 2 }),
    ],
    [
      weighted([2, 2, 3], [2, 1, 2, 2], 2),
      ([x, weight, bias]) => F.convTranspose2d(x!, weight!, { bias: bias!, groups: 2 }),
    ],
    [
      weighted([1, 1, 2, 2, 2], [1, 1, 2, 2, 2], 1),
      ([x, weight, bias]) => F.convTranspose3d(x!, weight!, { bias: bias!, padding: 1 }),
    ],
  ]),
  "forms of pooling": calls([
    [images(1, 2, 6), ([x]) => [F.maxPool1d(x!, 2), F.avgPool1d(x!, 3, { stride: 1, padding: 1 })]],
    [images(1, 1, 2, 4, 3), ([x]) => [F.maxPool3d(x!, 2, { stride: 1 }), F.avgPool3d(x!, [2, 2, 1])]],
    [images(1, 3, 4), ([x]) => [F.adaptiveAvgPool2d(x!, [2, null]), F.adaptiveMaxPool2d(x!, 2)]],
    [[floats([1, 1, 4], { min: 0.5, max: 2 })], ([x]) => F.lpPool1d(x!, 2, 2)],
    [[floats([1, 1, 2, 2, 2], { min: 0.5, max: 2 })], ([x]) => F.lpPool3d(x!, 3, 2)],
  ]),
  "forms of windows": calls([
    [[floats([1, 4, 2, 2])], ([x]) => [F.channelShuffle(x!, 2), F.pixelUnshuffle(x!, 2)]],
    [[floats([1, 4, 4])], ([x]) => F.fold(x!, 3, 2)],
  ]),
  "forms of dropout": calls([
    [
      [floats([2, 3, 4])],
      ([x]) => [
        F.dropout1d(x!, { generator: generator() }),
        F.alphaDropout(x!, { generator: generator(), training: true }),
        F.featureAlphaDropout(x!, { generator: generator(), training: true }),
      ],
    ],
    [[floats([2, 2, 2, 2])], ([x]) => F.dropout2d(x!, { generator: generator() })],
    [[floats([1, 3, 1, 2, 2])], ([x]) => F.dropout3d(x!, { generator: generator() })],
  ]),
  crossEntropy: classification(F.crossEntropy),
  nllLoss: classification(F.nllLoss),
  tripletMarginWithDistanceLoss: opCase(
    draw(null, distinctFloats([3, 2]), floats([3, 2], { parity: "even" }), floats([3, 2], { min: 3, max: 4 })),
    ([anchor, positive, negative]) =>
      F.tripletMarginWithDistanceLoss(anchor!, positive!, negative!, {
        distanceFunction: (a, b) => a.sub(b).square().sum(-1),
        margin: 50,
      }),
  ),
  embeddingBag: fc
    .constantFrom("sum" as const, "mean" as const, "max" as const)
    .chain((mode) =>
      opCase(draw({ mode }, distinctFloats([4, 2]), index([2, 3], 4)), ([weight, at], options) =>
        F.embeddingBag(at!, weight!, { ...options, paddingIdx: 1 }),
      ),
    ),
};

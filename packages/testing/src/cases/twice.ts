import {
  add,
  batchNorm,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type Conv2dAttrs,
  cat,
  conv2d,
  div,
  enableGrad,
  grad,
  layerNorm,
  linear,
  linearRelu,
  matmul,
  maximum,
  minimum,
  mseLoss,
  mul,
  pow,
  sub,
  type Tensor,
  where,
} from "@descent/core";
import fc from "fast-check";
import { shape, size } from "../arbitraries.ts";
import { condition, distinctFloats, draw, floats, type OpCase, opCase } from "../op-case.ts";
import { adjoint, pullback } from "./adjoint.ts";
import { LINALG_TWICE } from "./linalg.ts";
import { isOffKinks, maxPoolGrad, pools } from "./neural.ts";
import { POINTWISE_TWICE } from "./pointwise.ts";
import { PROGRAM_TWICE } from "./program.ts";
import { PUTS_TWICE } from "./rearrange.ts";

const binary = (fn: (a: Tensor, b: Tensor) => Tensor): OpCase =>
  opCase(
    shape().chain((s) => draw(null, floats(s, { min: 0.5, max: 2 }))),
    ([x]) => fn(x!, x!),
  );

/** Square images and kernels of one shape, over which a convolution moves without stride. */
const square = fc.tuple(size(2), size(3)).map(([channels, side]) => [channels, channels, side, side]);
const convolution = (padding: number): Conv2dAttrs => ({
  stride: [1, 1],
  padding: [padding, padding],
  dilation: [1, 1],
  groups: 1,
});
const convolve = (x: Tensor, weight: Tensor, padding: number): Tensor => conv2d(x, weight, null, convolution(padding));

const UNIT = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;

/** The gradient of `fn`, which is computed from its result, given that result as the gradient. */
const gradient = (fn: (x: Tensor) => Tensor, minRank = 0): OpCase =>
  opCase(
    shape({ minRank }).chain((s) => draw(null, floats(s))),
    ([x]) =>
      enableGrad(() => {
        const leaf = x!.requiresGrad ? x! : x!.detach();
        leaf.requiresGrad = true;
        const y = fn(leaf);
        return grad(y, leaf, { gradOutputs: y, createGraph: true });
      }),
  );

/** The gradient of `fn`, which is computed from its input, given that input as the gradient. */
const gradientAt = (fn: (x: Tensor) => Tensor): OpCase =>
  opCase(
    shape().chain((s) => draw(null, floats(s))),
    ([x]) => pullback((x) => fn(x!), [x!], x!),
  );

/** Ops that are differentiable in several inputs which can never be one tensor, and why. */
export const NEVER_TWICE: Readonly<Record<string, string>> = {
  softmaxCrossEntropyGrad: "the gradient has one axis, the logits have two",
};

/** For every other op that is differentiable in two inputs, calls in which one tensor is both of them. */
export const TWICE: Readonly<Record<string, OpCase>> = {
  ...PROGRAM_TWICE,
  ...PUTS_TWICE,
  ...LINALG_TWICE,
  ...POINTWISE_TWICE,
  tanhGrad: gradient((x) => x.tanh()),
  sigmoidGrad: gradient((x) => x.sigmoid()),
  siluGrad: gradientAt((x) => x.silu()),
  geluGrad: gradientAt((x) => x.gelu()),
  softmaxGrad: gradient((x) => x.softmax(0), 1),
  logSoftmaxGrad: gradient((x) => x.logSoftmax(0), 1),
  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: binary(div),
  pow: binary(pow),
  maximum: binary(maximum),
  minimum: binary(minimum),
  where: opCase(
    shape().chain((s) => draw(null, condition(s), floats(s))),
    ([c, x]) => where(c!, x!, x!),
  ),
  cat: opCase(
    shape({ minRank: 1 }).chain((s) => draw(null, floats(s))),
    ([x]) => cat([x!, x!, x!]),
  ),
  matmul: opCase(
    fc
      .tuple(shape({ maxRank: 1 }), size(), fc.boolean(), fc.boolean())
      .chain(([stack, n, ...flags]) => draw(flags, floats([...stack, n, n]))),
    ([x], flags) => matmul(x!, x!, ...flags),
  ),
  linear: opCase(
    fc.tuple(size(), size()).chain((s) => draw(null, floats(s))),
    ([x]) => linear(x!, x!),
  ),
  linearRelu: opCase(
    fc
      .tuple(size(), size())
      .chain((s) => draw(null, floats(s)))
      .filter(({ inputs: [x] }) => isOffKinks([x!, x!])),
    ([x]) => linearRelu(x!, x!),
  ),
  linearWeightGrad: opCase(
    fc.tuple(size(), size()).chain((s) => draw(null, floats(s))),
    ([x]) => adjoint((w) => linear(x!, w), [x!.shape[1]!, x!.shape[1]!], x!),
  ),
  conv2d: opCase(
    fc.tuple(square, size(2, 0)).chain(([s, padding]) => draw({ padding }, floats(s))),
    ([x], { padding }) => convolve(x!, x!, padding),
  ),
  conv2dInputGrad: opCase(
    square.chain((s) => draw(null, floats(s))),
    ([g]) =>
      adjoint((x) => convolve(x, g!, 0), [...g!.shape.slice(0, 2), ...g!.shape.slice(2).map((n) => 2 * n - 1)], g!),
  ),
  conv2dWeightGrad: opCase(
    square.chain((s) => draw(null, floats(s))),
    ([x]) => adjoint((w) => convolve(x!, w, 1), x!.shape.with(2, 3).with(3, 3), x!),
  ),
  maxPool2dInputGrad: opCase(
    square.chain((s) => draw(null, floats(s))),
    ([x]) => maxPoolGrad(x!, x!, UNIT),
  ),
  maxPool2dPick: opCase(
    pools.chain(({ image, window, output }) => draw({ window, output }, distinctFloats(image))),
    ([x], { window, output }) => adjoint((g) => maxPoolGrad(g, x!, window), output, x!),
  ),
  batchNorm: opCase(
    fc.tuple(size(3), size(3)).chain(([n, c]) => draw(null, floats([n, c]), floats([c]))),
    ([x, w]) => batchNorm(x!, w!, w!, 0.25).output,
  ),
  batchNormGrad: opCase(
    fc.tuple(size(3), size(3)).chain(([n, c]) => draw(null, floats([n, c]), floats([c]))),
    ([x, w]) => pullback((x, w) => batchNorm(x!, w!, null, 0.25).output, [x!, w!], x!),
  ),
  layerNormGrad: opCase(
    shape({ minRank: 1, maxRank: 2 }).chain((s) => draw(null, floats(s))),
    ([x]) => pullback((x) => layerNorm(x!, x!.shape, x!, x!, 0.25), [x!], x!),
  ),
  layerNorm: opCase(
    shape({ minRank: 1, maxRank: 2 }).chain((s) => draw(null, floats(s))),
    ([x]) => layerNorm(x!, x!.shape, x!, x!, 0.25),
  ),
  binaryCrossEntropy: opCase(
    shape().chain((s) => draw(null, floats(s, { min: 0.125, max: 0.875 }))),
    ([x]) => binaryCrossEntropy(x!, x!),
  ),
  binaryCrossEntropyWithLogits: binary(binaryCrossEntropyWithLogits),
  mseLoss: binary((a, b) => mseLoss(a, b)),
  mseLossGrad: opCase(
    shape().chain((s) => draw(null, floats(s), floats(s))),
    ([x, target]) => pullback((x) => mseLoss(x, target!, "none"), [x!], x!),
  ),
};

import { cpu } from "@descent/backend-cpu";
import {
  type AvgWindow,
  avgPool2d,
  batchNorm,
  type Conv2dAttrs,
  conv2d,
  dropout,
  Generator,
  layerNorm,
  linear,
  linearRelu,
  matmul,
  maxPool2d,
  mseLoss,
  type Reduction,
  type Shape,
  softmaxCrossEntropy,
  type Tensor,
  type TensorOptions,
  type Window,
  zeros,
} from "@descent/core";
import fc from "fast-check";
import { axis, convolution, matmul as matmulOperands, shape, size, windowed } from "../arbitraries.ts";
import { type CaseInput, distinctFloats, draw, floats, index, leavesOf, type OpCase, opCase } from "../op-case.ts";
import { adjoint, pullback } from "./adjoint.ts";

const backend = cpu();
/** The shape that a function gives for images, which only its op knows. */
const shapeOf = (image: Shape, fn: (x: Tensor) => Tensor): Shape => fn(zeros(image, { backend })).shape;

const like = ({ dtype, backend }: Tensor): TensorOptions => ({ dtype, backend });
const convolve = (x: Tensor, weight: Tensor, attrs: Conv2dAttrs): Tensor => conv2d(x, weight, null, attrs);
const convolutions = convolution.map(({ image, weight, ...attrs }) => ({
  image,
  weight,
  attrs,
  output: shapeOf(image, (x) => convolve(x, zeros(weight, { backend }), attrs)),
}));

/** Max pools of which every window sees an element, and not only padding. */
export const pools = fc
  .tuple(windowed({ maxPadding: (kernel) => Math.floor(kernel / 2) }), fc.boolean())
  .map(([{ image, ...rest }, ceilMode]) => {
    const window: Window = { ...rest, ceilMode };
    const pooled = maxPool2d(zeros(image, { backend }), window);
    return { image, window, output: pooled.shape, pooled };
  })
  .filter(({ pooled }) => pooled.dataSync().every(Number.isFinite))
  .map(({ pooled: _, ...rest }) => rest);
/** The gradient of a max pool, given that of its result. */
export const maxPoolGrad = (g: Tensor, x: Tensor, window: Window): Tensor =>
  pullback((image) => maxPool2d(image, window), [x], g)[0]!;

const averages = fc
  .tuple(
    windowed({ maxPadding: (kernel) => Math.floor(kernel / 2) }),
    fc.boolean(),
    fc.boolean(),
    fc.constantFrom(null, null, 3),
  )
  .map(([{ image, ...rest }, ceilMode, countIncludePad, divisorOverride]) => {
    const side = (i: 0 | 1): number => Math.max(image[i + 2]!, rest.kernel[i] - 2 * rest.padding[i]);
    const window: AvgWindow = { ...rest, dilation: [1, 1], ceilMode, countIncludePad, divisorOverride };
    const whole = [image[0]!, image[1]!, side(0), side(1)];
    return { image: whole, window, output: shapeOf(whole, (x) => avgPool2d(x, window)) };
  });

const alongAxis = (fn: (x: Tensor, dim: number) => Tensor): OpCase =>
  opCase(
    shape({ minRank: 1 }).chain((s) => axis(s.length).chain((dim) => draw({ dim }, floats(s)))),
    ([x], { dim }) => fn(x!, dim),
  );

const gradientAlongAxis = (fn: (x: Tensor, dim: number) => Tensor): OpCase =>
  opCase(
    shape({ minRank: 1 }).chain((s) => axis(s.length).chain((dim) => draw({ dim }, floats(s), floats(s)))),
    ([g, x], { dim }) => pullback((x) => fn(x, dim), [x!], g!),
  );

/** Whether a relu of `linear(x, weight, bias)` has no kink nearby. */
export const isOffKinks = ([x, weight, bias]: readonly CaseInput[]): boolean =>
  linear(
    ...(leavesOf({ inputs: [x!, weight!, ...(bias ? [bias] : [])] }, { dtype: "float64", backend }) as [
      Tensor,
      Tensor,
    ]),
  )
    .dataSync()
    .every((value) => Math.abs(value) > 1e-3);

const linears = fc
  .tuple(shape({ minRank: 1 }), size(), fc.boolean())
  .chain(([s, out, bias]) => draw({ bias }, floats(s), floats([out, s.at(-1)!]), ...(bias ? [floats([out])] : [])));

const reduction = fc.constantFrom<Reduction>("none", "mean", "sum");

/** An eps that keeps variances of few elements well away from zero. */
const eps = 0.25;

export const NEURAL: Record<string, OpCase> = {
  matmul: opCase(
    matmulOperands.chain(({ a, b, ...flags }) => draw(flags, floats(a), floats(b))),
    ([a, b], { transposeA, transposeB }) => matmul(a!, b!, transposeA, transposeB),
  ),
  linear: opCase(linears, ([x, weight, bias]) => linear(x!, weight!, bias)),
  linearRelu: opCase(
    linears.filter(({ inputs }) => isOffKinks(inputs)),
    ([x, weight, bias]) => linearRelu(x!, weight!, bias),
  ),
  linearWeightGrad: opCase(
    fc
      .tuple(shape({ minRank: 1 }), size(), fc.boolean())
      .chain(([s, out, bias]) => draw({ bias }, floats(s), floats(s.with(-1, out)))),
    ([x, g], { bias }) => {
      const parameters = [[g!.shape.at(-1)!, x!.shape.at(-1)!], [g!.shape.at(-1)!]].slice(0, bias ? 2 : 1);
      return pullback(
        (w, b) => linear(x!, w!, b),
        parameters.map((s) => zeros(s, like(x!))),
        g!,
      );
    },
  ),
  conv2d: opCase(
    fc
      .tuple(convolutions, fc.boolean())
      .chain(([{ image, weight, attrs }, bias]) =>
        draw(attrs, floats(image), floats(weight), ...(bias ? [floats([weight[0]!])] : [])),
      ),
    ([x, weight, bias], attrs) => conv2d(x!, weight!, bias ?? null, attrs),
  ),
  conv2dInputGrad: opCase(
    convolutions.chain(({ image, weight, attrs, output }) => draw({ image, attrs }, floats(output), floats(weight))),
    ([g, weight], { image, attrs }) => adjoint((x) => convolve(x, weight!, attrs), image, g!),
  ),
  conv2dWeightGrad: opCase(
    fc
      .tuple(convolutions, fc.boolean())
      .chain(([{ image, weight, attrs, output }, bias]) =>
        draw({ weight, attrs, bias }, floats(image), floats(output)),
      ),
    ([x, g], { weight, attrs, bias }) => {
      const parameters = [weight, [weight[0]!]].slice(0, bias ? 2 : 1);
      return pullback(
        (w, b) => conv2d(x!, w!, b ?? null, attrs),
        parameters.map((s) => zeros(s, like(x!))),
        g!,
      );
    },
  ),
  maxPool2d: opCase(
    pools.chain(({ image, window }) => draw(window, distinctFloats(image))),
    ([x], window) => maxPool2d(x!, window),
  ),
  maxPool2dInputGrad: opCase(
    pools.chain(({ image, window, output }) => draw(window, floats(output), distinctFloats(image))),
    ([g, x], window) => maxPoolGrad(g!, x!, window),
  ),
  maxPool2dPick: opCase(
    pools.chain(({ image, window, output }) => draw({ window, output }, floats(image), distinctFloats(image))),
    ([v, x], { window, output }) => adjoint((g) => maxPoolGrad(g, x!, window), output, v!),
  ),
  avgPool2d: opCase(
    averages.chain(({ image, window }) => draw(window, floats(image))),
    ([x], window) => avgPool2d(x!, window),
  ),
  avgPool2dInputGrad: opCase(
    averages.chain(({ image, window, output }) => draw({ image, window }, floats(output))),
    ([g], { image, window }) => adjoint((x) => avgPool2d(x, window), image, g!),
  ),
  batchNorm: opCase(
    fc
      .tuple(size(3), size(3), shape({ maxRank: 2, maxSize: 3 }), fc.integer({ min: 0, max: 2 }))
      .chain(([n, c, inner, affine]) =>
        draw({ affine }, floats([n, c, ...inner]), ...[floats([c]), floats([c])].slice(0, affine)),
      ),
    ([x, weight, bias]) => {
      const { output, mean, variance } = batchNorm(x!, weight ?? null, bias ?? null, eps);
      return [output, mean, variance];
    },
  ),
  batchNormGrad: opCase(
    fc
      .tuple(size(3), size(3), shape({ maxRank: 2, maxSize: 3 }), fc.integer({ min: 0, max: 2 }))
      .chain(([n, c, inner, affine]) =>
        draw(
          { affine },
          floats([n, c, ...inner]),
          floats([n, c, ...inner]),
          ...[floats([c]), floats([c])].slice(0, affine),
        ),
      ),
    ([g, ...xs]) => pullback((x, weight, bias) => batchNorm(x!, weight ?? null, bias ?? null, eps).output, xs, g!),
  ),
  layerNormGrad: opCase(
    fc
      .tuple(shape({ maxRank: 2, maxSize: 3 }), shape({ minRank: 1, maxRank: 2 }), fc.integer({ min: 0, max: 2 }))
      .chain(([lead, normalized, affine]) =>
        draw(
          { normalized },
          floats([...lead, ...normalized]),
          floats([...lead, ...normalized]),
          ...[floats(normalized), floats(normalized)].slice(0, affine),
        ),
      ),
    ([g, ...xs], { normalized }) =>
      pullback((x, weight, bias) => layerNorm(x!, normalized, weight ?? null, bias ?? null, eps), xs, g!),
  ),
  layerNorm: opCase(
    fc
      .tuple(shape({ maxRank: 2, maxSize: 3 }), shape({ minRank: 1, maxRank: 2 }), fc.integer({ min: 0, max: 2 }))
      .chain(([lead, normalized, affine]) =>
        draw(
          { normalized },
          floats([...lead, ...normalized]),
          ...[floats(normalized), floats(normalized)].slice(0, affine),
        ),
      ),
    ([x, weight, bias], { normalized }) => layerNorm(x!, normalized, weight ?? null, bias ?? null, eps),
  ),
  softmax: alongAxis((x, dim) => x.softmax(dim)),
  softmaxGrad: gradientAlongAxis((x, dim) => x.softmax(dim)),
  logSoftmax: alongAxis((x, dim) => x.logSoftmax(dim)),
  logSoftmaxGrad: gradientAlongAxis((x, dim) => x.logSoftmax(dim)),
  softmaxCrossEntropy: opCase(
    fc.tuple(size(3), size(4)).chain(([n, c]) => draw(null, floats([n, c]), index([n], c))),
    ([logits, target]) => softmaxCrossEntropy(logits!, target!),
  ),
  softmaxCrossEntropyGrad: opCase(
    fc.tuple(size(3), size(4)).chain(([n, c]) => draw(null, floats([n]), floats([n, c]), index([n], c))),
    ([g, logits, target]) => pullback((x) => softmaxCrossEntropy(x, target!), [logits!], g!),
  ),
  mseLoss: opCase(
    fc.tuple(shape(), reduction).chain(([s, reduction]) => draw({ reduction }, floats(s), floats(s))),
    ([x, target], { reduction }) => mseLoss(x!, target!, reduction),
  ),
  mseLossGrad: opCase(
    fc
      .tuple(shape(), reduction)
      .chain(([s, reduction]) => draw({ reduction }, floats(reduction === "none" ? s : []), floats(s), floats(s))),
    ([g, ...xs], { reduction }) => pullback((x, target) => mseLoss(x!, target!, reduction), xs, g!),
  ),
  dropout: opCase(
    fc.tuple(shape(), fc.nat(), fc.constantFrom(0.25, 0.5, 0.75)).chain(([s, seed, p]) => draw({ seed, p }, floats(s))),
    ([x], { seed, p }) => dropout(x!, p, new Generator(seed)),
  ),
};

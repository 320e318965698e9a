import { ShapeError } from "../errors.ts";
import { composite, floating, type Op } from "../op.ts";
import { type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { expand, gatherView, permute, reshape } from "./movement.ts";
import { sum } from "./sum.ts";
import { AXES, foldWindows, frame, type Pair, positions, type Window, windowView } from "./windows.ts";

/** How a convolution kernel moves over the image, and into how many independent groups the channels fall. */
export interface ConvAttrs<S extends Shape = Shape> {
  readonly stride: S;
  readonly padding: S;
  readonly dilation: S;
  readonly groups: number;
}
export type Conv2dAttrs = ConvAttrs<Pair>;

const windowOf = (attrs: Conv2dAttrs, weight: Shape): Window => ({ ...attrs, kernel: [weight[2]!, weight[3]!] });

/** `[N, C, H, W]` → `[N, groups, C/groups·kh·kw, oh·ow]`: every column holds what one position of the kernel sees. */
function columns(x: Tensor, window: Window, count: Pair, groups: number): Tensor {
  const image = frame(x, window, count);
  const view = windowView(image.shape, window, count, ["N", "C", "kh", "kw", "oh", "ow"]);
  const whole = image.shape[2] === count[0] && image.shape[3] === count[1];
  // As many positions as pixels: the kernel is 1×1 and sees them one by one.
  const depth = (x.shape[1]! / groups) * window.kernel[0] * window.kernel[1];
  return reshape(whole ? image : gatherView([image], view), [x.shape[0]!, groups, depth, count[0] * count[1]]);
}

/** `[O, C/groups, kh, kw]` → `[1, groups, O/groups, C/groups·kh·kw]`. */
const matrix = (weight: Tensor, groups: number): Tensor => reshape(weight, [1, groups, weight.shape[0]! / groups, -1]);

/** @internal Checks the operands of a convolution over one to three axes and returns the shape of its result. */
export function convShape(op: string, [x, weight, bias]: ConvShapes, attrs: ConvAttrs): Shape {
  const { groups } = attrs;
  checkRanks(op, "O,C/groups", x, weight, attrs);
  if (x[1] !== weight[1]! * groups || weight[0]! % groups !== 0)
    throw new ShapeError(
      op,
      `the channels of the input ${show(x)} and the weight ${show(weight)} do not fit ${groups} group(s)`,
      `the input needs ${weight[1]! * groups} channels, and groups must divide the outputs`,
    );
  checkBias(op, bias, weight[0]!, weight);
  return [x[0]!, weight[0]!, ...positions(op, x, { ...attrs, kernel: weight.slice(2) })];
}

/** @internal The shapes of an image, a weight and a bias. */
export type ConvShapes = readonly [x: Shape, weight: Shape, bias: Shape | null];

const KERNELS = ["", "k", "kh,kw", "kd,kh,kw"];

/** @internal */
export function checkRanks(op: string, channels: string, x: Shape, weight: Shape, { stride }: ConvAttrs): void {
  const n = stride.length;
  if (x.length !== n + 2 || weight.length !== n + 2)
    throw new ShapeError(
      op,
      `expected an input [N,C,${AXES[n]}] and a weight [${channels},${KERNELS[n]}], got ${show(x)} and ${show(weight)}`,
      "unsqueeze(0) makes a batch of a single image",
    );
}

/** @internal */
export function checkBias(op: string, bias: Shape | null, outputs: number, weight: Shape): void {
  if (bias !== null && (bias.length !== 1 || bias[0] !== outputs))
    throw new ShapeError(
      op,
      `the bias ${show(bias)} must have the ${outputs} outputs of the weight ${show(weight)}`,
      `pass a bias of shape [${outputs}] or null`,
    );
}

const conv2dOp: Op<[x: Tensor, weight: Tensor, bias: Tensor | null], Conv2dAttrs> = composite({
  name: "conv2d",
  shape: (shapes, attrs) => convShape("conv2d", shapes, attrs),
  dtype: floating("conv2d"),
  decompose: ([x, weight, bias], attrs) => {
    const window = windowOf(attrs, weight.shape);
    const count = positions("conv2d", x.shape, window);
    const product = matmul(matrix(weight, attrs.groups), columns(x, window, count, attrs.groups));
    const y = reshape(product, [x.shape[0]!, weight.shape[0]!, ...count]);
    return bias === null ? y : add(y, reshape(bias, [-1, 1, 1]));
  },
  saves: ["others"],
  vjp: (g, { inputs: [x, weight], needs, specs, attrs }) => {
    const dx = needs[0] ? conv2dInputGrad([g, weight], { ...attrs, image: specs[0]!.shape }) : null;
    if (!needs[1]) return [dx, null, needs[2] ? sumPerChannel(g) : null];
    const [dw, db = null] = conv2dWeightGrad([x, g], { ...attrs, weight: specs[1]!.shape, bias: needs[2]! });
    return [dx, dw!, db];
  },
});

const sumPerChannel = (g: Tensor): Tensor => sum(g, [0, 2, 3]);

/** @internal The adjoint of a convolution in its image: what a transposed convolution computes. */
export const conv2dInputGrad: Op<[g: Tensor, weight: Tensor], Conv2dAttrs & { readonly image: Shape }> = composite({
  name: "conv2dInputGrad",
  shape: (_, { image }) => image,
  decompose: ([g, weight], { image, ...attrs }) => {
    const [n, o, ...count] = g.shape as [number, number, number, number];
    const window = windowOf(attrs, weight.shape);
    const rows = reshape(g, [n, attrs.groups, o / attrs.groups, count[0] * count[1]]);
    const parts = reshape(matmul(matrix(weight, attrs.groups), rows, true), [n, image[1]!, ...window.kernel, ...count]);
    return foldWindows(parts, image, window, count, ["N", "C", "kh", "kw", "oh", "ow"]);
  },
  saves: ["others"],
  vjp: [
    (gg, { inputs: [, weight], attrs: { image, ...attrs } }) => conv2dOp([gg, weight, null], attrs),
    (gg, { inputs: [g], specs, attrs: { image, ...attrs } }) =>
      conv2dWeightGrad([gg, g], { ...attrs, weight: specs[1]!.shape, bias: false })[0]!,
  ],
});

interface WeightGradAttrs extends Conv2dAttrs {
  /** The shape of the weight. */
  readonly weight: Shape;
  /** Whether the gradient of the bias is wanted too, as a second output. */
  readonly bias: boolean;
}

const conv2dWeightGrad: Op<[x: Tensor, g: Tensor], WeightGradAttrs, readonly Tensor[]> = composite({
  name: "conv2dWeightGrad",
  outputs: (_, [dtype], { weight, bias }) => {
    const dw = { shape: weight, dtype };
    return bias ? [dw, { shape: [weight[0]!], dtype }] : [dw];
  },
  decompose: ([x, g], { weight, bias, ...attrs }) => {
    const [n, o, ...count] = g.shape as [number, number, number, number];
    const window = windowOf(attrs, weight);
    const image = frame(x, window, count);
    // With the images beside the positions, one product per group sums over both.
    const view = windowView(image.shape, window, count, ["C", "kh", "kw", "N", "oh", "ow"]);
    const depth = weight[1]! * weight[2]! * weight[3]!;
    const seen = reshape(gatherView([image], view), [attrs.groups, depth, n * count[0] * count[1]]);
    const rows = reshape(permute(g, 1, 0, 2, 3), [attrs.groups, o / attrs.groups, n * count[0] * count[1]]);
    const dw = reshape(matmul(rows, seen, false, true), weight);
    return bias ? [dw, sumPerChannel(g)] : [dw];
  },
  saves: ["others"],
  vjp: (_, { inputs: [x, g], grads: [gw, gb = null], needs, specs, attrs: { weight, bias, ...attrs } }) => {
    const spread = (gb: Tensor): Tensor => expand(reshape(gb, [-1, 1, 1]), specs[1]!.shape);
    return [
      needs[0] && gw != null ? conv2dInputGrad([g, gw], { ...attrs, image: specs[0]!.shape }) : null,
      needs[1] ? (gw == null ? spread(gb!) : conv2dOp([x, gw, gb], attrs)) : null,
    ];
  },
});

/**
 * The cross-correlation of images `[N, C, H, W]` with a weight `[O, C/groups, kh, kw]`, plus a bias `[O]`: `[N, O, oh, ow]` with
 * `oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1`.
 */
export const conv2d = (x: Tensor, weight: Tensor, bias: Tensor | null, attrs: Conv2dAttrs): Tensor =>
  conv2dOp([x, weight, bias], attrs);

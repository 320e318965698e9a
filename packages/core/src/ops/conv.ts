import { ShapeError } from "../errors.ts";
import { composite, floating, type Op } from "../op.ts";
import { type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { expand, gatherView, permute, reshape } from "./movement.ts";
import { sum } from "./sum.ts";
import { foldWindows, frame, type Pair, positions, type Window, windowView } from "./windows.ts";

/** How a convolution kernel moves over the image, and into how many independent groups the channels fall. */
export interface Conv2dAttrs {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

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

const conv2dOp: Op<[x: Tensor, weight: Tensor, bias: Tensor | null], Conv2dAttrs> = composite({
  name: "conv2d",
  shape: ([x, weight, bias], attrs) => {
    const { groups } = attrs;
    if (x.length !== 4 || weight.length !== 4)
      throw new ShapeError(
        "conv2d",
        `expected an input [N,C,H,W] and a weight [O,C/groups,kh,kw], got ${show(x)} and ${show(weight)}`,
        "unsqueeze(0) makes a batch of a single image",
      );
    if (x[1] !== weight[1]! * groups || weight[0]! % groups !== 0)
      throw new ShapeError(
        "conv2d",
        `the channels of the input ${show(x)} and the weight ${show(weight)} do not fit ${groups} group(s)`,
        `the input needs ${weight[1]! * groups} channels, and groups must divide the outputs`,
      );
    if (bias !== null && (bias.length !== 1 || bias[0] !== weight[0]))
      throw new ShapeError(
        "conv2d",
        `the bias ${show(bias)} must have the ${weight[0]} outputs of the weight ${show(weight)}`,
        `pass a bias of shape [${weight[0]}] or null`,
      );
    return [x[0]!, weight[0]!, ...positions("conv2d", x, windowOf(attrs, weight))];
  },
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

const conv2dInputGrad: Op<[g: Tensor, weight: Tensor], Conv2dAttrs & { readonly image: Shape }> = composite({
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

import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { floating } from "../op.ts";
import { type Shape, show, sizeOf, stridesOf, type View } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type ConvAttrs, type ConvShapes, checkBias, checkRanks, conv2d, conv2dInputGrad, convShape } from "./conv.ts";
import { add } from "./elementwise.ts";
import { gatherView, narrow, padZeros, permute, reshape, scatterView, unsqueeze } from "./movement.ts";
import { checkWindow, type Pair } from "./windows.ts";

// One axis is an image of height 1. Three are images that have the slices under a kernel as channels: the first axis of the kernel becomes
// part of the channels, and the positions along it part of the batch. So all of them run on the kernels for images.

const shapesOf = (x: Tensor, weight: Tensor, bias: Tensor | null): ConvShapes => [
  x.shape,
  weight.shape,
  bias === null ? null : bias.shape,
];

const checkDTypes = (op: string, x: Tensor, weight: Tensor, bias: Tensor | null): void => {
  floating(op)([x.dtype, weight.dtype, bias === null ? null : bias.dtype]);
};

/** The attributes of the last two axes; one axis alone gets a first one of size 1. */
const ofImages = <A extends ConvAttrs>(attrs: A): A & ConvAttrs<Pair> => {
  const last = (sizes: Shape, filler: number): Pair => [sizes.at(-2) ?? filler, sizes.at(-1)!];
  const { stride, padding, dilation } = attrs;
  return { ...attrs, stride: last(stride, 1), padding: last(padding, 0), dilation: last(dilation, 1) };
};

/** The slices under each position of a kernel along the first axis of volumes `[N, C, D, H, W]`, as `[N, od, C, kd, H·W]`. */
function slices(
  [n, c, d, h, w]: readonly number[],
  count: number,
  kernel: number,
  { stride, dilation }: ConvAttrs,
): View {
  const [batch, channel, step] = stridesOf([n!, c!, d!, h! * w!]) as [number, number, number, number];
  return {
    shape: [n!, count, c!, kernel, h! * w!],
    strides: [batch, step * stride[0]!, channel, step * dilation[0]!, 1],
    offset: 0,
  };
}

/**
 * The cross-correlation of `[N, C, …]` with a weight `[O, C/groups, …]` over one, two or three axes, plus a bias `[O]`. There are as many
 * axes as `attrs` has strides.
 */
export function convolution(x: Tensor, weight: Tensor, bias: Tensor | null, attrs: ConvAttrs): Tensor {
  const n = attrs.stride.length;
  if (n === 2) return conv2d(x, weight, bias, attrs as ConvAttrs<Pair>);
  const images = ofImages(attrs);
  const op = `conv${n}d`;
  const shape = convShape(op, shapesOf(x, weight, bias), attrs);
  checkDTypes(op, x, weight, bias);
  return scope(() => {
    if (n === 1) return reshape(conv2d(unsqueeze(x, 2), unsqueeze(weight, 2), bias, images), shape);
    const pad = attrs.padding[0]!;
    const framed = padZeros(x, [[pad, pad], ...REST]);
    const [, , h, w] = x.shape.slice(1) as [number, number, number, number];
    const [o, c, kernel, ...sides] = weight.shape as [number, number, number, number, number];
    const view = slices(framed.shape, shape[2]!, kernel, attrs);
    const seen = reshape(gatherView([framed], view), [shape[0]! * shape[2]!, x.shape[1]! * kernel, h, w]);
    const y = conv2d(seen, reshape(weight, [o, c * kernel, ...sides]), bias, images);
    return permute(reshape(y, [shape[0]!, shape[2]!, o, ...shape.slice(3)]), 0, 2, 1, 3, 4);
  });
}

const REST = [
  [0, 0],
  [0, 0],
] as const;

/** How the kernel of a transposed convolution moves. */
export interface TransposedConvAttrs extends ConvAttrs {
  /** What is added to the end of each axis of the result. */
  readonly outputPadding: Shape;
}

/**
 * The adjoint of a convolution over one, two or three axes: `[N, C, …]` with a weight `[C, O/groups, …]`, plus a bias `[O]`. An axis
 * of `n` becomes `(n − 1)·stride − 2·padding + dilation·(k − 1) + outputPadding + 1`.
 */
export function transposedConvolution(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { outputPadding, ...attrs }: TransposedConvAttrs,
): Tensor {
  const n = attrs.stride.length;
  const op = `convTranspose${n}d`;
  const size = transposedShape(op, shapesOf(x, weight, bias), attrs, outputPadding);
  checkDTypes(op, x, weight, bias);
  // A convolution of the result would have these positions more: there was nothing.
  const further = outputPadding.map((end, i) => [0, Math.floor(end / attrs.stride[i]!)] as const);
  return scope(() => {
    const y = adjoint(padZeros(x, further), weight, size, attrs);
    return bias === null ? y : add(y, reshape(bias, [-1, ...attrs.stride.map(() => 1)]));
  });
}

/** The adjoint of the convolution that makes something of the shape of `g` from the given size. */
function adjoint(g: Tensor, weight: Tensor, size: Shape, attrs: ConvAttrs): Tensor {
  const n = attrs.stride.length;
  const images = ofImages(attrs);
  if (n === 2) return conv2dInputGrad([g, weight], { ...images, image: size });
  if (n === 1) {
    const image = [size[0]!, size[1]!, 1, size[2]!];
    return reshape(conv2dInputGrad([unsqueeze(g, 2), unsqueeze(weight, 2)], { ...images, image }), size);
  }
  const [batch, o, d, h, w] = size as [number, number, number, number, number];
  const [c, , kernel, ...sides] = weight.shape as [number, number, number, number, number];
  const count = g.shape[2]!;
  const rows = reshape(permute(g, 0, 2, 1, 3, 4), [batch * count, c, ...g.shape.slice(3)]);
  const image = [batch * count, o * kernel, h, w];
  const parts = conv2dInputGrad([rows, reshape(weight, [c, -1, ...sides])], { ...images, image });
  const framed = [batch, o, d + 2 * attrs.padding[0]!, h, w];
  const view = slices(framed, count, kernel, attrs);
  return narrow(scatterView([reshape(parts, view.shape)], { view, shape: framed }), 2, attrs.padding[0]!, d);
}

function transposedShape(op: string, [x, weight, bias]: ConvShapes, attrs: ConvAttrs, outputPadding: Shape): Shape {
  const { stride, padding, dilation, groups } = attrs;
  const kernel = weight.slice(2);
  checkRanks(op, "C,O/groups", x, weight, attrs);
  checkWindow(op, { ...attrs, kernel });
  if (x[1] !== weight[0] || weight[0]! % groups !== 0)
    throw new ShapeError(
      op,
      `the channels of the input ${show(x)} and the weight ${show(weight)} do not fit ${groups} group(s)`,
      `the input needs ${weight[0]} channels, which groups must divide`,
    );
  const outputs = weight[1]! * groups;
  checkBias(op, bias, outputs, weight);
  if (outputPadding.some((end, i) => !Number.isInteger(end) || end < 0 || end >= Math.max(stride[i]!, dilation[i]!)))
    throw new ArgumentError(
      op,
      `outputPadding ${show(outputPadding)} must lie below the stride ${show(stride)} or the dilation ${show(dilation)}`,
      "a larger result needs a larger stride or kernel",
    );
  const sizes = kernel.map(
    (k, i) => (x[i + 2]! - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (k - 1) + outputPadding[i]! + 1,
  );
  if (sizeOf(x.slice(2)) === 0 || sizes.some((size) => size <= 0))
    throw new ShapeError(
      op,
      `the input ${show(x)} gives a result of size ${show(sizes)}`,
      "use a larger input or kernel, or less padding",
    );
  return [x[0]!, outputs, ...sizes];
}

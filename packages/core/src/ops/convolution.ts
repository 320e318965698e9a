import { dtypesOf, shapesOf } from "../apply.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { floating } from "../op.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { AffineShapes } from "./affine.ts";
import { type ConvAttrs, conv2d, conv2dInputGrad, convOutputs, convShape, windowOf } from "./conv.ts";
import { add } from "./elementwise.ts";
import { flatten, padZeros, permute, reshape, unsqueeze } from "./movement.ts";
import { addWindows, checkWindow, type Pair, planes, readWindows } from "./windows.ts";

// One axis is an image of height 1. Three are images that have the slices under a kernel as channels: the first axis of the kernel becomes
// part of the channels, and the positions along it part of the batch. So all of them run on the kernels for images.

/** The shapes of the operands, whose dtypes are checked. */
function operandsOf(op: string, x: Tensor, weight: Tensor, bias: Tensor | null): AffineShapes {
  floating(op)(dtypesOf([x, weight, bias]));
  return shapesOf([x, weight, bias]) as unknown as AffineShapes;
}

/** Volumes `[N, C, D, H·W]`, whose slices are seen by the kernel's first axis: images, positions, channels, kernel, pixels. */
const SLICES = "NhCkw";

/**
 * The cross-correlation of `[N, C, …]` with a weight `[O, C/groups, …]` over one, two or three axes, plus a bias `[O]`. There are as many
 * axes as `attrs` has strides.
 */
export function convolution(x: Tensor, weight: Tensor, bias: Tensor | null, attrs: ConvAttrs): Tensor {
  const n = attrs.stride.length;
  if (n === 2) return conv2d(x, weight, bias, attrs as ConvAttrs<Pair>);
  const op = `conv${n}d`;
  const shape = convShape(op, operandsOf(op, x, weight, bias), attrs);
  const window = windowOf(attrs, weight.shape);
  const images = planes(window, -2, -1);
  return scope(() => {
    if (n === 1) return reshape(conv2d(unsqueeze(x, 2), unsqueeze(weight, 2), bias, images), shape);
    const [batch, outputs, count, ...plane] = shape as [number, number, number, ...number[]];
    const slices = readWindows(flatten(x, 3), planes(window, 0, 3), SLICES);
    const channels = x.shape[1]! * window.kernel[0]!;
    const seen = reshape(slices, [batch * count, channels, ...x.shape.slice(3)]);
    const y = conv2d(seen, flatten(weight, 1, 2), bias, images);
    return permute(reshape(y, [batch, count, outputs, ...plane]), 0, 2, 1, 3, 4);
  });
}

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
  const op = `convTranspose${attrs.stride.length}d`;
  const size = transposedShape(op, operandsOf(op, x, weight, bias), attrs, outputPadding);
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
  const window = windowOf(attrs, weight.shape);
  const images = planes(window, -2, -1);
  if (n === 2) return conv2dInputGrad([g, weight], { ...images, image: size });
  if (n === 1) {
    const image = size.toSpliced(2, 0, 1);
    return reshape(conv2dInputGrad([unsqueeze(g, 2), unsqueeze(weight, 2)], { ...images, image }), size);
  }
  const [batch, outputs, depth, ...plane] = size as [number, number, number, ...number[]];
  const [, channels, count, ...seen] = g.shape as [number, number, number, ...number[]];
  const rows = reshape(permute(g, 0, 2, 1, 3, 4), [batch * count, channels, ...seen]);
  const image = [batch * count, outputs * window.kernel[0]!, ...plane];
  const parts = conv2dInputGrad([rows, flatten(weight, 1, 2)], { ...images, image });
  return reshape(addWindows(parts, [batch, outputs, depth, sizeOf(plane)], planes(window, 0, 3), SLICES), size);
}

function transposedShape(op: string, shapes: AffineShapes, attrs: ConvAttrs, outputPadding: Shape): Shape {
  const [x, weight] = shapes;
  const { stride, padding, dilation } = attrs;
  const outputs = convOutputs(op, shapes, attrs, true);
  const window = windowOf(attrs, weight);
  checkWindow(op, window);
  if (outputPadding.some((end, i) => !Number.isInteger(end) || end < 0 || end >= Math.max(stride[i]!, dilation[i]!)))
    throw new ArgumentError(
      op,
      `outputPadding ${show(outputPadding)} must lie below the stride ${show(stride)} or the dilation ${show(dilation)}`,
      "a larger result needs a larger stride or kernel",
    );
  const sizes = window.kernel.map(
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

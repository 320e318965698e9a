import { ArgumentError, ShapeError } from "../errors.ts";
import { type Shape, show, stridesOf, type View } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { narrow, padZeros, scatterView } from "./movement.ts";

/** The last axes of images with one, two or three of them, as messages show them. */
export const AXES: readonly string[] = ["", "L", "H,W", "D,H,W"];

export type Pair = readonly [height: number, width: number];

/** How a window moves over the last axes of an image, of which there are two unless said otherwise. */
export interface Window<S extends Shape = Pair> {
  readonly kernel: S;
  readonly stride: S;
  /** Zeros on either side. */
  readonly padding: S;
  readonly dilation: S;
  /** Whether a last window may hang over the end, if it begins inside. */
  readonly ceilMode?: boolean;
}

/** Rows (and columns) of zeros before and after the image, so that every window lies inside. */
type Frame = readonly (readonly [before: number, after: number])[];

/** Throws unless the sizes of a window are integers in their ranges. */
export function checkWindow(op: string, { kernel, stride, padding, dilation }: Window<Shape>): void {
  if (
    ![...kernel, ...stride, ...dilation].every((n) => Number.isInteger(n) && n > 0) ||
    !padding.every((n) => Number.isInteger(n) && n >= 0)
  )
    throw new ArgumentError(
      op,
      `kernel ${show(kernel)}, stride ${show(stride)} and dilation ${show(dilation)} must be positive integers, padding ${show(padding)} not negative`,
    );
}

/** Checks a window and returns how many positions it has along each of the last axes of an image. */
export function positions<S extends Shape = Pair>(op: string, image: Shape, window: Window<S>): S {
  const { kernel, stride, padding, dilation } = window;
  checkWindow(op, window);
  const counts = kernel.map((width, axis) => {
    const size = image.at(axis - kernel.length)!;
    const reach = dilation[axis]! * (width - 1) + 1;
    const room = size + 2 * padding[axis]! - reach;
    const count = (window.ceilMode ? Math.ceil : Math.floor)(room / stride[axis]!) + 1;
    // A window that begins beyond the image and its left padding would see nothing.
    const outside = window.ceilMode && (count - 1) * stride[axis]! >= size + padding[axis]!;
    return outside ? count - 1 : count;
  });
  if (counts.some((count) => count <= 0))
    throw new ShapeError(
      op,
      `the kernel ${show(kernel)} (dilation ${show(dilation)}) is larger than the image ${show(image)} with padding ${show(padding)}`,
      "use a larger image, more padding or a smaller kernel",
    );
  return counts as unknown as S;
}

/** The image with zeros around, as large as its windows need. */
export const frame = (x: Tensor, window: Window, count: Pair): Tensor => padZeros(x, frameOf(x.shape, window, count));

/** The zeros around an image that its windows need. */
export function frameOf<S extends Shape = Pair>(
  image: Shape,
  { kernel, stride, padding, dilation }: Window<S>,
  count: S,
): Frame {
  return kernel.map((width, axis) => {
    const end = (count[axis]! - 1) * stride[axis]! + dilation[axis]! * (width - 1) + 1;
    const size = image.at(axis - kernel.length)!;
    return [padding[axis]!, Math.max(padding[axis]!, end - padding[axis]! - size)];
  });
}

/** The windows of a framed image `[N, C, H, W]` as a view with the named axes, in any order. */
export function windowView(
  image: Shape,
  { kernel, stride, dilation }: Window,
  count: Pair,
  order: readonly WindowAxis[],
): View {
  const [n, c, h, w] = stridesOf(image) as [number, number, number, number];
  const axes: Record<WindowAxis, Pair> = {
    N: [image[0]!, n],
    C: [image[1]!, c],
    kh: [kernel[0], h * dilation[0]],
    kw: [kernel[1], w * dilation[1]],
    oh: [count[0], h * stride[0]],
    ow: [count[1], w * stride[1]],
  };
  return { shape: order.map((axis) => axes[axis][0]), strides: order.map((axis) => axes[axis][1]), offset: 0 };
}

export type WindowAxis = "N" | "C" | "kh" | "kw" | "oh" | "ow";

/** The adjoint of framing an image and reading its windows: what overlaps adds up, what fell on the frame is dropped. */
export function foldWindows(
  parts: Tensor,
  image: Shape,
  window: Window,
  count: Pair,
  order: readonly WindowAxis[],
): Tensor {
  const [rows, columns] = frameOf(image, window, count) as readonly [Pair, Pair];
  const [n, c, height, width] = image as [number, number, number, number];
  const framed = [n, c, height + rows[0] + rows[1], width + columns[0] + columns[1]];
  const whole = scatterView([parts], { view: windowView(framed, window, count, order), shape: framed });
  return narrow(narrow(whole, 2, rows[0], height), 3, columns[0], width);
}

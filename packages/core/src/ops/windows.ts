import { ArgumentError, ShapeError } from "../errors.ts";
import { type Shape, show, stridesOf, type View } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { narrow, padZeros, reshape, scatterView, strided } from "./movement.ts";

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

/** The window over two axes of several; one that does not exist is not looked at. */
export function planes<W extends Window<Shape>>(window: W, i: number, j: number): W & Window {
  const two = (sizes: Shape, filler: number): Pair => [sizes.at(i) ?? filler, sizes.at(j) ?? filler];
  const { kernel, stride, padding, dilation } = window;
  return {
    ...window,
    kernel: two(kernel, 1),
    stride: two(stride, 1),
    padding: two(padding, 0),
    dilation: two(dilation, 1),
  };
}

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
export function positions<S extends Shape>(op: string, image: Shape, window: Window<S>): S {
  checkWindow(op, window);
  const counts = countsOf(image, window);
  if (counts.some((count) => count <= 0)) {
    const { kernel, dilation, padding } = window;
    throw new ShapeError(
      op,
      `the kernel ${show(kernel)} (dilation ${show(dilation)}) is larger than the image ${show(image)} with padding ${show(padding)}`,
      "use a larger image, more padding or a smaller kernel",
    );
  }
  return counts;
}

const countsOf = <S extends Shape>(image: Shape, { kernel, stride, padding, dilation, ceilMode }: Window<S>): S =>
  kernel.map((width, axis) => {
    const size = image.at(axis - kernel.length)!;
    const room = size + 2 * padding[axis]! - dilation[axis]! * (width - 1) - 1;
    const count = (ceilMode ? Math.ceil : Math.floor)(room / stride[axis]!) + 1;
    // A window that begins beyond the image and its left padding would see nothing.
    const outside = ceilMode && (count - 1) * stride[axis]! >= size + padding[axis]!;
    return outside ? count - 1 : count;
  }) as unknown as S;

/** Rows (and columns, …) of zeros before and after an image, so that every window lies inside. */
function frameOf(image: Shape, window: Window<Shape>): readonly Pair[] {
  const { kernel, stride, padding, dilation } = window;
  return countsOf(image, window).map((count, axis) => {
    const end = (count - 1) * stride[axis]! + dilation[axis]! * (kernel[axis]! - 1) + 1;
    const pad = padding[axis]!;
    return [pad, Math.max(pad, end - pad - image.at(axis - kernel.length)!)];
  });
}

/**
 * What windows see of images, as axes in this order: images, channels, those of the kernel, those of its positions, of which `h` is the
 * first and `w` the others.
 */
export type WindowOrder = "NCko" | "NCok" | "CkNo" | "NhCkw";

/** The windows of an image that has its frame. */
function windowView(image: Shape, window: Window<Shape>, order: WindowOrder): { view: View; framed: Shape } {
  const frame = [[0, 0], [0, 0], ...frameOf(image, window)] as const;
  const framed = image.map((size, i) => frame[i]![0] + size + frame[i]![1]);
  const [batch, channel, ...steps] = stridesOf(framed) as [number, number, ...number[]];
  const { kernel, stride, dilation } = window;
  const moves = countsOf(image, window).map((count, i): Pair => [count, steps[i]! * stride[i]!]);
  const axes: Record<string, readonly Pair[]> = {
    N: [[image[0]!, batch]],
    C: [[image[1]!, channel]],
    k: kernel.map((width, i): Pair => [width, steps[i]! * dilation[i]!]),
    o: moves,
    h: moves.slice(0, 1),
    w: moves.slice(1),
  };
  const list = [...order].flatMap((axis) => axes[axis]!);
  return { view: { shape: list.map(([size]) => size), strides: list.map(([, step]) => step), offset: 0 }, framed };
}

/** What the windows see of images `[N, C, …]`, with zeros or something else around them. */
export const readWindows = (x: Tensor, window: Window<Shape>, order: WindowOrder, frame = padZeros): Tensor =>
  strided(frame(x, frameOf(x.shape, window)), windowView(x.shape, window, order).view);

/** The adjoint of `readWindows`: what overlaps adds up, what fell on the frame is dropped. */
export function addWindows(parts: Tensor, image: Shape, window: Window<Shape>, order: WindowOrder): Tensor {
  const { view, framed } = windowView(image, window, order);
  const whole = scatterView([reshape(parts, view.shape)], { view, shape: framed });
  return frameOf(image, window).reduce((y, [before], i) => narrow(y, i + 2, before, image[i + 2]!), whole);
}

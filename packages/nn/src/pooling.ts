import {
  ArgumentError,
  avgPool2d as avgPool2dOp,
  maxPool2d as maxPool2dOp,
  ShapeError,
  scope,
  show,
  type Tensor,
  tensor,
} from "@descent/core";
import { Module } from "./base.ts";
import { onImages } from "./images.ts";
import { checkSizes, pair, type Size2, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** How a pooling window moves over an image. */
interface Moves {
  /** Default (`null`): the size of the window, so that windows do not overlap. */
  readonly stride?: Size2 | null;
  /** What is added on either side of each axis, at most half of the window. Default 0. */
  readonly padding?: Size2;
  /** Whether a last window may hang over the end, if it begins inside. Default false. */
  readonly ceilMode?: boolean;
}

/** Options of `maxPool2d`. */
export interface MaxPool2dOptions extends Moves {
  /** The distance of the pixels that a window sees. Default 1. */
  readonly dilation?: Size2;
}

/** The largest element of each window of images `[N, C, H, W]`, or one `[C, H, W]`; the padding never wins. */
export function maxPool2d(
  x: Tensor,
  kernelSize: Size2,
  { stride = null, padding = 0, dilation = 1, ceilMode = false }: MaxPool2dOptions = {},
): Tensor {
  const window = {
    kernel: pair("maxPool2d", "kernelSize", kernelSize),
    stride: pair("maxPool2d", "stride", stride ?? kernelSize),
    padding: pair("maxPool2d", "padding", padding),
    dilation: pair("maxPool2d", "dilation", dilation),
    ceilMode,
  };
  return onImages(x, (images) => maxPool2dOp(images, window));
}

/** Options of `avgPool2d`. */
export interface AvgPool2dOptions extends Moves {
  /** Whether zeros of the padding count as elements. Default true. */
  readonly countIncludePad?: boolean;
  /** What sums are divided by in place of the number of elements. Default `null`. */
  readonly divisorOverride?: number | null;
}

/** The mean of each window of images `[N, C, H, W]`, or one `[C, H, W]`. */
export function avgPool2d(
  x: Tensor,
  kernelSize: Size2,
  {
    stride = null,
    padding = 0,
    ceilMode = false,
    countIncludePad = true,
    divisorOverride = null,
  }: AvgPool2dOptions = {},
): Tensor {
  checkDivisor("avgPool2d", divisorOverride);
  const window = {
    kernel: pair("avgPool2d", "kernelSize", kernelSize),
    stride: pair("avgPool2d", "stride", stride ?? kernelSize),
    padding: pair("avgPool2d", "padding", padding),
    dilation: [1, 1] as const,
    ceilMode,
    countIncludePad,
    divisorOverride,
  };
  return onImages(x, (images) => avgPool2dOp(images, window));
}

function checkDivisor(op: string, divisor: number | null): void {
  if (divisor !== null && !(Number.isFinite(divisor) && divisor !== 0))
    throw new ArgumentError(op, `divisorOverride must be a number other than 0, got ${divisor}`);
}

/** The size of the result of adaptive pooling; `null` keeps that of the image. */
export type OutputSize = number | null | readonly [height: number | null, width: number | null];

/**
 * The means of `outputSize` windows that divide images `[N, C, H, W]`, or one `[C, H, W]`, as evenly as integers allow: window `i` of `n`
 * goes from `⌊i·H/n⌋` to `⌈(i + 1)·H/n⌉`.
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  if ((x.ndim !== 3 && x.ndim !== 4) || x.shape.slice(-2).includes(0))
    throw new ShapeError("adaptiveAvgPool2d", `expected images [N,C,H,W] that are not empty, got ${show(x.shape)}`);
  const [height, width] = x.shape.slice(-2) as [number, number];
  const [rows, columns] = outputPair("adaptiveAvgPool2d", outputSize);
  const [oh, ow] = [rows ?? height, columns ?? width];
  if (height % oh === 0 && width % ow === 0) return avgPool2d(x, [height / oh, width / ow]);
  return scope(() => averaging(x, oh, height).matmul(x.matmul(averaging(x, ow, width), false, true)));
}

/** The matrix `[to, from]` that takes the mean of each window of one axis. */
function averaging({ dtype, backend }: Tensor, to: number, from: number): Tensor {
  const matrix = Array.from({ length: to }, (_, i) => {
    const [start, end] = [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)];
    return Array.from({ length: from }, (_, k) => (k >= start && k < end ? 1 / (end - start) : 0));
  });
  return tensor(matrix, { dtype, backend });
}

function outputPair(op: string, size: OutputSize): readonly [number | null, number | null] {
  const both = typeof size === "object" && size !== null ? size : ([size, size] as const);
  if (both.length !== 2)
    throw new ArgumentError(op, `outputSize must be a size or [height, width], got [${both as readonly unknown[]}]`);
  checkSizes(op, { outputSize: both.filter((n) => n !== null) });
  return both;
}

function checkWindow(op: string, kernelSize: Size2, stride: Size2 | null, padding: Size2, dilation: Size2): void {
  checkSizes(op, { kernelSize, stride: stride ?? kernelSize, dilation });
  checkSizes(op, { padding }, 0);
  for (const [name, size] of Object.entries({ kernelSize, stride: stride ?? kernelSize, padding, dilation }))
    pair(op, name, size);
}

/** Takes the largest element of each window: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class MaxPool2d extends Module {
  /** @internal */
  static override readonly discreet: unknown = MaxPool2d;
  readonly #kernelSize: Size2;
  readonly #options: Required<MaxPool2dOptions>;

  constructor(kernelSize: Size2, options: MaxPool2dOptions = {}) {
    super();
    const all = withDefaults("MaxPool2d", options, { stride: null, padding: 0, dilation: 1, ceilMode: false });
    checkWindow("MaxPool2d", kernelSize, all.stride, all.padding, all.dilation);
    this.#kernelSize = kernelSize;
    this.#options = all;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#kernelSize, this.#options);
  }

  protected override extraRepr(): string {
    const { stride, padding, dilation, ceilMode } = this.#options;
    const kernelSize = this.#kernelSize;
    return keywords({ kernelSize, stride: stride ?? kernelSize, padding, dilation, ceilMode });
  }
}

/** Takes the mean of each window: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class AvgPool2d extends Module {
  /** @internal */
  static override readonly discreet: unknown = AvgPool2d;
  readonly #kernelSize: Size2;
  readonly #options: Required<AvgPool2dOptions>;

  constructor(kernelSize: Size2, options: AvgPool2dOptions = {}) {
    super();
    const all = withDefaults("AvgPool2d", options, {
      stride: null,
      padding: 0,
      ceilMode: false,
      countIncludePad: true,
      divisorOverride: null,
    });
    checkWindow("AvgPool2d", kernelSize, all.stride, all.padding, 1);
    checkDivisor("AvgPool2d", all.divisorOverride);
    this.#kernelSize = kernelSize;
    this.#options = all;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.#kernelSize, this.#options);
  }

  protected override extraRepr(): string {
    const { stride, padding } = this.#options;
    return keywords({ kernelSize: this.#kernelSize, stride: stride ?? this.#kernelSize, padding });
  }
}

/** Takes means over windows that divide images of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveAvgPool2d extends Module {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveAvgPool2d;
  readonly #outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    outputPair("AdaptiveAvgPool2d", outputSize);
    this.#outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.#outputSize);
  }

  protected override extraRepr(): string {
    return keywords({ outputSize: this.#outputSize });
  }
}

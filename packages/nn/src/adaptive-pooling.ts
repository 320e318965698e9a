import { arange, ShapeError, scope, show, sizeOf, type Tensor, tensor } from "@descent/core";
import { FunctionLayer } from "./function-layer.ts";
import { onImages } from "./images.ts";
import { checkSizes, spread, withDefaults } from "./options.ts";
import { avgPooler, maxPooler } from "./pooling.ts";
import { keywords } from "./repr.ts";

/** The size of the result of adaptive pooling of sequences; `null` keeps that of the input. */
export type OutputSize1 = number | null | readonly [length: number | null];
/** The size of the result of adaptive pooling of images; `null` keeps that of the image. */
export type OutputSize = number | null | readonly [height: number | null, width: number | null];
/** The size of the result of adaptive pooling of volumes; `null` keeps that of the input. */
export type OutputSize3 = number | null | readonly [depth: number | null, height: number | null, width: number | null];

type AnyOutputSize = number | null | readonly (number | null)[];
type AdaptivePool<S> = (x: Tensor, outputSize: S) => Tensor;

/** The size of each axis of the result, `null` where it stays. */
function outputSizes(op: string, size: AnyOutputSize, n: number): readonly (number | null)[] {
  const list = spread(op, "outputSize", size, n);
  checkSizes(op, { outputSize: list.filter((target) => target !== null) });
  return list;
}

/** The axes of images, how long they are, and how long they become. */
function axesOf(op: string, { shape }: Tensor, outputSize: AnyOutputSize, n: number): readonly Axis[] {
  const sizes = shape.slice(-n);
  if ((shape.length !== n + 1 && shape.length !== n + 2) || sizes.includes(0))
    throw new ShapeError(op, `expected ${IMAGES[n]} that are not empty, got ${show(shape)}`);
  return outputSizes(op, outputSize, n).map((to, i) => ({ at: i + 2, from: sizes[i]!, to: to ?? sizes[i]! }));
}

const IMAGES = ["", "sequences [N,C,L]", "images [N,C,H,W]", "volumes [N,C,D,H,W]"];

interface Axis {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

const isEven = ({ from, to }: Axis): boolean => from % to === 0;

/** Window `i` of an axis as PyTorch divides it: from `⌊i·from/to⌋` to `⌈(i + 1)·from/to⌉`. */
const windowsOf = ({ from, to }: Axis): [start: number, end: number][] =>
  Array.from({ length: to }, (_, i) => [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)]);

const averager =
  (n: number): AdaptivePool<AnyOutputSize> =>
  (x, outputSize) => {
    const axes = axesOf(`adaptiveAvgPool${n}d`, x, outputSize, n);
    const kernel = axes.map((axis) => (isEven(axis) ? axis.from / axis.to : 1));
    return onImages(x, n, (images) =>
      scope(() => axes.filter((axis) => !isEven(axis)).reduce(averageAxis, avgPooler(n)(images, kernel))),
    );
  };

/** Takes the mean of each window of one axis, as a product with a matrix `[to, from]`. */
function averageAxis(x: Tensor, axis: Axis): Tensor {
  const rows = windowsOf(axis).map(([start, end]) =>
    Array.from({ length: axis.from }, (_, i) => (i >= start && i < end ? 1 / (end - start) : 0)),
  );
  const matrix = tensor(rows, { dtype: x.dtype, backend: x.backend });
  const [lead, rest] = [sizeOf(x.shape.slice(0, axis.at)), sizeOf(x.shape.slice(axis.at + 1))];
  const y =
    rest === 1
      ? x.reshape([lead, axis.from]).matmul(matrix, false, true)
      : matrix.matmul(x.reshape([lead, axis.from, rest]));
  return y.reshape(x.shape.with(axis.at, axis.to));
}

/**
 * The means of `outputSize` windows that divide sequences `[N, C, L]`, or one `[C, L]`, as evenly as integers allow: window `i` of `n` goes
 * from `⌊i·L/n⌋` to `⌈(i + 1)·L/n⌉`.
 */
export const adaptiveAvgPool1d: AdaptivePool<OutputSize1> = averager(1);
/** The means of windows that divide images `[N, C, H, W]`, or one `[C, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveAvgPool2d: AdaptivePool<OutputSize> = averager(2);
/** The means of windows that divide volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveAvgPool3d: AdaptivePool<OutputSize3> = averager(3);

/** Values, or with `returnIndices` values and the int32 places in the flattened axes where they were. */
export interface AdaptiveMaxPool<S> {
  (x: Tensor, outputSize: S, options: { readonly returnIndices: true }): readonly [Tensor, Tensor];
  (x: Tensor, outputSize: S, options?: { readonly returnIndices?: false }): Tensor;
}

function maximizer(n: number): AdaptiveMaxPool<AnyOutputSize> {
  const op = `adaptiveMaxPool${n}d`;
  const pool = maxPooler(n);
  return ((x: Tensor, outputSize: AnyOutputSize, options: { readonly returnIndices?: boolean } = {}) => {
    const { returnIndices } = withDefaults(op, options, { returnIndices: false });
    const axes = axesOf(op, x, outputSize, n);
    const widths = axes.map((axis) => Math.max(...windowsOf(axis).map(([start, end]) => end - start)));
    const values = onImages(x, n, (images) => scope(() => pool(laidOut(images, axes, widths), widths)));
    if (!returnIndices) return values;
    const indices = onImages(x, n, (images) =>
      scope(() => {
        const [, winners] = pool(laidOut(images, axes, widths), widths, { returnIndices });
        const sizes = images.shape.slice(2);
        const places = arange(0, sizeOf(sizes), 1, { backend: x.backend }).reshape([1, 1, ...sizes]);
        return laidOut(places, axes, widths).flatten().indexSelect(0, winners.flatten()).reshape(winners.shape);
      }),
    );
    return [values, indices];
  }) as AdaptiveMaxPool<AnyOutputSize>;
}

/** The windows of all axes one after the other, of one width: the last element of a shorter one is repeated and never wins alone. */
const laidOut = (x: Tensor, axes: readonly Axis[], widths: readonly number[]): Tensor =>
  axes.reduce((y, axis, k) => {
    if (isEven(axis)) return y;
    const index = windowsOf(axis).flatMap(([start, end]) =>
      Array.from({ length: widths[k]! }, (_, i) => Math.min(start + i, end - 1)),
    );
    return y.indexSelect(axis.at, tensor(index, { dtype: "int32", backend: x.backend }));
  }, x);

/** The largest elements of windows that divide sequences `[N, C, L]`, or one `[C, L]`, as in `adaptiveAvgPool1d`. */
export const adaptiveMaxPool1d: AdaptiveMaxPool<OutputSize1> = maximizer(1);
/** The largest elements of windows that divide images `[N, C, H, W]`, or one `[C, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveMaxPool2d: AdaptiveMaxPool<OutputSize> = maximizer(2);
/** The largest elements of windows that divide volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveMaxPool3d: AdaptiveMaxPool<OutputSize3> = maximizer(3);

abstract class Adaptive extends FunctionLayer {
  protected constructor(name: string, n: number, pool: AdaptivePool<AnyOutputSize>, outputSize: AnyOutputSize) {
    outputSizes(`${name}${n}d`, outputSize, n);
    super((x) => pool(x, outputSize), keywords({ outputSize }));
  }
}

/** Takes means over windows that divide sequences of any size into `outputSize` parts; `null` keeps the size. */
export class AdaptiveAvgPool1d extends Adaptive {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveAvgPool1d;
  constructor(outputSize: OutputSize1) {
    super("AdaptiveAvgPool", 1, averager(1), outputSize);
  }
}

/** Takes means over windows that divide images of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveAvgPool2d extends Adaptive {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveAvgPool2d;
  constructor(outputSize: OutputSize) {
    super("AdaptiveAvgPool", 2, averager(2), outputSize);
  }
}

/** Takes means over windows that divide volumes of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveAvgPool3d extends Adaptive {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveAvgPool3d;
  constructor(outputSize: OutputSize3) {
    super("AdaptiveAvgPool", 3, averager(3), outputSize);
  }
}

/** Takes the largest elements of windows that divide sequences of any size into `outputSize` parts; `null` keeps the size. */
export class AdaptiveMaxPool1d extends Adaptive {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveMaxPool1d;
  constructor(outputSize: OutputSize1) {
    super("AdaptiveMaxPool", 1, maximizer(1), outputSize);
  }
}

/** Takes the largest elements of windows that divide images of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveMaxPool2d extends Adaptive {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveMaxPool2d;
  constructor(outputSize: OutputSize) {
    super("AdaptiveMaxPool", 2, maximizer(2), outputSize);
  }
}

/** Takes the largest elements of windows that divide volumes of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveMaxPool3d extends Adaptive {
  /** @internal */
  static override readonly discreet: unknown = AdaptiveMaxPool3d;
  constructor(outputSize: OutputSize3) {
    super("AdaptiveMaxPool", 3, maximizer(3), outputSize);
  }
}

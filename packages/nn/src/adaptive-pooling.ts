import { arange, ShapeError, scope, show, sizeOf, type Tensor, tensor } from "@descent/core";
import { functionOf, layerOf, type Planner } from "./function-layer.ts";
import { onBatch } from "./images.ts";
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

/** How an axis of images is divided. */
interface Axis {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  /** PyTorch's windows: number `i` goes from `⌊i·from/to⌋` to `⌈(i + 1)·from/to⌉`. */
  readonly windows: readonly (readonly [start: number, end: number])[];
  /** The size of the largest window. */
  readonly width: number;
}

const isEven = ({ from, to }: Axis): boolean => from % to === 0;

/** The axes of images by the size of the result. */
function divider(op: string, outputSize: AnyOutputSize, n: number): (x: Tensor) => readonly Axis[] {
  const sizes = spread(op, "outputSize", outputSize, n);
  checkSizes(op, { outputSize: sizes.filter((size) => size !== null) });
  return ({ shape }) => {
    if ((shape.length !== n + 1 && shape.length !== n + 2) || shape.slice(-n).includes(0))
      throw new ShapeError(op, `expected [N,C] and ${n} axes that are not empty, got ${show(shape)}`);
    return sizes.map((size, i) => {
      const from = shape.at(i - n)!;
      const to = size ?? from;
      const windows = Array.from(
        { length: to },
        (_, i) => [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)] as const,
      );
      return { at: i + 2, from, to, windows, width: Math.max(...windows.map(([start, end]) => end - start)) };
    });
  };
}

type AdaptivePlanner<S> = Planner<[outputSize: S]>;

/** Takes the mean of each window over `n` axes. */
export const averager =
  <S extends AnyOutputSize>(n: number): AdaptivePlanner<S> =>
  (op, outputSize) => {
    const axesOf = divider(op, outputSize, n);
    const pool = (x: Tensor): Tensor => {
      const axes = axesOf(x);
      const kernel = axes.map((axis) => (isEven(axis) ? axis.width : 1));
      return onBatch(x, n + 2, (images) =>
        scope(() => axes.filter((axis) => !isEven(axis)).reduce(averageAxis, avgPooler(n)(images, kernel))),
      );
    };
    return [pool, () => keywords({ outputSize })];
  };

/** Takes the mean of each window of one axis, as a product with a matrix `[to, from]`. */
function averageAxis(x: Tensor, { at, from, to, windows }: Axis): Tensor {
  const rows = windows.map(([start, end]) =>
    Array.from({ length: from }, (_, i) => (i >= start && i < end ? 1 / (end - start) : 0)),
  );
  const matrix = tensor(rows, { dtype: x.dtype, backend: x.backend });
  const [lead, rest] = [sizeOf(x.shape.slice(0, at)), sizeOf(x.shape.slice(at + 1))];
  const y =
    rest === 1 ? x.reshape([lead, from]).matmul(matrix, false, true) : matrix.matmul(x.reshape([lead, from, rest]));
  return y.reshape(x.shape.with(at, to));
}

/**
 * The means of `outputSize` windows that divide sequences `[N, C, L]`, or one `[C, L]`, as evenly as integers allow: window `i` of `n` goes
 * from `⌊i·L/n⌋` to `⌈(i + 1)·L/n⌉`.
 */
export const adaptiveAvgPool1d = functionOf("adaptiveAvgPool1d", averager<OutputSize1>(1));
/** The means of windows that divide images `[N, C, H, W]`, or one `[C, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveAvgPool2d = functionOf("adaptiveAvgPool2d", averager<OutputSize>(2));
/** The means of windows that divide volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveAvgPool3d = functionOf("adaptiveAvgPool3d", averager<OutputSize3>(3));

/** Pools the windows laid out one after the other, all of one width. */
const maximizer =
  <S extends AnyOutputSize>(n: number, pool = largest): AdaptivePlanner<S> =>
  (op, outputSize) => {
    const axesOf = divider(op, outputSize, n);
    const run = (x: Tensor): Tensor => {
      const axes = axesOf(x);
      return onBatch(x, n + 2, (images) => scope(() => pool(images, axes)));
    };
    return [run, () => keywords({ outputSize })];
  };

const widthsOf = (axes: readonly Axis[]): number[] => axes.map(({ width }) => width);

const largest = (x: Tensor, axes: readonly Axis[]): Tensor => maxPooler(axes.length)(laidOut(x, axes), widthsOf(axes));

/** Where the largest elements stand in the flattened axes. */
function places(x: Tensor, axes: readonly Axis[]): Tensor {
  const [, winners] = maxPooler(axes.length)(laidOut(x, axes), widthsOf(axes), { returnIndices: true });
  const sizes = x.shape.slice(2);
  const numbers = arange(0, sizeOf(sizes), 1, { backend: x.backend }).reshape([1, 1, ...sizes]);
  return laidOut(numbers, axes).flatten().indexSelect(0, winners.flatten()).reshape(winners.shape);
}

/** The windows of all axes one after the other, of one width: the last element of a shorter one is repeated and never wins alone. */
const laidOut = (x: Tensor, axes: readonly Axis[]): Tensor =>
  axes.reduce((y, axis) => {
    if (isEven(axis)) return y;
    const index = axis.windows.flatMap(([start, end]) =>
      Array.from({ length: axis.width }, (_, i) => Math.min(start + i, end - 1)),
    );
    return y.indexSelect(axis.at, tensor(index, { dtype: "int32", backend: x.backend }));
  }, x);

/** Values, or with `returnIndices` values and the int32 places in the flattened axes where they were. */
export interface AdaptiveMaxPool<S> {
  (x: Tensor, outputSize: S, options: { readonly returnIndices: true }): readonly [Tensor, Tensor];
  (x: Tensor, outputSize: S, options?: { readonly returnIndices?: false }): Tensor;
}

function adaptiveMaxPooler(n: number): AdaptiveMaxPool<AnyOutputSize> {
  const op = `adaptiveMaxPool${n}d`;
  return ((x: Tensor, outputSize: AnyOutputSize, options: { readonly returnIndices?: boolean } = {}) => {
    const { returnIndices } = withDefaults(op, options, { returnIndices: false });
    const of = (pool: typeof largest): Tensor => maximizer(n, pool)(op, outputSize)[0](x);
    return returnIndices ? [of(largest), of(places)] : of(largest);
  }) as AdaptiveMaxPool<AnyOutputSize>;
}

/** The largest elements of windows that divide sequences `[N, C, L]`, or one `[C, L]`, as in `adaptiveAvgPool1d`. */
export const adaptiveMaxPool1d: AdaptiveMaxPool<OutputSize1> = adaptiveMaxPooler(1);
/** The largest elements of windows that divide images `[N, C, H, W]`, or one `[C, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveMaxPool2d: AdaptiveMaxPool<OutputSize> = adaptiveMaxPooler(2);
/** The largest elements of windows that divide volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`, as in `adaptiveAvgPool1d`. */
export const adaptiveMaxPool3d: AdaptiveMaxPool<OutputSize3> = adaptiveMaxPooler(3);

/** Takes means over windows that divide sequences of any size into `outputSize` parts; `null` keeps the size. */
export class AdaptiveAvgPool1d extends layerOf("AdaptiveAvgPool1d", averager<OutputSize1>(1)) {}

/** Takes means over windows that divide images of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveAvgPool2d extends layerOf("AdaptiveAvgPool2d", averager<OutputSize>(2)) {}

/** Takes means over windows that divide volumes of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveAvgPool3d extends layerOf("AdaptiveAvgPool3d", averager<OutputSize3>(3)) {}

/** Takes the largest elements of windows that divide sequences of any size into `outputSize` parts; `null` keeps the size. */
export class AdaptiveMaxPool1d extends layerOf("AdaptiveMaxPool1d", maximizer<OutputSize1>(1)) {}

/** Takes the largest elements of windows that divide images of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveMaxPool2d extends layerOf("AdaptiveMaxPool2d", maximizer<OutputSize>(2)) {}

/** Takes the largest elements of windows that divide volumes of any size into `outputSize` parts; `null` keeps the size of an axis. */
export class AdaptiveMaxPool3d extends layerOf("AdaptiveMaxPool3d", maximizer<OutputSize3>(3)) {}

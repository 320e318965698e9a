import { ArgumentError, avgPool, maxPool, maxPoolIndices, scope, sizeOf, type Tensor } from "@descent/core";
import { functionOf, layerOf, type Planner } from "./function-layer.ts";
import { onBatch } from "./images.ts";
import { type Size, type Size1, type Size2, type Size3, sizes, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** How a pooling window moves over its input. */
interface Moves<S extends Size> {
  /** Default (`null`): the size of the window, so that windows do not overlap. */
  readonly stride?: S | null;
  /** Whether a last window may hang over the end, if it begins inside. Default false. */
  readonly ceilMode?: boolean;
}

interface PaddedMoves<S extends Size> extends Moves<S> {
  /** What is added on either side of each axis, at most half of the window. Default 0. */
  readonly padding?: S;
}

/** Options of `MaxPool1d`, `MaxPool2d` and `MaxPool3d`. */
export interface MaxPoolOptions<S extends Size> extends PaddedMoves<S> {
  /** The distance of the elements that a window sees. Default 1. */
  readonly dilation?: S;
}
export type MaxPool1dOptions = MaxPoolOptions<Size1>;
export type MaxPool2dOptions = MaxPoolOptions<Size2>;
export type MaxPool3dOptions = MaxPoolOptions<Size3>;

/** Options of `AvgPool1d`. */
export interface AvgPool1dOptions extends PaddedMoves<Size1> {
  /** Whether zeros of the padding count as elements. Default true. */
  readonly countIncludePad?: boolean;
}
/** Options of `AvgPool2d` and `AvgPool3d`. */
export interface AvgPoolOptions<S extends Size> extends PaddedMoves<S> {
  /** Whether zeros of the padding count as elements. Default true. */
  readonly countIncludePad?: boolean;
  /** What sums are divided by in place of the number of elements. Default `null`. */
  readonly divisorOverride?: number | null;
}
export type AvgPool2dOptions = AvgPoolOptions<Size2>;
export type AvgPool3dOptions = AvgPoolOptions<Size3>;

const MOVES = { stride: null, padding: 0, ceilMode: false } as const;
const MAX = { stride: null, padding: 0, dilation: 1, ceilMode: false } as const;

/** The defaults of averages; those of sequences have no divisor. */
const averages = (n: number): Required<AvgPoolOptions<Size>> => {
  const defaults = { ...MOVES, countIncludePad: true };
  return n === 1 ? (defaults as Required<AvgPoolOptions<Size>>) : { ...defaults, divisorOverride: null };
};

interface Shown {
  readonly stride: Size | null;
  readonly padding: Size;
  readonly dilation?: Size;
  readonly ceilMode: boolean;
}

/** A window over `n` axes. */
function windowOf(op: string, n: number, kernelSize: Size, { stride, padding, dilation = 1, ceilMode }: Shown) {
  const given = { kernelSize, stride: stride ?? kernelSize, padding, dilation };
  const { kernelSize: kernel, ...moves } = sizes(op, n, given);
  return { kernel, ...moves, ceilMode };
}

type MaxPlanner<S extends Size> = Planner<[kernelSize: S, options?: MaxPoolOptions<S>]>;

const maxPlan =
  <S extends Size>(n: number, pool = maxPool): MaxPlanner<S> =>
  (op, kernelSize, options = {}) => {
    const moves = withDefaults<MaxPoolOptions<Size>>(op, options, MAX);
    const window = windowOf(op, n, kernelSize, moves);
    return [
      (x) => onBatch(x, n + 2, (images) => pool(images, window)),
      () => keywords({ kernelSize, ...moves, stride: moves.stride ?? kernelSize }),
    ];
  };

/** Values, or with `returnIndices` values and the int32 places in the flattened axes where they were. */
export interface MaxPool<S extends Size> {
  (x: Tensor, kernelSize: S, options: MaxPoolOptions<S> & { readonly returnIndices: true }): readonly [Tensor, Tensor];
  (x: Tensor, kernelSize: S, options?: MaxPoolOptions<S> & { readonly returnIndices?: false }): Tensor;
}

/** The max pool over `n` axes. */
export function maxPooler(n: number): MaxPool<Size> {
  const op = `maxPool${n}d`;
  return ((x: Tensor, kernelSize: Size, options: MaxPoolOptions<Size> & { readonly returnIndices?: boolean } = {}) => {
    const { returnIndices, ...moves } = withDefaults(op, options, { ...MAX, returnIndices: false });
    const of = (pool: typeof maxPool): Tensor => maxPlan(n, pool)(op, kernelSize, moves)[0](x);
    return returnIndices ? [of(maxPool), of(maxPoolIndices)] : of(maxPool);
  }) as MaxPool<Size>;
}

/** The largest element of each window of sequences `[N, C, L]`, or one `[C, L]`; the padding never wins. */
export const maxPool1d: MaxPool<Size1> = maxPooler(1);
/** The largest element of each window of images `[N, C, H, W]`, or one `[C, H, W]`; the padding never wins. */
export const maxPool2d: MaxPool<Size2> = maxPooler(2);
/** The largest element of each window of volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`; the padding never wins. */
export const maxPool3d: MaxPool<Size3> = maxPooler(3);

type AvgPlanner<S extends Size, O> = Planner<[kernelSize: S, options?: O]>;

const avgPlan =
  <S extends Size, O extends AvgPoolOptions<S> = AvgPoolOptions<S>>(n: number): AvgPlanner<S, O> =>
  (op, kernelSize, options) => {
    const all = withDefaults<AvgPoolOptions<Size>>(op, options ?? {}, averages(n));
    const { stride, padding, countIncludePad, divisorOverride = null } = all;
    if (divisorOverride !== null && !(Number.isFinite(divisorOverride) && divisorOverride !== 0))
      throw new ArgumentError(op, `divisorOverride must be a number other than 0, got ${divisorOverride}`);
    const window = { ...windowOf(op, n, kernelSize, all), countIncludePad, divisorOverride };
    // PyTorch shows the sizes of a sequence as lists, those of images as they were given.
    const show = (size: Size): Size => (n === 1 ? [size].flat() : size);
    return [
      (x) => onBatch(x, n + 2, (images) => avgPool(images, window)),
      () => keywords({ kernelSize: show(kernelSize), stride: show(stride ?? kernelSize), padding: show(padding) }),
    ];
  };

type AvgPool<S extends Size, O> = (x: Tensor, kernelSize: S, options?: O) => Tensor;

/** The average pool over `n` axes. */
export const avgPooler = (n: number): AvgPool<Size, AvgPoolOptions<Size>> => functionOf(`avgPool${n}d`, avgPlan(n));

/** The mean of each window of sequences `[N, C, L]`, or one `[C, L]`. */
export const avgPool1d: AvgPool<Size1, AvgPool1dOptions> = avgPooler(1);
/** The mean of each window of images `[N, C, H, W]`, or one `[C, H, W]`. */
export const avgPool2d: AvgPool<Size2, AvgPool2dOptions> = avgPooler(2);
/** The mean of each window of volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`. */
export const avgPool3d: AvgPool<Size3, AvgPool3dOptions> = avgPooler(3);

/** Options of `lpPool1d`, `lpPool2d`, `lpPool3d` and their layers. */
export type LPPoolOptions<S extends Size> = Moves<S>;
export type LPPool1dOptions = LPPoolOptions<Size1>;
export type LPPool2dOptions = LPPoolOptions<Size2>;
export type LPPool3dOptions = LPPoolOptions<Size3>;

type LPPlanner<S extends Size> = Planner<[normType: number, kernelSize: S, options?: LPPoolOptions<S>]>;

const lpPlan =
  <S extends Size>(n: number): LPPlanner<S> =>
  (op, normType, kernelSize, options = {}) => {
    const moves = withDefaults<LPPoolOptions<S>>(op, options, { stride: null, ceilMode: false });
    if (Number.isNaN(normType) || normType === 0)
      throw new ArgumentError(op, `normType must be a number other than 0, got ${normType}`);
    const isExtreme = Math.abs(normType) === Number.POSITIVE_INFINITY;
    const [pool] = (isExtreme ? maxPlan<S>(n) : avgPlan<S>(n))(op, kernelSize, moves);
    const root = (x: Tensor): Tensor => {
      const sign = Math.sign(normType);
      if (isExtreme) return pool(x.abs().mul(sign)).mul(sign);
      const mean = pool(x.pow(normType));
      // The mean itself, but at 0, where the root has no slope, with a gradient of 0.
      return mean
        .sign()
        .mul(mean.abs().relu())
        .mul(sizeOf(sizes(op, n, { kernelSize }).kernelSize))
        .pow(1 / normType);
    };
    return [(x) => scope(() => root(x)), () => keywords({ normType, kernelSize, ...moves })];
  };

/** The root of the sum of powers, `(Σ xᵖ)^(1/p)` with `p = normType`, of each window of sequences `[N, C, L]`, or one `[C, L]`. */
export const lpPool1d = functionOf("lpPool1d", lpPlan<Size1>(1));
/** The root of the sum of powers, `(Σ xᵖ)^(1/p)` with `p = normType`, of each window of images `[N, C, H, W]`, or one `[C, H, W]`. */
export const lpPool2d = functionOf("lpPool2d", lpPlan<Size2>(2));
/** The root of the sum of powers, `(Σ xᵖ)^(1/p)` with `p = normType`, of each window of volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`. */
export const lpPool3d = functionOf("lpPool3d", lpPlan<Size3>(3));

/** Takes the largest element of each window: `[N, C, L] → [N, C, l]`, or the same without `N`. */
export class MaxPool1d extends layerOf("MaxPool1d", maxPlan<Size1>(1)) {}

/** Takes the largest element of each window: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class MaxPool2d extends layerOf("MaxPool2d", maxPlan<Size2>(2)) {}

/** Takes the largest element of each window: `[N, C, D, H, W] → [N, C, od, oh, ow]`, or the same without `N`. */
export class MaxPool3d extends layerOf("MaxPool3d", maxPlan<Size3>(3)) {}

/** Takes the mean of each window: `[N, C, L] → [N, C, l]`, or the same without `N`. */
export class AvgPool1d extends layerOf("AvgPool1d", avgPlan<Size1, AvgPool1dOptions>(1)) {}

/** Takes the mean of each window: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class AvgPool2d extends layerOf("AvgPool2d", avgPlan<Size2, AvgPool2dOptions>(2)) {}

/** Takes the mean of each window: `[N, C, D, H, W] → [N, C, od, oh, ow]`, or the same without `N`. */
export class AvgPool3d extends layerOf("AvgPool3d", avgPlan<Size3, AvgPool3dOptions>(3)) {}

/** Takes the root of the sum of powers of each window, `(Σ xᵖ)^(1/p)`: `[N, C, L] → [N, C, l]`, or the same without `N`. */
export class LPPool1d extends layerOf("LPPool1d", lpPlan<Size1>(1)) {}

/** Takes the root of the sum of powers of each window, `(Σ xᵖ)^(1/p)`: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class LPPool2d extends layerOf("LPPool2d", lpPlan<Size2>(2)) {}

/** Takes the root of the sum of powers of each window, `(Σ xᵖ)^(1/p)`: `[N, C, D, H, W] → [N, C, od, oh, ow]`, or the same without `N`. */
export class LPPool3d extends layerOf("LPPool3d", lpPlan<Size3>(3)) {}

import { ArgumentError, avgPool, maxPool, maxPoolIndices, scope, type Tensor } from "@descent/core";
import { FunctionLayer } from "./function-layer.ts";
import { onImages } from "./images.ts";
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

/** A window over `n` axes. */
function windowOf(
  op: string,
  n: number,
  kernelSize: Size,
  { stride, padding, dilation = 1, ceilMode }: Required<PaddedMoves<Size>> & { readonly dilation?: Size },
) {
  const list = (name: string, size: Size, least = 1): readonly number[] => sizes(op, name, size, n, least);
  return {
    kernel: list("kernelSize", kernelSize),
    stride: list("stride", stride ?? kernelSize),
    padding: list("padding", padding, 0),
    dilation: list("dilation", dilation),
    ceilMode,
  };
}

/** A window over `n` axes that averages. */
function averageOf(op: string, n: number, kernelSize: Size, options: Required<AvgPoolOptions<Size>>) {
  const { countIncludePad, divisorOverride = null, ...moves } = options;
  if (divisorOverride !== null && !(Number.isFinite(divisorOverride) && divisorOverride !== 0))
    throw new ArgumentError(op, `divisorOverride must be a number other than 0, got ${divisorOverride}`);
  return { ...windowOf(op, n, kernelSize, moves), countIncludePad, divisorOverride };
}

/** Pools a batch, or one element of it. */
const over = <W>(x: Tensor, n: number, window: W, pool: (images: Tensor, window: W) => Tensor): Tensor =>
  onImages(x, n, (images) => pool(images, window));

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
    const window = windowOf(op, n, kernelSize, moves);
    const values = over(x, n, window, maxPool);
    return returnIndices ? [values, over(x, n, window, maxPoolIndices)] : values;
  }) as MaxPool<Size>;
}

/** The largest element of each window of sequences `[N, C, L]`, or one `[C, L]`; the padding never wins. */
export const maxPool1d: MaxPool<Size1> = maxPooler(1);
/** The largest element of each window of images `[N, C, H, W]`, or one `[C, H, W]`; the padding never wins. */
export const maxPool2d: MaxPool<Size2> = maxPooler(2);
/** The largest element of each window of volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`; the padding never wins. */
export const maxPool3d: MaxPool<Size3> = maxPooler(3);

type AvgPool<S extends Size, O> = (x: Tensor, kernelSize: S, options?: O) => Tensor;

/** The average pool over `n` axes. */
export const avgPooler = (n: number): AvgPool<Size, AvgPoolOptions<Size>> => {
  const op = `avgPool${n}d`;
  return (x, kernelSize, options = {}) => {
    const window = averageOf(op, n, kernelSize, withDefaults(op, options, averages(n)));
    return over(x, n, window, avgPool);
  };
};

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

type LPPoolFunction<S extends Size> = (
  x: Tensor,
  normType: number,
  kernelSize: S,
  options?: LPPoolOptions<S>,
) => Tensor;

const lpPooler = (n: number): LPPoolFunction<Size> => {
  const op = `lpPool${n}d`;
  return (x, normType, kernelSize, options = {}) => {
    const moves = withDefaults(op, options, { stride: null, ceilMode: false });
    checkNorm(op, normType);
    const count = sizes(op, "kernelSize", kernelSize, n).reduce((a, b) => a * b);
    return scope(() => {
      if (normType === Number.POSITIVE_INFINITY) return maxPooler(n)(x.abs(), kernelSize, moves);
      if (normType === Number.NEGATIVE_INFINITY) return maxPooler(n)(x.abs().neg(), kernelSize, moves).neg();
      const mean = avgPooler(n)(x.pow(normType), kernelSize, moves);
      // The mean itself, but at 0, where the root has no slope, with a gradient of 0.
      return mean
        .sign()
        .mul(mean.abs().relu())
        .mul(count)
        .pow(1 / normType);
    });
  };
};

function checkNorm(op: string, normType: number): void {
  if (Number.isNaN(normType) || normType === 0)
    throw new ArgumentError(op, `normType must be a number other than 0, got ${normType}`);
}

/** The root of the sum of powers, `(Σ xᵖ)^(1/p)` with `p = normType`, of each window of sequences `[N, C, L]`, or one `[C, L]`. */
export const lpPool1d: LPPoolFunction<Size1> = lpPooler(1);
/** The root of the sum of powers, `(Σ xᵖ)^(1/p)` with `p = normType`, of each window of images `[N, C, H, W]`, or one `[C, H, W]`. */
export const lpPool2d: LPPoolFunction<Size2> = lpPooler(2);
/** The root of the sum of powers, `(Σ xᵖ)^(1/p)` with `p = normType`, of each window of volumes `[N, C, D, H, W]`, or one `[C, D, H, W]`. */
export const lpPool3d: LPPoolFunction<Size3> = lpPooler(3);

abstract class AnyMaxPool extends FunctionLayer {
  protected constructor(n: number, kernelSize: Size, options: MaxPoolOptions<Size>) {
    const all = withDefaults(`MaxPool${n}d`, options, MAX);
    const window = windowOf(`MaxPool${n}d`, n, kernelSize, all);
    const { stride, padding, dilation, ceilMode } = all;
    super(
      (x) => over(x, n, window, maxPool),
      keywords({ kernelSize, stride: stride ?? kernelSize, padding, dilation, ceilMode }),
    );
  }
}

/** Takes the largest element of each window: `[N, C, L] → [N, C, l]`, or the same without `N`. */
export class MaxPool1d extends AnyMaxPool {
  /** @internal */
  static override readonly discreet: unknown = MaxPool1d;
  constructor(kernelSize: Size1, options: MaxPool1dOptions = {}) {
    super(1, kernelSize, options);
  }
}

/** Takes the largest element of each window: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class MaxPool2d extends AnyMaxPool {
  /** @internal */
  static override readonly discreet: unknown = MaxPool2d;
  constructor(kernelSize: Size2, options: MaxPool2dOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** Takes the largest element of each window: `[N, C, D, H, W] → [N, C, od, oh, ow]`, or the same without `N`. */
export class MaxPool3d extends AnyMaxPool {
  /** @internal */
  static override readonly discreet: unknown = MaxPool3d;
  constructor(kernelSize: Size3, options: MaxPool3dOptions = {}) {
    super(3, kernelSize, options);
  }
}

abstract class AnyAvgPool extends FunctionLayer {
  protected constructor(n: number, kernelSize: Size, options: AvgPoolOptions<Size>) {
    const op = `AvgPool${n}d`;
    const all = withDefaults(op, options, averages(n));
    const window = averageOf(op, n, kernelSize, all);
    // PyTorch shows the sizes of a sequence as lists, those of images as they were given.
    const show = (size: Size): Size => (n === 1 ? sizes(op, "size", size, 1) : size);
    const { stride, padding } = all;
    super(
      (x) => over(x, n, window, avgPool),
      keywords({ kernelSize: show(kernelSize), stride: show(stride ?? kernelSize), padding: show(padding) }),
    );
  }
}

/** Takes the mean of each window: `[N, C, L] → [N, C, l]`, or the same without `N`. */
export class AvgPool1d extends AnyAvgPool {
  /** @internal */
  static override readonly discreet: unknown = AvgPool1d;
  constructor(kernelSize: Size1, options: AvgPool1dOptions = {}) {
    super(1, kernelSize, options);
  }
}

/** Takes the mean of each window: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class AvgPool2d extends AnyAvgPool {
  /** @internal */
  static override readonly discreet: unknown = AvgPool2d;
  constructor(kernelSize: Size2, options: AvgPool2dOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** Takes the mean of each window: `[N, C, D, H, W] → [N, C, od, oh, ow]`, or the same without `N`. */
export class AvgPool3d extends AnyAvgPool {
  /** @internal */
  static override readonly discreet: unknown = AvgPool3d;
  constructor(kernelSize: Size3, options: AvgPool3dOptions = {}) {
    super(3, kernelSize, options);
  }
}

abstract class AnyLPPool extends FunctionLayer {
  protected constructor(n: number, normType: number, kernelSize: Size, options: LPPoolOptions<Size>) {
    const op = `LPPool${n}d`;
    const all = withDefaults(op, options, { stride: null, ceilMode: false });
    checkNorm(op, normType);
    windowOf(op, n, kernelSize, { ...all, padding: 0 });
    const pool = lpPooler(n);
    super((x) => pool(x, normType, kernelSize, all), keywords({ normType, kernelSize, ...all }));
  }
}

/** Takes the root of the sum of powers of each window, `(Σ xᵖ)^(1/p)`: `[N, C, L] → [N, C, l]`, or the same without `N`. */
export class LPPool1d extends AnyLPPool {
  /** @internal */
  static override readonly discreet: unknown = LPPool1d;
  constructor(normType: number, kernelSize: Size1, options: LPPool1dOptions = {}) {
    super(1, normType, kernelSize, options);
  }
}

/** Takes the root of the sum of powers of each window, `(Σ xᵖ)^(1/p)`: `[N, C, H, W] → [N, C, oh, ow]`, or the same without `N`. */
export class LPPool2d extends AnyLPPool {
  /** @internal */
  static override readonly discreet: unknown = LPPool2d;
  constructor(normType: number, kernelSize: Size2, options: LPPool2dOptions = {}) {
    super(2, normType, kernelSize, options);
  }
}

/** Takes the root of the sum of powers of each window, `(Σ xᵖ)^(1/p)`: `[N, C, D, H, W] → [N, C, od, oh, ow]`, or the same without `N`. */
export class LPPool3d extends AnyLPPool {
  /** @internal */
  static override readonly discreet: unknown = LPPool3d;
  constructor(normType: number, kernelSize: Size3, options: LPPool3dOptions = {}) {
    super(3, normType, kernelSize, options);
  }
}

import {
  defaultGenerator,
  dropout as dropoutOp,
  type Generator,
  ones,
  type Shape,
  ShapeError,
  scope,
  show,
  type Tensor,
  where,
} from "@descent/core";
import { Module } from "./base.ts";
import { checkFraction, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** Options of the dropout layers. */
export interface DropoutOptions {
  /** The probability with which an element, or a channel, is dropped. Default 0.5. */
  readonly p?: number;
  /** Where the random numbers come from. Default: the default generator. */
  readonly generator?: Generator;
}

/** Options of the dropout functions. */
export interface FunctionalDropoutOptions extends DropoutOptions {
  /** Whether anything happens at all. Default true; as in PyTorch, false for `alphaDropout` and `featureAlphaDropout`. */
  readonly training?: boolean;
}

type Drop = (x: Tensor, options?: FunctionalDropoutOptions) => Tensor;

/** A dropout function of a name that checks its options, and drops in training. */
const dropping =
  (op: string, training: boolean, drop: (x: Tensor, p: number, generator: Generator) => Tensor): Drop =>
  (x, options = {}) => {
    const all = withDefaults(op, options, { p: 0.5, training, generator: defaultGenerator });
    checkFraction(op, "p", all.p);
    return all.training ? drop(x, all.p, all.generator) : x;
  };

/** One element per channel of `[N, C, …]`, or of `[C, …]`, of which the first `leading` axes are those. Throws unless `x` has so many axes. */
function channelsOf(op: string, x: Tensor, ranks: readonly number[], leading = 2): Shape {
  if (!ranks.includes(x.ndim))
    throw new ShapeError(op, `an input of shape ${show(x.shape)}`, `expected ${ranks.join(" or ")} axes`);
  return x.shape.map((size, i) => (i < leading ? size : 1));
}

/** Drops whole channels and scales the others by `1 / (1 − p)` (Tompson et al. 2015). */
const dropChannels = (x: Tensor, shape: Shape, p: number, generator: Generator): Tensor =>
  p === 0 ? x : scope(() => x.mul(dropoutOp(ones(shape, { dtype: x.dtype, backend: x.backend }), p, generator)));

/** Where the SELU ends far left of 0, times −1. */
const ALPHA = 1.7580993408473766;

/** Elements where `mask` is 0 become `−ALPHA`, and all are moved and scaled so that zero mean and unit variance stay (Klambauer et al. 2017). */
function dropToAlpha(x: Tensor, shape: Shape, p: number, generator: Generator): Tensor {
  if (p === 0) return x;
  if (p === 1) return x.mul(0);
  const a = 1 / Math.sqrt((ALPHA ** 2 * p + 1) * (1 - p));
  return scope(() => {
    const isKept = dropoutOp(ones(shape, { dtype: x.dtype, backend: x.backend }), p, generator).ne(0);
    return where(isKept, x, -ALPHA)
      .mul(a)
      .add(ALPHA * a * p);
  });
}

/** Zeroes elements with probability `p` and scales the others by `1 / (1 − p)`, unless `training` is false (Srivastava et al. 2014). */
export const dropout = dropping("dropout", true, dropoutOp);
/** Zeroes channels of `[N, C, L]` or `[C, L]` and scales the others by `1 / (1 − p)`. */
export const dropout1d = dropping("dropout1d", true, (x, p, generator) =>
  dropChannels(x, channelsOf("dropout1d", x, [2, 3], x.ndim - 1), p, generator),
);
/** Zeroes channels of `[N, C, H, W]` and scales the others by `1 / (1 − p)`. Three axes are `[N, C, L]`, as in PyTorch. */
export const dropout2d = dropping("dropout2d", true, (x, p, generator) =>
  dropChannels(x, channelsOf("dropout2d", x, [3, 4]), p, generator),
);
/** Zeroes channels of `[N, C, D, H, W]` or `[C, D, H, W]` and scales the others by `1 / (1 − p)`. */
export const dropout3d = dropping("dropout3d", true, (x, p, generator) =>
  dropChannels(x, channelsOf("dropout3d", x, [4, 5], x.ndim - 3), p, generator),
);
/** Drops elements to the limit of a SELU, so that mean 0 and variance 1 stay (Klambauer et al. 2017). */
export const alphaDropout = dropping("alphaDropout", false, (x, p, generator) => dropToAlpha(x, x.shape, p, generator));
/** Drops channels of `[N, C, …]` to the limit of a SELU, so that mean 0 and variance 1 stay. */
export const featureAlphaDropout = dropping("featureAlphaDropout", false, (x, p, generator) =>
  dropToAlpha(x, channelsOf("featureAlphaDropout", x, [2, 3, 4, 5]), p, generator),
);

/** `(p, options)`, or the options alone. */
export type DropoutArguments = [options?: DropoutOptions] | [p: number, options?: Omit<DropoutOptions, "p">];

/** What the dropout layers share: `new Dropout(0.2)` is short for `new Dropout({ p: 0.2 })`. */
abstract class DropoutLayer extends Module {
  readonly #options: Required<DropoutOptions>;
  readonly #drop: Drop;

  protected constructor(op: string, drop: Drop, [first = {}, rest = {}]: DropoutArguments) {
    super();
    const options = typeof first === "number" ? { ...rest, p: first } : first;
    this.#options = withDefaults<DropoutOptions>(op, options, { p: 0.5, generator: defaultGenerator });
    checkFraction(op, "p", this.#options.p);
    this.#drop = drop;
  }

  forward(x: Tensor): Tensor {
    return this.#drop(x, { ...this.#options, training: this.training });
  }

  protected override extraRepr(): string {
    return keywords({ p: this.#options.p, inplace: false });
  }
}

/** In training, zeroes elements with probability `p` and scales the others by `1 / (1 − p)` (Srivastava et al. 2014). */
export class Dropout extends DropoutLayer {
  /** @internal */
  static override readonly discreet: unknown = Dropout;

  constructor(...args: DropoutArguments) {
    super("Dropout", dropout, args);
  }
}

/** In training, zeroes channels of `[N, C, L]` or `[C, L]` and scales the others by `1 / (1 − p)`. */
export class Dropout1d extends DropoutLayer {
  /** @internal */
  static override readonly discreet: unknown = Dropout1d;

  constructor(...args: DropoutArguments) {
    super("Dropout1d", dropout1d, args);
  }
}

/** In training, zeroes channels of `[N, C, H, W]` and scales the others by `1 / (1 − p)` (Tompson et al. 2015). */
export class Dropout2d extends DropoutLayer {
  /** @internal */
  static override readonly discreet: unknown = Dropout2d;

  constructor(...args: DropoutArguments) {
    super("Dropout2d", dropout2d, args);
  }
}

/** In training, zeroes channels of `[N, C, D, H, W]` or `[C, D, H, W]` and scales the others by `1 / (1 − p)`. */
export class Dropout3d extends DropoutLayer {
  /** @internal */
  static override readonly discreet: unknown = Dropout3d;

  constructor(...args: DropoutArguments) {
    super("Dropout3d", dropout3d, args);
  }
}

/** In training, drops elements to the limit of a SELU, so that mean 0 and variance 1 stay (Klambauer et al. 2017). */
export class AlphaDropout extends DropoutLayer {
  /** @internal */
  static override readonly discreet: unknown = AlphaDropout;

  constructor(...args: DropoutArguments) {
    super("AlphaDropout", alphaDropout, args);
  }
}

/** In training, drops channels of `[N, C, …]` to the limit of a SELU, so that mean 0 and variance 1 stay. */
export class FeatureAlphaDropout extends DropoutLayer {
  /** @internal */
  static override readonly discreet: unknown = FeatureAlphaDropout;

  constructor(...args: DropoutArguments) {
    super("FeatureAlphaDropout", featureAlphaDropout, args);
  }
}

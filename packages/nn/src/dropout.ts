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
import { type FunctionLayer, layerOf } from "./function-layer.ts";
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
function channelsOf(op: string, x: Tensor, ranks: readonly number[], leading: number): Shape {
  if (!ranks.includes(x.ndim))
    throw new ShapeError(op, `an input of shape ${show(x.shape)}`, `expected ${ranks.join(" or ")} axes`);
  return x.shape.map((size, i) => (i < leading ? size : 1));
}

/** A sample of what is dropped: 0, or else `1 / (1 − p)`. */
const drawn = ({ dtype, backend }: Tensor, shape: Shape, p: number, generator: Generator): Tensor =>
  dropoutOp(ones(shape, { dtype, backend }), p, generator);

/** Drops whole channels and scales the others by `1 / (1 − p)` (Tompson et al. 2015). */
const channelwise = (op: string, ranks: readonly number[], leading: (rank: number) => number): Drop =>
  dropping(op, true, (x, p, generator) => {
    const shape = channelsOf(op, x, ranks, leading(x.ndim));
    return p === 0 ? x : scope(() => x.mul(drawn(x, shape, p, generator)));
  });

/** Where the SELU ends far left of 0, times −1. */
const ALPHA = 1.7580993408473766;

/** Elements that are dropped become `−ALPHA`, and all are moved and scaled so that zero mean and unit variance stay (Klambauer et al. 2017). */
const toAlpha = (op: string, shapeOf: (x: Tensor) => Shape): Drop =>
  dropping(op, false, (x, p, generator) => {
    const shape = shapeOf(x);
    if (p === 0) return x;
    if (p === 1) return x.mul(0);
    const a = 1 / Math.sqrt((ALPHA ** 2 * p + 1) * (1 - p));
    return scope(() =>
      where(drawn(x, shape, p, generator).ne(0), x, -ALPHA)
        .mul(a)
        .add(ALPHA * a * p),
    );
  });

/** Zeroes elements with probability `p` and scales the others by `1 / (1 − p)`, unless `training` is false (Srivastava et al. 2014). */
export const dropout = dropping("dropout", true, dropoutOp);
/** Zeroes channels of `[N, C, L]` or `[C, L]` and scales the others by `1 / (1 − p)`. */
export const dropout1d = channelwise("dropout1d", [2, 3], (rank) => rank - 1);
/** Zeroes channels of `[N, C, H, W]` and scales the others by `1 / (1 − p)`. Three axes are `[N, C, L]`, as in PyTorch. */
export const dropout2d = channelwise("dropout2d", [3, 4], () => 2);
/** Zeroes channels of `[N, C, D, H, W]` or `[C, D, H, W]` and scales the others by `1 / (1 − p)`. */
export const dropout3d = channelwise("dropout3d", [4, 5], (rank) => rank - 3);
/** Drops elements to the limit of a SELU, so that mean 0 and variance 1 stay (Klambauer et al. 2017). */
export const alphaDropout = toAlpha("alphaDropout", (x) => x.shape);
/** Drops channels of `[N, C, …]` to the limit of a SELU, so that mean 0 and variance 1 stay. */
export const featureAlphaDropout = toAlpha("featureAlphaDropout", (x) =>
  channelsOf("featureAlphaDropout", x, [2, 3, 4, 5], 2),
);

/** `(p, options)`, or the options alone. */
export type DropoutArguments = [options?: DropoutOptions] | [p: number, options?: Omit<DropoutOptions, "p">];

/** The layer of a dropout function: `new Dropout(0.2)` is short for `new Dropout({ p: 0.2 })`. */
const layer = (name: string, drop: Drop): (new (...args: DropoutArguments) => FunctionLayer) =>
  layerOf(name, (_, ...[first = {}, rest = {}]: DropoutArguments) => {
    const options = typeof first === "number" ? { ...rest, p: first } : first;
    const all = withDefaults<DropoutOptions>(name, options, { p: 0.5, generator: defaultGenerator });
    checkFraction(name, "p", all.p);
    return [(x, training = false) => drop(x, { ...all, training }), () => keywords({ p: all.p, inplace: false })];
  });

/** In training, zeroes elements with probability `p` and scales the others by `1 / (1 − p)` (Srivastava et al. 2014). */
export class Dropout extends layer("Dropout", dropout) {}

/** In training, zeroes channels of `[N, C, L]` or `[C, L]` and scales the others by `1 / (1 − p)`. */
export class Dropout1d extends layer("Dropout1d", dropout1d) {}

/** In training, zeroes channels of `[N, C, H, W]` and scales the others by `1 / (1 − p)` (Tompson et al. 2015). */
export class Dropout2d extends layer("Dropout2d", dropout2d) {}

/** In training, zeroes channels of `[N, C, D, H, W]` or `[C, D, H, W]` and scales the others by `1 / (1 − p)`. */
export class Dropout3d extends layer("Dropout3d", dropout3d) {}

/** In training, drops elements to the limit of a SELU, so that mean 0 and variance 1 stay (Klambauer et al. 2017). */
export class AlphaDropout extends layer("AlphaDropout", alphaDropout) {}

/** In training, drops channels of `[N, C, …]` to the limit of a SELU, so that mean 0 and variance 1 stay. */
export class FeatureAlphaDropout extends layer("FeatureAlphaDropout", featureAlphaDropout) {}

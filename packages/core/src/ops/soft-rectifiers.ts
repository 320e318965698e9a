import { ArgumentError } from "../errors.ts";
import { scope } from "../memory.ts";
import type { Tensor } from "../tensor.ts";
import { scaled } from "./blend.ts";
import { asFloat } from "./cast.ts";
import { abs, add, exp, expm1, gt, log1p, mul, neg, relu, sigmoid, sub, tanh, where } from "./elementwise.ts";
import { smooth } from "./pointwise.ts";

// Activations with an exponential, made so that neither values nor gradients overflow on the side that is not taken.

interface Elu {
  /** What is left of −∞, without the scale. */
  readonly alpha: number;
  readonly scale: number;
  readonly inputScale: number;
}

/** 0 where `x` is positive: what may stand in an exponent. */
const below = (x: Tensor): Tensor => where(gt(x, 0), 0, x);

const eluOp = smooth<Elu>(
  "elu",
  (x, { alpha, scale, inputScale }) =>
    where(gt(x, 0), scaled(x, scale), scaled(expm1(scaled(below(x), inputScale)), alpha * scale)),
  (g, { inputs: [x], attrs: { alpha, scale, inputScale } }) => {
    const slope = scaled(exp(scaled(below(x), inputScale)), alpha * scale * inputScale);
    return mul(g, where(gt(x, 0), scale, slope));
  },
);

/** Options of `elu` and `celu`. */
export interface EluOptions {
  /** The size of the limit at −∞. Default 1. */
  readonly alpha?: number;
}

/** `x` above 0, `alpha · (eˣ − 1)` elsewhere (Clevert et al. 2016). */
export const elu = (x: Tensor, { alpha = 1 }: EluOptions = {}): Tensor => eluOp(x, { alpha, scale: 1, inputScale: 1 });

/** `x` above 0, `alpha · (exp(x / alpha) − 1)` elsewhere, whose slope is continuous (Barron 2017). */
export function celu(x: Tensor, { alpha = 1 }: EluOptions = {}): Tensor {
  if (alpha === 0) throw new ArgumentError("celu", "alpha must not be 0");
  return eluOp(x, { alpha, scale: 1, inputScale: 1 / alpha });
}

const SELU: Elu = { alpha: 1.6732632423543772, scale: 1.0507009873554805, inputScale: 1 };

/** A scaled `elu` that keeps mean 0 and variance 1 from layer to layer (Klambauer et al. 2017). */
export const selu = (x: Tensor): Tensor => eluOp(x, SELU);

/** Options of `softplus`. */
export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
  /** Where `beta · x` is larger, the result is `x`. Default 20. */
  readonly threshold?: number;
}

const softplusOp = smooth<Required<SoftplusOptions>>(
  "softplus",
  (x, { beta, threshold }) => {
    const z = scaled(x, beta);
    const y = scaled(add(relu(z), log1p(exp(neg(abs(z))))), 1 / beta);
    return threshold === Number.POSITIVE_INFINITY ? y : where(gt(z, threshold), x, y);
  },
  (g, { inputs: [x], attrs: { beta, threshold } }) => {
    const z = scaled(x, beta);
    const slope = sigmoid(z);
    return mul(g, threshold === Number.POSITIVE_INFINITY ? slope : where(gt(z, threshold), 1, slope));
  },
);

const EXACT: Required<SoftplusOptions> = { beta: 1, threshold: Number.POSITIVE_INFINITY };

/** `log(1 + exp(beta · x)) / beta`, a smooth `relu` (Dugas et al. 2001). */
export const softplus = (x: Tensor, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Tensor =>
  softplusOp(x, { beta, threshold });

/** `log sigmoid(x)`, without overflow. */
export const logSigmoid = (x: Tensor): Tensor => scope(() => sub(0, softplusOp(neg(asFloat(x)), EXACT)));

/** `x · tanh(softplus(x))` (Misra 2020). */
export const mish = (x: Tensor): Tensor => scope(() => mul(x, tanh(softplusOp(x, EXACT))));

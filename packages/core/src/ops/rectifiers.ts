import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { abs, add, div, ge, gt, le, mul, sign, sub, where } from "./elementwise.ts";
import { clamp } from "./limits.ts";
import { reshape } from "./movement.ts";
import { smooth } from "./pointwise.ts";

// Activations of straight pieces. At kinks, and for NaN, gradients are those of PyTorch.

/** Options of `leakyRelu`. */
export interface LeakyReluOptions {
  /** The slope below 0. Default 0.01. */
  readonly negativeSlope?: number;
}

/** `x` above 0, `negativeSlope · x` elsewhere (Maas et al. 2013). */
export const leakyRelu = (x: Tensor, { negativeSlope = 0.01 }: LeakyReluOptions = {}): Tensor =>
  scope(() => where(gt(x, 0), x, mul(x, negativeSlope)));

/** `x` above 0, `weight · x` elsewhere, with one weight or one per channel of `[N, C, …]` (He et al. 2015). */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const [n, channels] = [weight.numel(), x.ndim > 1 ? x.shape[1]! : 1];
  if (weight.ndim > 1 || (n !== 1 && n !== channels))
    throw new ShapeError(
      "prelu",
      `weights ${show(weight.shape)} for ${channels} channels of ${show(x.shape)}`,
      "give each channel one",
    );
  return scope(() => {
    const perChannel = reshape(weight, n === 1 ? [] : [n, ...x.shape.slice(2).map(() => 1)]);
    const isAbove = gt(x, 0);
    // What does not meet the weight stays out of its gradient, where ∞ · 0 is NaN.
    return where(isAbove, x, mul(where(isAbove, 0, x), perChannel));
  });
}

/** Options of `hardtanh`. */
export interface HardtanhOptions {
  /** Default −1. */
  readonly minVal?: number;
  /** Default 1. */
  readonly maxVal?: number;
}

/** `x` limited to `[minVal, maxVal]`. The gradient is 0 at the bounds and beyond them. */
export function hardtanh(x: Tensor, { minVal = -1, maxVal = 1 }: HardtanhOptions = {}): Tensor {
  if (!(minVal <= maxVal)) throw new ArgumentError("hardtanh", `minVal ${minVal} is greater than maxVal ${maxVal}`);
  return clamp(x, minVal, maxVal);
}

/** `min(max(x, 0), 6)` (Howard et al. 2017). */
export const relu6 = (x: Tensor): Tensor => hardtanh(x, { minVal: 0, maxVal: 6 });

/** `min(max(x + 3, 0), 6) / 6`. */
export const hardsigmoid = (x: Tensor): Tensor => scope(() => div(clamp(add(x, 3), 0, 6), 6));

/** `x · hardsigmoid(x)` (Howard et al. 2019). */
export const hardswish: (x: Tensor) => Tensor = smooth(
  "hardswish",
  (x) => mul(x, hardsigmoid(x)),
  (g, { inputs: [x] }) => where(le(x, -3), 0, where(ge(x, 3), g, mul(g, add(div(x, 3), 0.5)))),
);

/** `x` where it is above the threshold, `value` elsewhere. */
export const threshold = (x: Tensor, threshold: number, value: number): Tensor =>
  scope(() => where(le(x, threshold), value, x));

/** Options of `hardshrink` and `softshrink`. */
export interface ShrinkOptions {
  /** Default 0.5. */
  readonly lambd?: number;
}

/** What is beyond `±lambd`; 0 between them, where NaN stays. */
const shrink = (x: Tensor, lambd: number, beyond: (x: Tensor) => Tensor): Tensor =>
  scope(() => {
    const size = abs(x);
    return where(gt(size, lambd), beyond(x), mul(size, 0));
  });

/** `x` beyond `±lambd`, 0 between them. */
export const hardshrink = (x: Tensor, { lambd = 0.5 }: ShrinkOptions = {}): Tensor => shrink(x, lambd, (x) => x);

/** `x` moved towards 0 by `lambd`, and 0 where that is near. */
export function softshrink(x: Tensor, { lambd = 0.5 }: ShrinkOptions = {}): Tensor {
  if (!(lambd >= 0)) throw new ArgumentError("softshrink", `lambd must not be negative, got ${lambd}`);
  return shrink(x, lambd, (x) => sub(x, mul(sign(x), lambd)));
}

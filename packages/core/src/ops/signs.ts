import { isFloat, toFloat } from "../dtype.ts";
import { scope } from "../memory.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { abs, div, eq, gt, isnan, lt, neg, where } from "./elementwise.ts";
import { arithmeticDType, type Scalar, tensors } from "./pointwise.ts";

const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number;

/** `x` itself. Throws for bools, which have no sign. */
export const positive = (x: Tensor): Tensor => {
  arithmeticDType("positive", x.dtype);
  return x;
};

/** Whether an element is positive infinity. */
export const isposinf = (x: Tensor): Tensor => eq(x, POSITIVE_INFINITY);
/** Whether an element is negative infinity. */
export const isneginf = (x: Tensor): Tensor => eq(x, NEGATIVE_INFINITY);

/** Whether an element is negative, as −0 is. */
export const signbit = (x: Tensor): Tensor =>
  isFloat(x.dtype) ? scope(() => lt(where(eq(x, 0), div(1, x), x), 0)) : lt(x, 0);

/** The size of `a` with the sign of `b`. */
export const copysign = (a: Scalar, b: Scalar): Tensor =>
  scope(() => {
    const [x, y] = tensors("copysign", a, b, toFloat);
    const size = abs(x);
    return where(signbit(y), neg(size), size);
  });

/** 0 below 0, `values` at 0, 1 above it. */
export const heaviside = (x: Tensor, values: Scalar): Tensor =>
  scope(() => where(eq(x, 0), values, cast(gt(x, 0), x.dtype)));

/** Options of `nanToNum`. */
export interface NanToNumOptions {
  /** In place of NaN. Default 0. */
  readonly nan?: number;
  /** In place of ∞. Default: the largest number of the dtype. */
  readonly posinf?: number | null;
  /** In place of −∞. Default: the smallest number of the dtype. */
  readonly neginf?: number | null;
}

/** The largest float32. */
const MAX_FLOAT32 = 2 ** 128 - 2 ** 104;

/** `x` with numbers in place of NaN and the infinities. */
export function nanToNum(x: Tensor, { nan = 0, posinf, neginf }: NanToNumOptions = {}): Tensor {
  if (!isFloat(x.dtype)) return x;
  const most = x.dtype === "float64" ? Number.MAX_VALUE : MAX_FLOAT32;
  return scope(() => where(isnan(x), nan, where(isposinf(x), posinf ?? most, where(isneginf(x), neginf ?? -most, x))));
}

import { toFloat } from "../dtype.ts";
import { scope } from "../memory.ts";
import type { Tensor } from "../tensor.ts";
import { asFloat } from "./cast.ts";
import {
  abs,
  add,
  div,
  eq,
  exp,
  gt,
  isinf,
  isnan,
  le,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  maximum,
  minimum,
  mul,
  neg,
  rsqrt,
  sigmoid,
  sin,
  sqrt,
  sub,
  where,
} from "./elementwise.ts";
import { arithmetic, composed, type Scalar, smooth, tensors, unary } from "./pointwise.ts";

const square = (x: Scalar): Scalar => (typeof x === "number" ? x * x : mul(x, x));

/** The tangent of an angle in radians. */
export const tan = unary("tan", ["output"], (g, { output: y }) => mul(g, add(square(y), 1)));
/** The angle in `[−π/2, π/2]` whose sine is `x`. */
export const asin = unary("asin", ["inputs"], (g, { inputs: [x] }) => mul(g, rsqrt(sub(1, square(x)))));
/** The angle in `[0, π]` whose cosine is `x`. */
export const acos = unary("acos", ["inputs"], (g, { inputs: [x] }) => neg(mul(g, rsqrt(sub(1, square(x))))));
/** The angle in `[−π/2, π/2]` whose tangent is `x`. */
export const atan = unary("atan", ["inputs"], (g, { inputs: [x] }) => div(g, add(square(x), 1)));
/** The hyperbolic sine. */
export const sinh = unary("sinh", ["inputs"], (g, { inputs: [x] }) => mul(g, cosh(x)));
/** The hyperbolic cosine. */
export const cosh = unary("cosh", ["inputs"], (g, { inputs: [x] }) => mul(g, sinh(x)));
/** The number whose hyperbolic sine is `x`. */
export const asinh = unary("asinh", ["inputs"], (g, { inputs: [x] }) => mul(g, rsqrt(add(square(x), 1))));
/** The number that is not negative whose hyperbolic cosine is `x`. */
export const acosh = unary("acosh", ["inputs"], (g, { inputs: [x] }) => mul(g, rsqrt(sub(square(x), 1))));
/** The number whose hyperbolic tangent is `x`. */
export const atanh = unary("atanh", ["inputs"], (g, { inputs: [x] }) => div(g, sub(1, square(x))));

/** `2ˣ`. */
export const exp2 = unary("exp2", ["output"], (g, { output: y }) => mul(g, mul(y, Math.LN2)));
/** The logarithm to base 2. */
export const log2 = unary("log2", ["inputs"], (g, { inputs: [x] }) => div(g, mul(x, Math.LN2)));
/** The logarithm to base 10. */
export const log10 = unary("log10", ["inputs"], (g, { inputs: [x] }) => div(g, mul(x, Math.LN10)));

/** `1 − erf(x)`, with the precision of small numbers where that is one. */
export const erfc = unary("erfc", ["inputs"], (g, { inputs: [x] }) =>
  mul(mul(g, -2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))),
);
/** The number whose `erf` is `x`, for `x` in `[−1, 1]`. */
export const erfinv = unary("erfinv", ["output"], (g, { output: y }) =>
  mul(mul(g, Math.sqrt(Math.PI) / 2), exp(mul(y, y))),
);

/** Radians as degrees. */
export const rad2deg = (x: Tensor): Tensor => mul(x, 180 / Math.PI);
/** Degrees as radians. */
export const deg2rad = (x: Tensor): Tensor => mul(x, Math.PI / 180);

/** `sin(πx) / (πx)`, and 1 at 0. */
export const sinc = (x: Tensor): Tensor =>
  scope(() => {
    const isZero = eq(x, 0);
    const angle = where(isZero, 1, mul(x, Math.PI));
    return where(isZero, 1, div(sin(angle), angle));
  });

/** Options of `logit`. */
export interface LogitOptions {
  /** If given, `x` is limited to `[eps, 1 − eps]` first. */
  readonly eps?: number | null;
}

const logitOp = smooth(
  "logit",
  (x) => sub(log(x), log1p(neg(x))),
  (g, { inputs: [x] }) => {
    const variance = mul(x, sub(1, x));
    return div(g, where(lt(variance, 0), Number.NaN, abs(variance)));
  },
);

/** `log(x / (1 − x))`, the inverse of `sigmoid`. */
export const logit = (x: Tensor, { eps = null }: LogitOptions = {}): Tensor =>
  scope(() => {
    const p = asFloat(x);
    // Not `clamp`: here the gradient at the bounds counts.
    return logitOp(eps === null ? p : where(lt(p, eps), eps, where(gt(p, 1 - eps), 1 - eps, p)));
  });

/** `1 / (a² + b²)`, and 0 at the origin. */
const inverseNorm = (a: Scalar, b: Scalar): Tensor => {
  const norm = add(square(a), square(b));
  return where(eq(norm, 0), 0, div(1, norm));
};

/** The angle in `[−π, π]` of the point `(x, y) = (b, a)` in the plane. */
export const atan2 = arithmetic(
  "atan2",
  ["inputs"],
  (g, { inputs: [a, b] }) => mul(g, mul(b, inverseNorm(a, b))),
  (g, { inputs: [a, b] }) => neg(mul(g, mul(a, inverseNorm(a, b)))),
  toFloat,
);

/** `√(a² + b²)`, whose squares do not overflow. */
export const hypot = composed(
  "hypot",
  (a, b) => {
    const [long, short] = [maximum(abs(a), abs(b)), minimum(abs(a), abs(b))];
    const ratio = where(eq(long, 0), 0, div(short, long));
    const length = mul(long, sqrt(add(mul(ratio, ratio), 1)));
    return where(logicalOr(isinf(a), isinf(b)), Number.POSITIVE_INFINITY, length);
  },
  (g, { inputs: [a], output: y }) => mul(g, div(a, y)),
  (g, { inputs: [, b], output: y }) => mul(g, div(b, y)),
  ["inputs", "output"],
);

/** `log(eᵃ + eᵇ)`, without overflow. */
export const logaddexp = composed(
  "logaddexp",
  // Of equal infinities there is no difference.
  (a, b) => where(eq(a, b), add(a, Math.LN2), add(maximum(a, b), log1p(exp(neg(abs(sub(a, b))))))),
  (g, { inputs: [a, b] }) => mul(g, sigmoid(sub(a, b))),
  (g, { inputs: [a, b] }) => mul(g, sigmoid(sub(b, a))),
);

/** `log₂(2ᵃ + 2ᵇ)`, without overflow. */
export const logaddexp2 = (a: Scalar, b: Scalar): Tensor =>
  scope(() => {
    const [x, y] = tensors("logaddexp2", a, b, toFloat);
    return div(logaddexp(mul(x, Math.LN2), mul(y, Math.LN2)), Math.LN2);
  });

/** `a · log b`, and 0 where `a` is 0, whatever number `b` is. */
export const xlogy = composed(
  "xlogy",
  (a, b) => where(logicalAnd(eq(a, 0), logicalNot(isnan(b))), 0, mul(a, log(b))),
  (g, { inputs: [a, b] }) => mul(g, where(logicalAnd(eq(a, 0), le(b, 0)), 0, log(b))),
  (g, { inputs: [a, b] }) => mul(g, div(a, b)),
);

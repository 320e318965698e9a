import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { normalizeAxis, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { abs, add, div, erf, exp, mul, sigmoid, sub, tanh } from "./elementwise.ts";
import { narrow } from "./movement.ts";
import { gradientOp, smooth } from "./pointwise.ts";

const siluGrad = gradientOp("silu", (g, x) => {
  const s = sigmoid(x);
  return mul(g, mul(s, add(mul(x, sub(1, s)), 1)));
});

/** `x · sigmoid(x)`, also called swish (Elfwing et al. 2018). */
export const silu: (x: Tensor) => Tensor = smooth(
  "silu",
  (x) => mul(x, sigmoid(x)),
  (g, { inputs: [x] }) => siluGrad(g, x),
);

/** The normal distribution function. */
const phi = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
/** The normal density. */
const density = (x: Tensor): Tensor => mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));

const geluGrad = gradientOp("gelu", (g, x) => mul(g, add(phi(x), mul(x, density(x)))));

/** `x · Φ(x)` with the normal distribution function Φ (Hendrycks & Gimpel 2016), exact. */
export const gelu: (x: Tensor) => Tensor = smooth(
  "gelu",
  (x) => mul(x, phi(x)),
  (g, { inputs: [x] }) => geluGrad(g, x),
);

/** `x / (1 + |x|)` (Bergstra et al. 2009). */
export const softsign = (x: Tensor): Tensor => scope(() => div(x, add(abs(x), 1)));

/** `x − tanh(x)`. */
export const tanhshrink = (x: Tensor): Tensor => scope(() => sub(x, tanh(x)));

/** Options of `glu`. */
export interface GluOptions {
  /** The axis that is halved. Default −1. */
  readonly dim?: number;
}

/** `a · sigmoid(b)` of the halves `a` and `b` of an axis (Dauphin et al. 2017). */
export function glu(x: Tensor, { dim = -1 }: GluOptions = {}): Tensor {
  const axis = normalizeAxis("glu", dim, x.ndim);
  const half = x.shape[axis]! / 2;
  if (!Number.isInteger(half))
    throw new ShapeError("glu", `axis ${axis} of ${show(x.shape)} cannot be halved`, "its size must be even");
  return scope(() => mul(narrow(x, axis, 0, half), sigmoid(narrow(x, axis, half, half))));
}

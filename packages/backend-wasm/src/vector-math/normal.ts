import { expOfNegative } from "./exponential.ts";
import type { FloatLanes } from "./lanes.ts";
import { polynomial } from "./polynomial.ts";

// N. Juffa's approximations of the error function.
/** `(erf x / x − 1)` as a function of x² for |x| ≤ 0.9277. */
const NEAR = [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1];
/** `log(1 − erf x) / x + 1` above it. */
const FAR = [
  -1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1,
];
const BORDER = 0.927734375;

/** The error function `2/√π ∫₀ˣ exp(−t²) dt`: relative error 1.2e-7. */
export function erf(x: FloatLanes): FloatLanes {
  const near = polynomial(x.mul(x), NEAR).madd(x, x);
  // From 4 on it is 1.
  const size = x.abs().pmin(4);
  const far = expOfNegative(polynomial(size, FAR).madd(size, size.neg())).neg().add(1);
  return size.gt(BORDER).select(far.withSign(x), near);
}

/** The normal distribution function `(1 + erf(x/√2)) / 2`: absolute error 1.2e-7. */
export const phi = (x: FloatLanes): FloatLanes => erf(x.mul(Math.SQRT1_2)).madd(0.5, 0.5);

import type { FloatLanes, IntLanes } from "./lanes.ts";
import { polynomial, roundProduct } from "./polynomial.ts";

// ln 2 in two parts, the first of which has few digits, so that its products with exponents are exact.
export const LN2_HIGH = 0.693359375;
export const LN2_LOW = -2.1219444e-4;

/** `(eʳ − 1 − r) / r²` to 1.4e-8 of eʳ − 1 for |r| ≤ ln 2 / 2: minimax polynomials of our own. */
const TAIL = [0.00139465788, 0.00836665928, 0.0416662805, 0.16666542, 0.5];
/** The same to 1.5e-8 of eʳ for |r| ≤ ln 2. */
const LONG_TAIL = [0.000196112305, 0.00141047745, 0.0083361119, 0.0416612551, 0.166666135, 0.500000358];

/** From here on eˣ is infinite. */
const OVERFLOW = 89;
/** Below this eˣ is 0. */
const UNDERFLOW = -104;
/** Here `2ⁿ` has the exponent of zero. */
const VANISHES = -88;

interface Reduced {
  /** The low bits of it are an integer. */
  readonly n: IntLanes;
  /** `eʳ − 1`. */
  readonly p: FloatLanes;
}

/** Splits `x` into `n·step·ln 2 + r`. */
function reduce(x: FloatLanes, step: 1 | 2, tail: readonly number[]): Reduced {
  const { n, bits } = roundProduct(x, Math.LOG2E / step);
  const r = n.nmadd(step * LN2_LOW, n.nmadd(step * LN2_HIGH, x));
  return { n: bits, p: polynomial(r, tail).madd(r.mul(r), r) };
}

/** `2ⁿ⁻ˡᵒʷᵉʳ`, whose exponent must lie in the range of floats; an exponent of −127 gives 0. */
const power = (n: IntLanes, lower = 0): FloatLanes =>
  n
    .shl(23)
    .add((127 - lower) << 23)
    .asFloats();

/** `eˣ`: relative error 1.5e-7; denormal results are rounded once more. */
export function exp(x: FloatLanes): FloatLanes {
  // 2¹²⁸ and 2⁻¹⁴⁹ are out of the range, their roots are not.
  const { n, p } = reduce(x.pmin(OVERFLOW).pmax(UNDERFLOW), 2, LONG_TAIL);
  const root = power(n);
  return p.add(1).mul(root).mul(root);
}

/** `eˣ` of what is too small to overflow; 0 stands for denormal results. Relative error 1.4e-7. */
export function expOfNegative(x: FloatLanes): FloatLanes {
  const { n, p } = reduce(x.pmax(VANISHES), 1, TAIL);
  return p.add(1).mul(power(n));
}

/** `eˣ − 1`: relative error 1.2e-7. */
export function expm1(x: FloatLanes): FloatLanes {
  const { n, p } = reduce(x.pmin(OVERFLOW).pmax(-30), 1, TAIL);
  // Half of it, because 2¹²⁸ is no float.
  const scale = power(n, 1);
  const half = scale.madd(p, scale.sub(0.5));
  return x
    .abs()
    .lt(2 ** -100)
    .select(x, half.add(half));
}

/** `tanh x`: relative error 1.8e-7. */
export function tanh(x: FloatLanes): FloatLanes {
  // From 10 on it is 1. The sign goes around the exponential, where cancellation would cost digits.
  const { n, p } = reduce(x.abs().pmin(10).mul(2), 1, TAIL);
  const scale = power(n);
  const e = scale.madd(p, scale.sub(1));
  return e.div(e.add(2)).withSign(x);
}

/** `1 + e⁻ˣ`. */
function onePlusExpOfNegated(x: FloatLanes): FloatLanes {
  // From 30 on it is 1.
  const { n, p } = reduce(x.neg().pmin(OVERFLOW).pmax(-30), 1, TAIL);
  return p.madd(2, 2).madd(power(n, 1), 1);
}

/** `1 / (1 + e⁻ˣ)`: relative error 1.5e-7; 0 may stand for a denormal. */
export const sigmoid = (x: FloatLanes): FloatLanes => onePlusExpOfNegated(x).reciprocal();

/** `x / (1 + e⁻ˣ)`: relative error 2e-7; 0 where the sigmoid would be denormal. */
export const silu = (x: FloatLanes): FloatLanes => x.div(onePlusExpOfNegated(x));

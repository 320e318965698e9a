// Coefficients, constant term first, of W. J. Cody, "Rational Chebyshev approximations for the error function" (1969), accurate to
// the last digits of a double: erfc(x) ≈ exp(−x²)·C(x)/D(x) for 0.46875 < x ≤ 4.
const C = [
  1230.3393547979972, 2051.0783778260716, 1712.0476126340707, 881.952221241769, 298.6351381974001, 66.11919063714163,
  8.883149794388377, 0.5641884969886701, 2.1531153547440383e-8,
];
const D = [
  1230.3393548037495, 3439.3676741437216, 4362.619090143247, 3290.7992357334597, 1621.3895745666903, 537.1811018620099,
  117.6939508913125, 15.744926110709835, 1,
];

function polynomial(coefficients: readonly number[], x: number): number {
  let y = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) y = y * x + coefficients[i]!;
  return y;
}

/** Up to here a power series converges fast: erf(x) = 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1)). */
const CENTRE = 0.46875;
const SERIES: number[] = [];
for (let n = 0, factor = 2 / Math.sqrt(Math.PI); n < 13; factor /= -++n) SERIES.push(factor / (2 * n + 1));

/** `exp(−x²)`: the square of a rounded `x` is exact, and the rest of the exponent small. */
function bell(x: number): number {
  const near = Math.trunc(x * 16) / 16;
  return Math.exp(-near * near) * Math.exp((near - x) * (near + x));
}

/** `1 − erf(x)` for `x` beyond the centre. */
function tail(x: number): number {
  if (x <= 4) return (bell(x) * polynomial(C, x)) / polynomial(D, x);
  // Laplace's continued fraction, of which 20 levels are enough from 4 on; from 27 on there is nothing left in a double.
  let fraction = x;
  for (let k = 20; k > 0; k--) fraction = x + k / (2 * fraction);
  return x < 27 ? bell(x) / (Math.sqrt(Math.PI) * fraction) : 0;
}

/** The error function `2/√π ∫₀ˣ exp(−t²) dt`. */
export const erf = (x: number): number =>
  Math.abs(x) > CENTRE ? Math.sign(x) * (1 - tail(Math.abs(x))) : x * polynomial(SERIES, x * x);

/** `1 − erf(x)`. */
export const erfc = (x: number): number => (x > CENTRE ? tail(x) : 1 - erf(x));

/**
 * The inverse of `erf`: the approximation of S. Winitzki (2008), good to two digits, then steps of Halley's method, each of which triples the
 * number of digits.
 */
export function erfinv(x: number): number {
  const size = Math.abs(x);
  if (size === 0 || !(size < 1)) return size === 1 ? x * Number.POSITIVE_INFINITY : size === 0 ? x : Number.NaN;
  const logarithm = Math.log1p(-x * x) / 2;
  const shift = 2 / (Math.PI * 0.147) + logarithm;
  let y = Math.sqrt(Math.max(0, Math.sqrt(shift * shift - (2 * logarithm) / 0.147) - shift));
  for (let step = 0; step < 3; step++) {
    // Near 1 what is missing to it has more digits.
    const error = size < 0.5 ? erf(y) - size : 1 - size - erfc(y);
    const newton = (error * Math.sqrt(Math.PI)) / (2 * bell(y));
    y -= newton / (1 + newton * y);
  }
  return x < 0 ? -y : y;
}

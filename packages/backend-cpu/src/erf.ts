// Coefficients, constant term first, of W. J. Cody, "Rational Chebyshev approximations for the error function" (1969), accurate to
// the last digits of a double: erf(x) ≈ x·A(x²)/B(x²) for |x| ≤ 0.46875, above it erfc(x) ≈ exp(−x²)·C(x)/D(x), and from 4 on
// erfc(x) ≈ exp(−x²)/x · (1/√π − z·E(z)/F(z)) with z = 1/x².
const A = [3209.3775891384694, 377.485237685302, 113.86415415105016, 3.1611237438705655, 0.18577770618460315];
const B = [2844.236833439171, 1282.6165260773723, 244.02463793444417, 23.601290952344122, 1];
const C = [
  1230.3393547979972, 2051.0783778260716, 1712.0476126340707, 881.952221241769, 298.6351381974001, 66.11919063714163,
  8.883149794388377, 0.5641884969886701, 2.1531153547440383e-8,
];
const D = [
  1230.3393548037495, 3439.3676741437216, 4362.619090143247, 3290.7992357334597, 1621.3895745666903, 537.1811018620099,
  117.6939508913125, 15.744926110709835, 1,
];

const E = [
  6.587491615298378e-4, 0.016083785148742275, 0.12578172611122926, 0.36034489994980445, 0.30532663496123236,
  0.016315387137302097,
];
const F = [0.0023352049762686918, 0.06051834131244132, 0.5279051029514285, 1.8729528499234673, 2.568520192289822, 1];

function polynomial(coefficients: readonly number[], x: number): number {
  let y = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) y = y * x + coefficients[i]!;
  return y;
}

const CENTRE = 0.46875;

/** `exp(−x²)`: the square of a rounded `x` is exact, and the rest of the exponent small. */
function bell(x: number): number {
  const near = Math.trunc(x * 16) / 16;
  return Math.exp(-near * near) * Math.exp((near - x) * (near + x));
}

const centre = (x: number): number => (x * polynomial(A, x * x)) / polynomial(B, x * x);

/** `1 − erf(x)` for `x` beyond the centre. */
function tail(x: number): number {
  if (x <= 4) return (bell(x) * polynomial(C, x)) / polynomial(D, x);
  // The rest is too small for a double.
  if (!(x < 27)) return 0;
  const z = 1 / (x * x);
  return (bell(x) / x) * (1 / Math.sqrt(Math.PI) - (z * polynomial(E, z)) / polynomial(F, z));
}

/** The error function `2/√π ∫₀ˣ exp(−t²) dt`. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size > CENTRE)) return centre(x);
  return Math.sign(x) * (1 - tail(size));
}

/** `1 − erf(x)`. */
export function erfc(x: number): number {
  if (!(Math.abs(x) > CENTRE)) return 1 - centre(x);
  return x > 0 ? tail(x) : 2 - tail(-x);
}

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

// Coefficients, constant term first, of W. J. Cody, "Rational Chebyshev approximations for the error function" (1969), accurate to
// the last digits of a double: erf(x) ≈ x·A(x²)/B(x²) for |x| ≤ 0.46875, and above it erfc(x) ≈ exp(−x²)·C(x)/D(x).
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

function polynomial(coefficients: readonly number[], x: number): number {
  let y = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) y = y * x + coefficients[i]!;
  return y;
}

/** The error function `2/√π ∫₀ˣ exp(−t²) dt`. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size <= 0.46875) return (x * polynomial(A, x * x)) / polynomial(B, x * x);
  // From here on the complement vanishes beside 1, and the powers of x would overflow.
  if (size > 6) return Math.sign(x);
  const complement = (Math.exp(-x * x) * polynomial(C, size)) / polynomial(D, size);
  return Math.sign(x) * (1 - complement);
}

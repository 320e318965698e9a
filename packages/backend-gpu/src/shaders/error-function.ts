import { polynomial } from "./polynomial.ts";

/** `erfc(|x|)` into `tail`, with a relative error of 1.2e-7 (Press et al., Numerical Recipes, 6.2). */
export const TAIL = `const t = 1 / (1 + 0.5 * Math.abs(x));
const tail = t * Math.exp(-x * x + ${polynomial(
  "t",
  [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ],
)});
`;

/** `erf(x)` for sizes up to 1, as a power series. */
export const ERF_SERIES = `x * ${polynomial(
  "(x * x)",
  Array.from({ length: 11 }, (_, n) => {
    let factorial = 1;
    for (let k = 2; k <= n; k++) factorial *= k;
    return ((n % 2 === 0 ? 1 : -1) * 2) / Math.sqrt(Math.PI) / (factorial * (2 * n + 1));
  }),
)}`;

/** `erfinv(x)` inside of −1 and 1 (M. Giles, "Approximating the erfinv function", 2012). */
export const ERFINV = `const w = -Math.log((1 - x) * (1 + x));
if (w < 5) {
const v = w - 2.5;
return x * ${polynomial("v", [1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6, 3.43273939e-7, 2.81022636e-8])};
}
const v = Math.sqrt(w) - 3;
return x * ${polynomial("v", [2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257])};`;

import type { BinaryFn } from "@descent/core";
import { ARC_TANGENT } from "./angles.ts";
import { LARGEST } from "./limits.ts";

// Bodies over `x` and `y`. NaN shows in that no comparison holds: devices may say that it equals itself, and their `max` drops it.

/** Larger than any number of turns after which a power of an integer is still exact. */
const EXACT_POWERS = 64;

/** The power of a base to a whole exponent, exact as long as the result is. */
const product = `let power = 1;
const turns = Math.abs(y);
for (let k = 0; k < ${EXACT_POWERS}; k++) {
if (k >= turns) { break; }
power = power * x;
}`;

/** The quotient `q` and remainder `r` of the sizes of `x` and `y`. What the product lacks is found from halves of its factors (Dekker 1971). */
const division = `const a = Math.abs(x);
const b = Math.abs(y);
let q = Math.floor(a / b);
const wideQ = q * 4097;
const wideB = b * 4097;
const highQ = wideQ - (wideQ - q);
const highB = wideB - (wideB - b);
const whole = q * b;
const lack = ((highQ * highB - whole) + highQ * (b - highB) + (q - highQ) * highB) + (q - highQ) * (b - highB);
let r = (a - whole) - lack;
if (r < 0) { q = q - 1; r = r + b; }
if (r >= b) { q = q + 1; r = r - b; }`;

export const BINARY: Record<BinaryFn, string> = {
  add: "return x + y;",
  sub: "return x - y;",
  mul: "return x * y;",
  div: "return x / y;",
  // The logarithm of a negative base is none, and a product is more precise.
  pow: `if (y <= 0 && y >= 0) { return 1; }
if (x <= 1 && x >= 1) { return 1; }
if (!(x <= 0) && !(x > 0)) { return x; }
if (!(y < 0) && !(y > 0)) { return y; }
const whole = Math.floor(y) >= y && Math.abs(y) < ${EXACT_POWERS};
if (whole) {
${product}
return y < 0 ? 1 / power : power;
}
let size = 1;
if (Math.abs(x) > 1 || Math.abs(x) < 1) { size = Math.pow(Math.abs(x), y); }
if (x >= 0) { return size; }
const half = y * 0.5;
if (Math.floor(y) < y) { return Math.sqrt(x); }
return Math.floor(half) < half ? -size : size;`,
  maximum: "return x >= y ? x : (x < y ? y : x + y);",
  minimum: "return x <= y ? x : (x > y ? y : x + y);",
  fmod: `if (Math.abs(x) < Math.abs(y)) { return x; }
${division}
return x < 0 ? -r : r;`,
  atan2: `if (!(x <= 0) && !(x > 0)) { return x; }
if (!(y <= 0) && !(y > 0)) { return y; }
let ratio = Math.abs(x) / Math.abs(y);
if (Math.abs(x) > ${LARGEST} && Math.abs(y) > ${LARGEST}) { ratio = 1; }
if (Math.abs(x) <= 0) { ratio = 0; }
const a = ratio;
${ARC_TANGENT}if (y < 0 || (y <= 0 && 1 / y < 0)) { angle = ${Math.PI} - angle; }
if (x < 0 || (x <= 0 && 1 / x < 0)) { return -angle; }
return angle;`,
  eq: "return x <= y && x >= y ? 1 : 0;",
  ne: "return x <= y && x >= y ? 0 : 1;",
  lt: "return x < y ? 1 : 0;",
  le: "return x <= y ? 1 : 0;",
  gt: "return x > y ? 1 : 0;",
  ge: "return x >= y ? 1 : 0;",
  and: "return x * y;",
  or: "return Math.max(x, y);",
  xor: "return Math.abs(x - y);",
};

/** Where integers differ: they are divided towards zero, and by zero they give 0. */
export const INT32: Partial<Record<BinaryFn, string>> = {
  div: `if (y <= 0 && y >= 0) { return 0; }
${division}
return (x < 0) === (y < 0) ? q : -q;`,
  fmod: `if (y <= 0 && y >= 0) { return 0; }
${division}
return x < 0 ? -r : r;`,
  // A negative exponent leaves the integer part. Of larger exponents than the loop has turns only those of 0, 1 and −1 are exact.
  pow: `const odd = Math.abs(y) - 2 * Math.floor(Math.abs(y) * 0.5);
if (Math.abs(x) <= 1 && Math.abs(x) >= 1) { return x < 0 && odd > 0 ? -1 : 1; }
if (y < 0) { return 0; }
${product}
return power;`,
};

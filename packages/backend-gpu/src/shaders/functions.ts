import type { UnaryFn } from "@descent/core";
import { ARC_TANGENT, ARCS, QUARTERS } from "./angles.ts";
import { ERF_SERIES, ERFINV, TAIL } from "./error-function.ts";
import { LARGEST, NONE } from "./limits.ts";
import { inverses, polynomial } from "./polynomial.ts";

// Bodies over `x`. Of the functions that devices have of their own, only exp, log and sqrt are used: sines and arcs may be off by 2^-11, and
// others lose all digits near zero. What exp and log make of NaN, of infinities and of zero is anything, so that those are looked at first.

/** NaN stays NaN: no comparison holds for it. */
const number = (body: string): string => `if (!(x <= 0) && !(x > 0)) { return x; }
${body}`;

/** Infinity with the sign of `x`, which is 1 or −1. It cannot be written down. */
const INFINITY = "x / (x * x * 0)";

/** The logarithm, times a factor. */
const logarithm = (factor: string): string =>
  number(`if (x < 0) { return ${NONE}; }
if (x <= 0) { return -1 / (x * x); }
if (x > ${LARGEST}) { return x; }
return Math.log(x)${factor};`);

/** `eᵗ − 1` as a series for sizes up to 1/2. */
const EXPM1_SERIES = polynomial("x", inverses(1, 2, 6, 24, 120, 720, 5040, 40320));

/** `log(1 + t)` into `y`: as the series of `2·artanh(t / (2 + t))` for small `t`. */
const log1p = (t: string): string => `const part = ${t} / (2 + ${t});
const part2 = part * part;
let y = 2 * part * ${polynomial("part2", inverses(1, 3, 5, 7, 9, 11, 13))};
if (${t} > 0.5 || ${t} < -0.5) { y = Math.log(1 + ${t}); }
`;

/** Half of `e^|x|` and of its inverse, which overflow no earlier than the result. */
const HALVES = `const root = Math.exp(Math.abs(x) * 0.5);
const grown = 0.5 * root * root;
const shrunk = 0.5 / root / root;
`;

export const UNARY: Record<UnaryFn, string> = {
  neg: "return -x;",
  abs: "return Math.abs(x);",
  sign: "return x > 0 ? 1 : (x < 0 ? -1 : 0);",
  relu: "return x < 0 ? 0 : x;",
  floor: "return Math.floor(x);",
  ceil: "return Math.ceil(x);",
  trunc: "return x < 0 ? Math.ceil(x) : Math.floor(x);",
  // From 2²³ on all floats are whole, and 1/2 more would round.
  round: `if (Math.abs(x) >= 8388608) { return x; }
const up = Math.floor(x + 0.5);
const half = up * 0.5;
return up - x >= 0.5 && Math.floor(half) < half ? up - 1 : up;`,
  sqrt: "return Math.sqrt(x);",
  rsqrt: "return 1 / Math.sqrt(x);",
  exp: number("return Math.exp(x);"),
  exp2: number("return Math.pow(2, x);"),
  expm1: number(`if (Math.abs(x) > 0.5) { return Math.exp(x) - 1; }
return x * ${EXPM1_SERIES};`),
  log: logarithm(""),
  log2: logarithm(` * ${Math.LOG2E}`),
  log10: logarithm(` * ${Math.LOG10E}`),
  log1p: number(`if (x < -1) { return ${NONE}; }
if (x <= -1) { return ${INFINITY}; }
if (x > ${LARGEST}) { return x; }
${log1p("x")}return y;`),
  sin: number(`${QUARTERS}if (turn < 1) { return sine; }
if (turn < 2) { return cosine; }
if (turn < 3) { return -sine; }
return -cosine;`),
  cos: number(`${QUARTERS}if (turn < 1) { return cosine; }
if (turn < 2) { return -sine; }
if (turn < 3) { return -cosine; }
return sine;`),
  tan: number(`${QUARTERS}const half = turn * 0.5;
if (Math.floor(half) < half) { return -cosine / sine; }
return sine / cosine;`),
  asin: number(`${ARCS}if (size <= 0.5) { return x < 0 ? -sine : sine; }
return x < 0 ? arc - ${Math.PI / 2} : ${Math.PI / 2} - arc;`),
  acos: number(`${ARCS}if (size <= 0.5) { return x < 0 ? ${Math.PI / 2} + sine : ${Math.PI / 2} - sine; }
return x < 0 ? ${Math.PI} - arc : arc;`),
  atan: number(`const a = Math.abs(x);
${ARC_TANGENT}return x < 0 ? -angle : angle;`),
  sinh: number(`if (Math.abs(x) < 1) { return x * ${polynomial("(x * x)", inverses(1, 6, 120, 5040, 362880))}; }
${HALVES}return x < 0 ? shrunk - grown : grown - shrunk;`),
  cosh: number(`${HALVES}return grown + shrunk;`),
  // Lambert's continued fraction near zero.
  tanh: number(`const square = x * x;
if (square < 0.25) { return x * (945 + square * (105 + square)) / (945 + square * (420 + square * 15)); }
return 1 - 2 / (Math.exp(2 * x) + 1);`),
  asinh: number(`if (Math.abs(x) > ${LARGEST}) { return x; }
const size = Math.abs(x);
const more = size + size * size / (1 + Math.sqrt(size * size + 1));
${log1p("more")}if (size > 1000000000) { y = Math.log(size) + ${Math.LN2}; }
return x < 0 ? -y : y;`),
  acosh: number(`if (x < 1) { return ${NONE}; }
if (x > ${LARGEST}) { return x; }
const above = x - 1;
const more = above + Math.sqrt(above * (x + 1));
${log1p("more")}if (x > 1000000000) { y = Math.log(x) + ${Math.LN2}; }
return y;`),
  atanh: number(`if (Math.abs(x) > 1) { return ${NONE}; }
if (Math.abs(x) >= 1) { return ${INFINITY}; }
const ratio = 2 * x / (1 - x);
${log1p("ratio")}return 0.5 * y;`),
  sigmoid: number("return 1 / (1 + Math.exp(-x));"),
  erf: number(`if (Math.abs(x) < 1) { return ${ERF_SERIES}; }
${TAIL}return x < 0 ? tail - 1 : 1 - tail;`),
  erfc: number(`if (Math.abs(x) < 0.5) { return 1 - ${ERF_SERIES}; }
${TAIL}return x < 0 ? 2 - tail : tail;`),
  erfinv: number(`if (Math.abs(x) > 1) { return ${NONE}; }
if (Math.abs(x) >= 1) { return ${INFINITY}; }
${ERFINV}`),
};

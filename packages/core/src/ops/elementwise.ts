import type { Vjp } from "../apply.ts";
import { toFloat } from "../dtype.ts";
import { composite, type Op, primitive } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { full } from "./creation.ts";

import { nonzero } from "./nonzero.ts";

import {
  arithmetic,
  common,
  gradientOp,
  keepDType,
  type Pair,
  predicate,
  type Scalar,
  toBool,
  unary,
} from "./pointwise.ts";

import { unbroadcast } from "./sum.ts";

/** The gradient of a result, and the result itself. */
type Gradient = [g: Tensor, y: Tensor];

/** `−x`. */
export const neg = unary("neg", [], (g) => neg(g), "number");
/** `|x|`; the gradient at 0 is 0. */
export const abs = unary("abs", ["inputs"], (g, { inputs: [x] }) => mul(g, sign(x)), "number");
/** −1, 0 or 1. The gradient is zero. */
export const sign = unary("sign", [], () => null, "number");
/** `eˣ`. */
export const exp = unary("exp", ["output"], (g, { output: y }) => mul(g, y));
/** `eˣ − 1`, exact near 0. */
export const expm1 = unary("expm1", ["output"], (g, { output: y }) => mul(g, add(y, 1)));
/** The natural logarithm. */
export const log = unary("log", ["inputs"], (g, { inputs: [x] }) => div(g, x));
/** `log(1 + x)`, exact near 0. */
export const log1p = unary("log1p", ["inputs"], (g, { inputs: [x] }) => div(g, add(x, 1)));
/** `√x`. */
export const sqrt = unary("sqrt", ["output"], (g, { output: y }) => div(g, mul(y, 2)));
/** `1/√x`. */
export const rsqrt = unary("rsqrt", ["output"], (g, { output: y }) => mul(mul(g, -0.5), mul(y, mul(y, y))));
/** The sine of an angle in radians. */
export const sin = unary("sin", ["inputs"], (g, { inputs: [x] }) => mul(g, cos(x)));
/** The cosine of an angle in radians. */
export const cos = unary("cos", ["inputs"], (g, { inputs: [x] }) => mul(neg(g), sin(x)));
/** The hyperbolic tangent. */
export const tanh = unary("tanh", ["output"], (g, { output: y }) => tanhGrad(g, y));
/** `1 / (1 + e⁻ˣ)`. */
export const sigmoid = unary("sigmoid", ["output"], (g, { output: y }) => sigmoidGrad(g, y));
/** The error function. */
export const erf = unary("erf", ["inputs"], (g, { inputs: [x] }) =>
  mul(mul(g, 2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))),
);
/** `max(x, 0)`; the gradient at 0 is 0. */
export const relu = unary("relu", ["output"], (g, { output: y }) => reluGrad([g, y]), "number");

const tanhGrad = gradientOp("tanh", (g, y) => sub(g, mul(g, mul(y, y))));
const sigmoidGrad = gradientOp("sigmoid", (g, y) => mul(g, mul(y, sub(1, y))));
/** @internal `g` where the result `y` of a relu is positive, 0 elsewhere. */
export const reluGrad: Op<Gradient> = composite({
  name: "reluGrad",
  shape: ([g]) => g,
  decompose: ([g, y]) => where(le(y, 0), 0, g),
  saves: ["input1"],
  vjp: [(gg, { inputs: [, y] }) => reluGrad([gg, y]), null],
});
/** The largest integer that is not above `x`. The gradient is zero. */
export const floor = unary("floor", [], () => null, "number");
/** The smallest integer that is not below `x`. The gradient is zero. */
export const ceil = unary("ceil", [], () => null, "number");
/** The nearest integer, halves to the even one. The gradient is zero. */
export const round = unary("round", [], () => null, "number");
/** `x` without its fraction. The gradient is zero. */
export const trunc = unary("trunc", [], () => null, "number");

/** `a + b`. */
export const add = arithmetic(
  "add",
  [],
  (g) => g,
  (g) => g,
);
/** `a − b`. */
export const sub = arithmetic(
  "sub",
  [],
  (g) => g,
  (g) => neg(g),
);
/** `a · b`. */
export const mul = arithmetic(
  "mul",
  ["others"],
  (g, { inputs: [, b] }) => mul(g, b),
  (g, { inputs: [a] }) => mul(g, a),
);
/** `a / b`, in floating point for integers too. */
export const div = arithmetic(
  "div",
  ["others", "input1"],
  (g, { inputs: [, b] }) => div(g, b),
  (g, { inputs: [a, b] }) => neg(mul(g, div(div(a, b), b))),
  toFloat,
);
/** `aᵇ`. As in PyTorch, a zero exponent has gradient 0 in the base, and a zero base has gradient 0 in the exponent. */
export const pow = arithmetic(
  "pow",
  ["inputs"],
  (g, { inputs: [a, b] }) => {
    if (typeof b === "number") return b === 0 ? null : mul(g, mul(pow(a, b - 1), b));
    // The mask is no larger than it has to be: elsewhere the product is 0 too, but has a gradient in the exponent.
    const undefinedSlope = logicalAnd(eq(b, 0), logicalNot(gt(abs(a as Tensor), 0)));
    return where(undefinedSlope, 0, mul(g, mul(pow(a, sub(b, 1)), b)));
  },
  (g, { inputs: [a, b] }) => {
    const slope = mul(mul(g, pow(a, b)), typeof a === "number" ? Math.log(a) : log(a));
    return where(logicalAnd(ge(b as Tensor, 0), typeof a === "number" ? Number(a === 0) : eq(a, 0)), 0, slope);
  },
);

/** A gradient goes to the larger (or smaller) operand, half of it to each where they are equal, all of it where one is NaN. */
const extreme =
  (mine: 0 | 1, loses: (a: Tensor, b: Scalar) => Tensor): Vjp<Pair> =>
  (g, { inputs }) => {
    const [x, other] = [inputs[mine] as Tensor, inputs[1 - mine]!];
    return where(loses(x, other), 0, where(eq(x, other), mul(g, 0.5), g));
  };

/** The larger one of `a` and `b`; NaN where one of them is. */
export const maximum = arithmetic(
  "maximum",
  ["inputs"],
  extreme(0, (a, b) => lt(a, b)),
  extreme(1, (a, b) => lt(a, b)),
);
/** The smaller one of `a` and `b`; NaN where one of them is. */
export const minimum = arithmetic(
  "minimum",
  ["inputs"],
  extreme(0, (a, b) => gt(a, b)),
  extreme(1, (a, b) => gt(a, b)),
);

/** `a = b`, as bool. */
export const eq = predicate("eq", keepDType);
/** `a ≠ b`, as bool. */
export const ne = predicate("ne", keepDType);
/** `a < b`, as bool. */
export const lt = predicate("lt", keepDType);
/** `a ≤ b`, as bool. */
export const le = predicate("le", keepDType);
/** `a > b`, as bool. */
export const gt = predicate("gt", keepDType);
/** `a ≥ b`, as bool. */
export const ge = predicate("ge", keepDType);
/** Whether both are true, or not zero. */
export const logicalAnd = predicate("and", toBool);
/** Whether one of them is true, or not zero. */
export const logicalOr = predicate("or", toBool);
/** Whether exactly one of them is true, or not zero. */
export const logicalXor = predicate("xor", toBool);
/** Whether `x` is false, or zero. */
export const logicalNot = (x: Tensor): Tensor => eq(x, 0);
/** Whether an element is NaN. */
export const isnan = (x: Tensor): Tensor => ne(x, x);
/** Whether an element is neither NaN nor infinite. */
export const isfinite = (x: Tensor): Tensor => lt(x.dtype === "bool" ? x : abs(x), Number.POSITIVE_INFINITY);

/** Whether an element is positive or negative infinity. */
export const isinf = (x: Tensor): Tensor => eq(x.dtype === "bool" ? x : abs(x), Number.POSITIVE_INFINITY);

const select = primitive<[condition: Tensor, a: Scalar, b: Scalar]>({
  name: "where",
  shape: ([condition, a, b]) => broadcastShapes("where", condition, broadcastShapes("where", a, b)),
  dtype: ([, a, b]) => (a ?? b)!,
  kernel: (backend, [condition, a, b], _, [out]) => [backend.select(condition, a, b, out!)],
  saves: ["input0"],
  vjp: [
    null,
    (g, { inputs: [condition], specs }) => unbroadcast(where(condition, g, 0), specs[1]!.shape),
    (g, { inputs: [condition], specs }) => unbroadcast(where(condition, 0, g), specs[2]!.shape),
  ],
});

/** `a` where the condition holds, `b` elsewhere; all three broadcast. Of the condition alone, `nonzero` with `asTuple`. */
export function where(condition: Tensor): readonly Tensor[];
export function where(condition: Tensor, a: Scalar, b: Scalar): Tensor;
export function where(condition: Tensor, a?: Scalar, b?: Scalar): Tensor | readonly Tensor[] {
  if (a === undefined && b === undefined) return nonzero(condition, { asTuple: true });
  const numbers = typeof a === "number" && typeof b === "number";
  const [x, y] = common("where", numbers ? full([], a, { backend: condition.backend }) : a!, b!, keepDType);
  return select([cast(condition, "bool"), x, y]);
}

/** `x²`. */
export const square = (x: Tensor): Tensor => mul(x, x);
/** `1/x`. */
export const reciprocal = (x: Tensor): Tensor => div(1, x);

import { scope } from "../memory.ts";
import { primitive } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { checkWord } from "./checks.ts";
import { add, div, eq, logicalAnd, logicalXor, lt, mul, ne, neg, round, sub, trunc, where } from "./elementwise.ts";
import { arithmetic, boolToInt, type Scalar, tensors } from "./pointwise.ts";

/** The remainder of `a / b` with the sign of `a`, as `%` in JavaScript. Of integers, that of a division by 0 is 0. */
export const fmod = arithmetic(
  "fmod",
  ["inputs"],
  (g) => g,
  (g, { inputs: [a, b] }) => neg(mul(g, trunc(div(a, b)))),
);

/** Integers divided, towards zero. */
const quotient = primitive<[a: Tensor, b: Tensor]>({
  name: "quotient",
  shape: ([a, b]) => broadcastShapes("quotient", a, b),
  kernel: (backend, [a, b], _, [out]) => [backend.binary("div", a, b, out!)],
  vjp: [null, null],
});

/** Whether rounding down and towards zero differ, given the remainder that `fmod` leaves. */
const isBelow = (rest: Tensor, b: Tensor): Tensor => logicalAnd(ne(rest, 0), logicalXor(lt(rest, 0), lt(b, 0)));

/** The remainder of `a / b` with the sign of `b`, as `%` in Python. Of integers, that of a division by 0 is 0. */
export const remainder = (a: Scalar, b: Scalar): Tensor =>
  scope(() => {
    const [x, y] = tensors("remainder", a, b, boolToInt);
    const rest = fmod(x, y);
    return where(isBelow(rest, y), add(rest, y), rest);
  });

/** `a / b` rounded down, as `//` in Python; integers stay integers. The gradient is zero. */
export const floorDivide = (a: Scalar, b: Scalar): Tensor =>
  scope(() => {
    const [x, y] = tensors("floorDivide", a, b, boolToInt);
    const rest = fmod(x, y);
    const below = cast(isBelow(rest, y), x.dtype);
    if (x.dtype === "int32") return sub(quotient([x, y]), below);
    // Without its remainder the division is exact but for rounding errors. Zeros have the sign of the plain one.
    const [whole, plain] = [round(sub(div(sub(x, rest), y), below)), div(x, y)];
    const signed = where(eq(whole, 0), mul(plain, 0), whole);
    // Its gradient, which is none, cuts off those of the divisions.
    return trunc(where(eq(y, 0), plain, signed));
  });

/** Options of `div`. */
export interface DivOptions {
  /** Towards zero (`"trunc"`) or down (`"floor"`), where integers stay integers and the gradient is zero. Default `null`: not at all. */
  readonly roundingMode?: "trunc" | "floor" | null;
}

/** `a / b`, in floating point for integers too unless it is rounded. */
export function divide(a: Scalar, b: Scalar, { roundingMode = null }: DivOptions = {}): Tensor {
  if (roundingMode === null) return div(a, b);
  checkWord("div", "roundingMode", roundingMode, ["trunc", "floor"]);
  if (roundingMode === "floor") return floorDivide(a, b);
  return scope(() => {
    const [x, y] = tensors("div", a, b, boolToInt);
    return x.dtype === "int32" ? quotient([x, y]) : trunc(div(x, y));
  });
}

/** The fraction of `x`, with its sign. */
export const frac = (x: Tensor): Tensor => scope(() => sub(x, trunc(x)));

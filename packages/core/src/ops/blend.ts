import { isFloat } from "../dtype.ts";
import { DTypeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { floating } from "../op.ts";
import { broadcastShapes, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { abs, add, div, lt, mul, sub, where } from "./elementwise.ts";
import type { Scalar } from "./pointwise.ts";

/** Throws where tensors do not broadcast. */
function checkFit(op: string, ...operands: readonly Scalar[]): void {
  let shape: Shape = [];
  for (const x of operands) if (typeof x !== "number") shape = broadcastShapes(op, shape, x.shape);
}

/** `start + weight · (end − start)`, which is exact at both ends. */
export function lerp(start: Tensor, end: Tensor, weight: Scalar): Tensor {
  floating("lerp")([start.dtype, end.dtype]);
  checkFit("lerp", start, end, weight);
  return scope(() => {
    const way = sub(end, start);
    const fromStart = (): Tensor => add(start, mul(way, weight));
    const fromEnd = (): Tensor => sub(end, mul(way, typeof weight === "number" ? 1 - weight : sub(1, weight)));
    if (typeof weight === "number") return Math.abs(weight) < 0.5 ? fromStart() : fromEnd();
    return where(lt(abs(weight), 0.5), fromStart(), fromEnd());
  });
}

/** Options of `addcmul` and `addcdiv`. */
export interface ScaledOptions {
  /** What the product or quotient is multiplied by. Default 1. */
  readonly value?: number;
}

/** `value · x`. */
export const scaled = (x: Tensor, value: number): Tensor => (value === 1 ? x : mul(x, value));

/** `x + value · a · b`. */
export function addcmul(x: Tensor, a: Tensor, b: Tensor, { value = 1 }: ScaledOptions = {}): Tensor {
  checkFit("addcmul", x, a, b);
  return scope(() => add(x, scaled(mul(a, b), value)));
}

/** `x + value · a / b`, of which `a` or `b` is floating. */
export function addcdiv(x: Tensor, a: Tensor, b: Tensor, { value = 1 }: ScaledOptions = {}): Tensor {
  if (!(isFloat(a.dtype) || isFloat(b.dtype)))
    throw new DTypeError(
      "addcdiv",
      `integers are not divided: ${a.dtype} and ${b.dtype}`,
      'convert with .to("float32")',
    );
  checkFit("addcdiv", x, a, b);
  return scope(() => add(x, scaled(div(a, b), value)));
}

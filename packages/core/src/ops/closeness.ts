import { ArgumentError } from "../errors.ts";
import { scope } from "../memory.ts";
import { hostArray } from "../op.ts";
import { sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { asFloat } from "./cast.ts";
import { abs, add, eq, isfinite, isnan, le, logicalAnd, logicalOr, mul, sub } from "./elementwise.ts";
import { all } from "./reduce.ts";

/** Options of `isclose` and `allclose`. */
export interface ClosenessOptions {
  /** What the distance may be relative to the size of `b`. Default 1e-5. */
  readonly rtol?: number;
  /** What it may be beside that. Default 1e-8. */
  readonly atol?: number;
  /** Whether NaN is close to NaN. Default false. */
  readonly equalNan?: boolean;
}

/** Whether `|a − b| ≤ atol + rtol · |b|`, as bool. An infinity is close to itself only. */
export function isclose(
  a: Tensor,
  b: Tensor,
  { rtol = 1e-5, atol = 1e-8, equalNan = false }: ClosenessOptions = {},
): Tensor {
  for (const [name, value] of Object.entries({ rtol, atol }))
    if (!(value >= 0)) throw new ArgumentError("isclose", `${name} must not be negative, got ${value}`);
  return scope(() => {
    const [x, y] = [asFloat(a), asFloat(b)];
    const distance = abs(sub(x, y));
    const near = logicalAnd(isfinite(distance), le(distance, add(mul(abs(y), rtol), atol)));
    const close = logicalOr(eq(a, b), near);
    return equalNan ? logicalOr(close, logicalAnd(isnan(a), isnan(b))) : close;
  });
}

const holds = (op: string, fn: () => Tensor): boolean => scope(() => hostArray(op, all(fn())).values[0] !== 0);

/** Whether all elements are close to each other. Reads the answer from the device. */
export const allclose = (a: Tensor, b: Tensor, options?: ClosenessOptions): boolean =>
  holds("allclose", () => isclose(a, b, options));

/** Whether shapes and all elements are equal. Reads the answer from the device. */
export const equal = (a: Tensor, b: Tensor): boolean => sameShape(a.shape, b.shape) && holds("equal", () => eq(a, b));

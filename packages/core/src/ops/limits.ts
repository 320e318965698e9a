import { ArgumentError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite } from "../op.ts";
import { Tensor } from "../tensor.ts";
import { gt, isnan, logicalAnd, lt, maximum, minimum, where } from "./elementwise.ts";
import { boolToInt, type Scalar, tensors } from "./pointwise.ts";

interface Bounds {
  readonly min: number;
  readonly max: number;
}

const clampOp = composite<[x: Tensor], Bounds>({
  name: "clamp",
  shape: ([x]) => x,
  // An infinite bound is none, and would make floats of integers. −0 stays what it is, unlike in `maximum`.
  decompose: ([x], { min, max }) => {
    const above = min === Number.NEGATIVE_INFINITY ? x : where(lt(x, min), min, x);
    return max === Number.POSITIVE_INFINITY ? above : where(gt(above, max), max, above);
  },
  saves: ["inputs"],
  vjp: [
    (g, { inputs: [x], attrs: { min, max } }) => {
      if (min === Number.NEGATIVE_INFINITY) return where(lt(x, max), g, 0);
      const isAbove = gt(x, min);
      return where(max === Number.POSITIVE_INFINITY ? isAbove : logicalAnd(isAbove, lt(x, max)), g, 0);
    },
  ],
});

/**
 * `x` limited to `[min, max]`, numbers or tensors that broadcast; `max` where the interval is empty. The gradient is 0 at bounds that are
 * numbers and beyond them; a bound that is a tensor shares it where it is met.
 */
export function clamp(x: Tensor, min?: Scalar | null, max?: Scalar | null): Tensor {
  if (min == null && max == null) throw new ArgumentError("clamp", "neither min nor max is given");
  if (!(min instanceof Tensor || max instanceof Tensor))
    return clampOp([x], { min: min ?? Number.NEGATIVE_INFINITY, max: max ?? Number.POSITIVE_INFINITY });
  return scope(() => {
    const above = min == null ? x : maximum(x, min);
    return max == null ? above : minimum(above, max);
  });
}

/** `x`, but at least `min`. */
export const clampMin = (x: Tensor, min: Scalar): Tensor => clamp(x, min);
/** `x`, but at most `max`. */
export const clampMax = (x: Tensor, max: Scalar): Tensor => clamp(x, undefined, max);

/** An extreme element of two, or the other one where one of them is NaN. */
const ignoringNaN = (name: string, extreme: (a: Tensor, b: Tensor) => Tensor) => (a: Scalar, b: Scalar) =>
  scope((): Tensor => {
    const [x, y] = tensors(name, a, b, boolToInt);
    return where(isnan(y), x, where(isnan(x), y, extreme(x, y)));
  });

/** The larger one of `a` and `b`, of which NaN counts as missing. */
export const fmax = ignoringNaN("fmax", maximum);
/** The smaller one of `a` and `b`, of which NaN counts as missing. */
export const fmin = ignoringNaN("fmin", minimum);

import { ArgumentError } from "../errors.ts";
import { reducedAxes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { checkSome } from "./checks.ts";
import { abs, div, eq, isnan, logicalAnd, logicalOr, mul, ne, pow, sign, sqrt, where } from "./elementwise.ts";
import { amax, amin, evenly, reduction } from "./reduce.ts";
import { type ReduceOptions, restore, sum } from "./sum.ts";

const { POSITIVE_INFINITY: INFINITY } = Number;

const normOver = reduction<ReduceOptions & { readonly p: number }>(
  "norm",
  (x, { axes, keepdim, p }) => {
    const options = { keepdim };
    if (p === 0) return sum(cast(ne(x, 0), x.dtype), axes, options);
    if (p === 2) return sqrt(sum(mul(x, x), axes, options));
    const sizes = abs(x);
    if (p === 1) return sum(sizes, axes, options);
    if (p === INFINITY) return amax(sizes, axes, options);
    return p === -INFINITY ? amin(sizes, axes, options) : pow(sum(pow(sizes, p), axes, options), 1 / p);
  },
  ["inputs", "output"],
  (g, { inputs: [x], output, attrs: { axes, p } }) => {
    if (p === 0) return null;
    const [slope, norm] = [restore(g, x.shape, axes), restore(output, x.shape, axes)];
    if (!Number.isFinite(p)) {
      const hit = logicalOr(eq(abs(x), norm), logicalAnd(isnan(x), isnan(norm)));
      return mul(sign(x), evenly(slope, hit, axes));
    }
    // Where the norm is 0 its slope is not defined; as in PyTorch it is 0: that of an infinite norm, which is safe to differentiate.
    const above = p > 1 ? where(eq(norm, 0), INFINITY, norm) : norm;
    if (p === 2) return mul(x, div(slope, above));
    const sizes = where(eq(x, 0), 1, abs(x));
    return mul(mul(sign(x), pow(sizes, p - 1)), mul(slope, pow(above, 1 - p)));
  },
);

/** The order of a norm: any number, where 0 counts what is not zero and ±∞ takes the largest or smallest size; "fro" is 2. */
export type NormOrder = number | "fro";

/** The norm `(Σ |x|ᵖ)^(1/p)` over `dim` (default: all axes) of a floating tensor, as if it were one vector. The gradient at 0 is 0. */
export function norm(
  x: Tensor,
  p: NormOrder = 2,
  dim?: number | readonly number[],
  { keepdim = false }: ReduceOptions = {},
): Tensor {
  const order = p === "fro" ? 2 : p;
  if (typeof order !== "number" || Number.isNaN(order))
    throw new ArgumentError("norm", `there is no norm of order ${p}`, 'use a number, ±Infinity or "fro"');
  if (order < 0 || order === INFINITY) checkSome("norm", x.shape, reducedAxes("norm", dim, x.ndim));
  return normOver(x, dim, { keepdim, p: order });
}

import { composite, floating } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { alongAxis, positions, selectAlong } from "./along.ts";
import { asNumber, cast } from "./cast.ts";
import { onesLike } from "./creation.ts";
import { add, eq, exp, isinf, isnan, logicalOr, mul, sub, where } from "./elementwise.ts";
import { gatherKnown } from "./indexing.ts";
import { cat, stack } from "./join.ts";
import { narrow } from "./movement.ts";
import { logsumexp } from "./reduce.ts";
import { scanned, scanning } from "./sort.ts";

/** Values along an axis, and the int32 positions where they stood. */
export interface Selected {
  readonly values: Tensor;
  readonly indices: Tensor;
}

// No quotient y/x, which zeros would spoil: what came before, times what follows, ∂yⱼ/∂xᵢ = (x₀…xᵢ₋₁)(xᵢ₊₁…xⱼ).
const cumprodOp = scanned("prod", ["inputs", "output"], (g, { inputs: [x], output: y, attrs: { axis } }) => {
  const n = x.shape[axis]!;
  if (n < 2) return g;
  const before = cat([onesLike(narrow(y, axis, 0, 1)), narrow(y, axis, 0, n - 1)], axis);
  return mul(before, recurrence(g, narrow(x, axis, 1, n - 1), axis));
});

/** `rᵢ = gᵢ + aᵢ·rᵢ₊₁` along an axis where `r` has one element more than `a`, in log₂ n steps, each of twice the reach (Hillis and Steele 1986). */
function recurrence(g: Tensor, a: Tensor, axis: number): Tensor {
  const n = g.shape[axis]!;
  let [r, factor] = [g, a];
  for (let reach = 1; reach < n; reach *= 2) {
    const rest = n - reach;
    const head = add(narrow(r, axis, 0, rest), mul(narrow(factor, axis, 0, rest), narrow(r, axis, reach, rest)));
    r = cat([head, narrow(r, axis, rest, reach)], axis);
    const further = rest - reach;
    if (further > 0) factor = mul(narrow(factor, axis, 0, further), narrow(factor, axis, reach, further));
  }
  return r;
}

/** Running products along an axis. bool counts as int32. Its gradient is right where elements are zero, too. */
export const cumprod: (x: Tensor, dim: number) => Tensor = scanning("cumprod", cumprodOp);

const cummaxOp = scanned("max", [], null);
const cumminOp = scanned("min", [], null);

/** @internal The largest int32 element so far. */
export const latest = (x: Tensor, axis: number): Tensor => cummaxOp([x], { axis });

type SoFar = (x: Tensor, dim: number) => Selected;

const extremes =
  (name: string, soFar: typeof cummaxOp): SoFar =>
  (x, dim) =>
    selectAlong(name, x, dim, (x, axis) => {
      const y = asNumber(x);
      const reached = logicalOr(eq(y, soFar([y], { axis })), isnan(y));
      const indices = latest(where(reached, positions(x, axis), 0), axis);
      return [gatherKnown(x, axis, indices), indices];
    });

/** The largest elements so far along an axis, from the first NaN on NaN; of equal ones the last has index and gradient. */
export const cummax: SoFar = extremes("cummax", cummaxOp);
/** The smallest elements so far along an axis, from the first NaN on NaN; of equal ones the last has index and gradient. */
export const cummin: SoFar = extremes("cummin", cumminOp);

const logcumsumexpOp = composite<[x: Tensor], number>({
  name: "logcumsumexp",
  shape: ([x]) => x,
  dtype: floating("logcumsumexp"),
  decompose: ([x], axis) => {
    const n = x.shape[axis]!;
    let y = x;
    for (let reach = 1; reach < n; reach *= 2) {
      const rest = n - reach;
      const joined = logsumexp(stack([narrow(y, axis, 0, rest), narrow(y, axis, reach, rest)]), 0);
      y = cat([narrow(y, axis, 0, reach), joined], axis);
    }
    return y;
  },
  saves: ["inputs", "output"],
  // ∂yⱼ/∂xᵢ = exp(xᵢ − yⱼ), as a product of factors that are at most 1.
  vjp: [
    (g, { inputs: [x], output: y, attrs: axis }) => {
      const rest = Math.max(0, x.shape[axis]! - 1);
      const [before, after] = [narrow(y, axis, 0, rest), narrow(y, axis, x.shape[axis]! - rest, rest)];
      const factors = where(isinf(after), cast(eq(before, after), x.dtype), exp(sub(before, after)));
      return mul(exp(sub(x, y)), recurrence(g, factors, axis));
    },
  ],
});

/** `log Σ exp(x)` of the elements so far along an axis of a floating tensor, without overflow. */
export const logcumsumexp = (x: Tensor, dim: number): Tensor =>
  alongAxis("logcumsumexp", x, dim, (x, axis) => [logcumsumexpOp([x], axis)])[0]!;

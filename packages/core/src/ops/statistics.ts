import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { floating } from "../op.ts";
import { normalizeAxis, reducedAxes, reducedShape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { asFloat, cast } from "./cast.ts";
import { eye, fullLike } from "./creation.ts";
import {
  add,
  ceil,
  div,
  floor,
  gt,
  isnan,
  logicalNot,
  logicalXor,
  lt,
  maximum,
  mul,
  ne,
  round,
  sqrt,
  sub,
  where,
} from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { cat, stack } from "./join.ts";
import { clamp } from "./limits.ts";
import { matmul } from "./matmul.ts";
import { clone, narrow, reshape, transpose, unsqueeze } from "./movement.ts";
import { mean, std, type VarianceOptions, variance } from "./reduce.ts";
import { sort } from "./sort.ts";
import { type ReduceOptions, sum } from "./sum.ts";

type Dim = number | readonly number[];

/** The sum over `dim` (default: all axes) of what is not NaN. */
export const nansum = (x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor =>
  scope(() => sum(where(isnan(x), 0, x), dim, options));

/** The mean over `dim` (default: all axes) of what is not NaN, of a floating tensor. */
export const nanmean = (x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor =>
  scope(() => {
    const dtype = floating("nanmean")([x.dtype]);
    return div(nansum(x, dim, options), cast(sum(logicalNot(isnan(x)), dim, options), dtype));
  });

/** How many elements over `dim` (default: all axes) are not zero, int32. */
export const countNonzero = (x: Tensor, dim?: Dim): Tensor => scope(() => sum(ne(x, 0), dim));

/** Variance and mean over `dim` (default: all axes) of a floating tensor. */
export const varMean = (x: Tensor, dim?: Dim, options: VarianceOptions = {}): [variance: Tensor, mean: Tensor] => [
  variance(x, dim, options),
  mean(x, dim, options),
];

/** Standard deviation and mean over `dim` (default: all axes) of a floating tensor. */
export const stdMean = (x: Tensor, dim?: Dim, options: VarianceOptions = {}): [std: Tensor, mean: Tensor] => [
  std(x, dim, options),
  mean(x, dim, options),
];

/** Options of `quantile` and `nanquantile`. */
export interface QuantileOptions extends ReduceOptions {
  /** What stands for a quantile that lies between two elements. Default `"linear"`. */
  readonly interpolation?: "linear" | "lower" | "higher" | "midpoint" | "nearest";
}

type Quantile = (x: Tensor, q: number | readonly number[], dim?: number, options?: QuantileOptions) => Tensor;

const quantiles =
  (op: string, ignoreNaN: boolean): Quantile =>
  (x, q, dim, { keepdim = false, interpolation = "linear" } = {}) =>
    scope(() => {
      floating(op)([x.dtype]);
      const axes = reducedAxes(op, dim, x.ndim);
      const whole = dim === undefined || x.ndim === 0;
      const axis = whole ? 0 : axes[0]!;
      const { values } = sort(whole ? reshape(x, [-1]) : x, { dim: axis });
      if (values.shape[axis] === 0)
        throw new ShapeError(op, `axis ${axis} of ${show(values.shape)} is empty`, "look at the shape first");
      const nans = cast(sum(isnan(values), axis, { keepdim: true }), x.dtype);
      const last = fullLike(nans, values.shape[axis]! - 1);
      const shape = reducedShape(x.shape, axes, keepdim);
      const at = (q: number): Tensor => {
        if (!(q >= 0 && q <= 1)) throw new ArgumentError(op, `a quantile lies in [0, 1], got ${q}`);
        // NaN is sorted to the end: the last element says whether there is one.
        const rank = ignoreNaN ? mul(clamp(sub(last, nans), 0), q) : where(gt(nans, 0), last, mul(last, q));
        return reshape(between(values, axis, rank, interpolation), shape);
      };
      return typeof q === "number" ? at(q) : stack(q.map(at));
    });

function between(
  values: Tensor,
  axis: number,
  rank: Tensor,
  interpolation: NonNullable<QuantileOptions["interpolation"]>,
): Tensor {
  const at = (rank: Tensor): Tensor => gather(values, axis, cast(rank, "int32"));
  if (interpolation === "nearest") return at(round(rank));
  if (interpolation === "higher") return at(ceil(rank));
  const low = at(floor(rank));
  if (interpolation === "lower") return low;
  const weight = interpolation === "midpoint" ? fullLike(rank, 0.5) : sub(rank, floor(rank));
  const high = at(ceil(rank));
  const step = sub(high, low);
  // As in PyTorch, from the nearer end.
  return where(lt(weight, 0.5), add(low, mul(weight, step)), sub(high, mul(step, sub(1, weight))));
}

/**
 * The `q`-quantile over `dim` (default: all axes) of a floating tensor, NaN where there is one; a list of them makes a first axis of its
 * length.
 */
export const quantile: Quantile = quantiles("quantile", false);
/** As `quantile`, of what is not NaN. */
export const nanquantile: Quantile = quantiles("nanquantile", true);

/** Options of `diff`. */
export interface DiffOptions {
  /** How many times differences are taken. Default 1. */
  readonly n?: number;
  /** Default: the last axis. */
  readonly dim?: number;
  /** Elements in front of the first. */
  readonly prepend?: Tensor;
  /** Elements behind the last. */
  readonly append?: Tensor;
}

/** Differences of neighbours along an axis; of bool, whether they differ. */
export function diff(x: Tensor, { n = 1, dim = -1, prepend, append }: DiffOptions = {}): Tensor {
  const axis = normalizeAxis("diff", dim, x.ndim);
  if (!Number.isInteger(n) || n < 0)
    throw new ArgumentError("diff", `differences are taken a whole number of times, got ${n}`);
  return scope(() => {
    const parts = [prepend, x, append].filter((part) => part !== undefined);
    let y = n === 0 || parts.length === 1 ? x : cat(parts, axis);
    for (let i = 0; i < n; i++) {
      const rest = Math.max(0, y.shape[axis]! - 1);
      const [after, before] = [narrow(y, axis, y.shape[axis]! - rest, rest), narrow(y, axis, 0, rest)];
      y = y.dtype === "bool" ? logicalXor(after, before) : sub(after, before);
    }
    return y === x ? clone(x) : y;
  });
}

/** Options of `cov`. */
export interface CovOptions {
  /** What is subtracted from the number of observations. Default 1. */
  readonly correction?: number;
  /** How often each observation was made, int32 `[N]`. */
  readonly fweights?: Tensor;
  /** How much each observation weighs, `[N]`. */
  readonly aweights?: Tensor;
}

/** The covariances `[V, V]` of variables in rows, `[V, N]`; the variance of one variable, `[N]`. */
export function cov(x: Tensor, { correction = 1, fweights, aweights }: CovOptions = {}): Tensor {
  if (x.ndim > 2) throw new ShapeError("cov", `expected variables [V,N] or [N], got ${show(x.shape)}`);
  return scope(() => {
    const rows = asFloat(x.ndim === 2 ? x : reshape(x, [1, -1]));
    const [variables, n] = rows.shape as [number, number];
    for (const w of [fweights, aweights])
      if (w !== undefined && (w.ndim !== 1 || w.shape[0] !== n))
        throw new ShapeError("cov", `weights ${show(w.shape)} for ${n} observations`, `use one axis of ${n}`);
    const weights = [fweights, aweights].filter((w) => w !== undefined).reduce<Tensor | number>(mul, 1);
    const weighted = mul(rows, weights);
    const total = typeof weights === "number" ? n : sum(weights);
    const centered = sub(rows, div(sum(weighted, 1, { keepdim: true }), total));
    const lost = aweights === undefined ? correction : div(mul(sum(mul(weights, aweights)), correction), total);
    const freedom = typeof total === "number" ? Math.max(0, total - correction) : maximum(sub(total, lost), 0);
    const products = matmul(mul(centered, weights), centered, false, true);
    return reshape(div(products, freedom), x.ndim === 2 ? [variables, variables] : []);
  });
}

/** Pearson's correlation coefficients `[V, V]` of variables in rows, `[V, N]`; 1 of one variable, `[N]`. */
export function corrcoef(x: Tensor): Tensor {
  if (x.ndim > 2) throw new ShapeError("corrcoef", `expected variables [V,N] or [N], got ${show(x.shape)}`);
  return scope(() => {
    const c = cov(x);
    if (c.ndim === 0) return div(c, c);
    const diagonal = eye(c.shape[0]!, c.shape[0]!, { dtype: "bool", backend: c.backend });
    const deviation = unsqueeze(sqrt(sum(where(diagonal, c, 0), 1)), 1);
    return clamp(div(div(c, deviation), transpose(deviation, 0, 1)), -1, 1);
  });
}

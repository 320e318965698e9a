import { ArgumentError } from "../errors.ts";
import { composite } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { positions, selectAlong } from "./along.ts";
import { cast } from "./cast.ts";
import { checkSome } from "./checks.ts";
import { full, zeros } from "./creation.ts";
import { div, eq, gt, isnan, logicalAnd, logicalOr, sub, where } from "./elementwise.ts";
import { gatherKnown } from "./indexing.ts";
import { cat } from "./join.ts";
import { narrow, reshape, squeeze } from "./movement.ts";
import { amax, amin, argmax, argmin, evenly } from "./reduce.ts";
import { latest, type Selected } from "./running.ts";
import { sort } from "./sort.ts";
import { type ReduceOptions, sum } from "./sum.ts";

/** Selects one element of all, which shares its gradient with equal ones; or one along an axis, which gets all of it. */
export interface Select {
  (x: Tensor): Tensor;
  (x: Tensor, dim: number, options?: ReduceOptions): Selected;
}

/** The int32 positions, along an axis that stays, of what is selected. */
type Find = (x: Tensor, axis: number) => Tensor;

function pick(op: string, x: Tensor, dim: number, keepdim: boolean, find: Find): Selected {
  return selectAlong(op, x, dim, (x, axis) => {
    checkSome(op, x.shape, [axis]);
    const indices = find(x, axis);
    const picked = [gatherKnown(x, axis, indices), indices];
    return keepdim ? picked : picked.map((y) => squeeze(y, axis));
  });
}

function selecting(name: string, one: (x: Tensor) => Tensor, find: Find, ofNothing: number | null): Select {
  const whole = composite<[x: Tensor]>({
    name,
    shape: ([x]) => {
      if (ofNothing === null) checkSome(name, x, [...x.keys()]);
      return [];
    },
    decompose: ([x]) => (x.numel() === 0 ? full([], ofNothing!, { dtype: x.dtype, backend: x.backend }) : one(x)),
    saves: ["inputs", "output"],
    vjp: [(g, { inputs: [x], output: y }) => evenly(g, logicalOr(eq(x, y), logicalAnd(isnan(x), isnan(y))))],
  });
  return ((x: Tensor, dim?: number, { keepdim = false }: ReduceOptions = {}) =>
    dim === undefined ? whole([x]) : pick(name, x, dim, keepdim, find)) as Select;
}

/** The largest element, or `{ values, indices }` of the first largest ones along an axis. NaN counts as the largest. */
export const max: Select = selecting("max", amax, (x, axis) => argmax(x, axis, { keepdim: true }), null);
/** The smallest element, or `{ values, indices }` of the first smallest ones along an axis. NaN counts as the smallest. */
export const min: Select = selecting("min", amin, (x, axis) => argmin(x, axis, { keepdim: true }), null);

function middle(name: string, at: (nans: Tensor, n: number) => Tensor): Select {
  const find: Find = (x, axis) => {
    const nans = sum(isnan(x), axis, { keepdim: true });
    return gatherKnown(sort(x, { dim: axis }).indices, axis, at(nans, x.shape[axis]!));
  };
  const one = (x: Tensor): Tensor => {
    const flat = reshape(x, [-1]);
    return reshape(gatherKnown(flat, 0, find(flat, 0)), []);
  };
  return selecting(name, one, find, Number.NaN);
}

/** The median, of two in the middle the smaller, or `{ values, indices }` of those along an axis. NaN where there is one. */
export const median: Select = middle("median", (nans, n) => where(gt(nans, 0), sub(n, nans), (n - 1) >> 1));
/** The median of what is not NaN, of two in the middle the smaller, or `{ values, indices }` of those along an axis. */
export const nanmedian: Select = middle("nanmedian", (nans, n) => cast(div(sub(n - 1, nans), 2), "int32"));

/** The smallest and the largest element over `dim` (default: all axes). Equal ones share the gradient. */
export const aminmax = (
  x: Tensor,
  { dim, keepdim = false }: ReduceOptions & { readonly dim?: number } = {},
): { min: Tensor; max: Tensor } => ({ min: amin(x, dim, { keepdim }), max: amax(x, dim, { keepdim }) });

/** Options of `topk`. */
export interface TopKOptions {
  /** Default: the last axis. */
  readonly dim?: number;
  /** Whether the largest are taken (default) or the smallest. */
  readonly largest?: boolean;
  /** Whether the result is in order. Default true; it is so in any case. */
  readonly sorted?: boolean;
}

/** The `k` largest (or smallest) elements along an axis, in order. NaN counts as the largest. */
export function topk(x: Tensor, k: number, { dim = -1, largest = true }: TopKOptions = {}): Selected {
  return selectAlong("topk", x, dim, (x, axis) => {
    checkOrder("topk", k, 0, x, axis);
    const { values, indices } = sort(x, { dim: axis, descending: largest });
    return [values, indices].map((y) => narrow(y, axis, 0, k));
  });
}

/** The `k`-th smallest element (1 is the smallest) along `dim` (default: the last axis). NaN counts as the largest. */
export const kthvalue = (x: Tensor, k: number, dim = -1, { keepdim = false }: ReduceOptions = {}): Selected =>
  pick("kthvalue", x, dim, keepdim, (x, axis) => {
    checkOrder("kthvalue", k, 1, x, axis);
    return narrow(sort(x, { dim: axis }).indices, axis, k - 1, 1);
  });

function checkOrder(op: string, k: number, least: number, { shape }: Tensor, axis: number): void {
  if (!Number.isInteger(k) || k < least || k > shape[axis]!)
    throw new ArgumentError(op, `k = ${k} must be an integer from ${least} to the ${shape[axis]} elements of the axis`);
}

/** The most frequent element along `dim` (default: the last axis), of several the smallest, and where it stands last. */
export const mode = (x: Tensor, dim = -1, { keepdim = false }: ReduceOptions = {}): Selected =>
  pick("mode", x, dim, keepdim, (x, axis) => {
    const { values, indices } = sort(x, { dim: axis });
    const rest = x.shape[axis]! - 1;
    const repeats = eq(narrow(values, axis, 1, rest), narrow(values, axis, 0, rest));
    const at = positions(x, axis);
    const first = zeros(x.shape.with(axis, 1), { dtype: "int32", backend: x.backend });
    const starts = latest(cat([first, where(repeats, 0, narrow(at, axis, 1, rest))], axis), axis);
    return gatherKnown(indices, axis, argmax(sub(at, starts), axis, { keepdim: true }));
  });

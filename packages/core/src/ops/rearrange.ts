import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { checkRank, normalizeAxis, type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cat } from "./join.ts";
import { flatten, flip, narrow, permute, reshape, sizesOf, transpose } from "./movement.ts";

/** Numbers one by one, or in one array. */
export type Sizes = number[] | [sizes: readonly number[]];

/** `reshape`, which also takes sizes one by one: `x.view(-1, 8)`. */
export const view = (x: Tensor, ...shape: Sizes): Tensor => reshape(x, shape.flat() as number[]);
/** `x` in the shape of `other`. */
export const reshapeAs = (x: Tensor, other: Tensor): Tensor => reshape(x, other.shape);
/** `x` in the shape of `other`. */
export const viewAs = (x: Tensor, other: Tensor): Tensor => reshape(x, other.shape);
/** All elements along one axis. */
export const ravel = (x: Tensor): Tensor => flatten(x);

/** An axis divided into several, whose sizes multiply to its own; one of them may be −1. */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const axis = normalizeAxis("unflatten", dim, x.ndim);
  return reshape(x, x.shape.toSpliced(axis, 1, ...sizesOf("unflatten", [x.shape[axis]!], sizes)));
}

/** Axes moved to other places, while the rest keep their order. */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const [from, to] = [source, destination].map((dims) =>
    [dims].flat().map((dim) => normalizeAxis("movedim", dim as number, x.ndim)),
  ) as [number[], number[]];
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length)
    throw new ShapeError(
      "movedim",
      `[${source}] cannot move to [${destination}]`,
      "name as many different axes as places",
    );
  const rest = [...x.shape.keys()].filter((axis) => !from.includes(axis));
  const order = to.toSorted((a, b) => a - b);
  return permute(
    x,
    order.reduce((axes, at) => axes.toSpliced(at, 0, from[to.indexOf(at)]!), rest),
  );
}

/** Two axes exchanged: `transpose` under NumPy's name. */
export const swapaxes: typeof transpose = transpose;

/** The transposed matrix; scalars and vectors as they are. */
export function t(x: Tensor): Tensor {
  checkRank("t", x.shape, 0, 2, "use mT, transpose() or permute()");
  return x.ndim < 2 ? x : transpose(x, 0, 1);
}

/** The last two axes exchanged: what the getter `mT` gives. */
export function mT(x: Tensor): Tensor {
  checkRank("mT", x.shape, 2, Number.POSITIVE_INFINITY);
  return transpose(x, -2, -1);
}

/** Elements moved along axes by a number of places, those that leave coming in at the other end. Without axes, the flattened tensor. */
export function roll(x: Tensor, shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
  const steps = [shifts].flat() as number[];
  const none = dims === undefined || (typeof dims === "object" && dims.length === 0);
  const axes = none ? [0] : ([dims].flat() as number[]).map((dim) => normalizeAxis("roll", dim, x.ndim));
  if (steps.length !== axes.length || !steps.every(Number.isInteger))
    throw new ArgumentError(
      "roll",
      `the shifts [${steps}] do not fit the axes [${dims ?? ""}]`,
      "give one integer for each axis, or one and no axes",
    );
  if (x.numel() === 0) return x;
  return scope(() => {
    const rolled = axes.reduce((y, axis, i) => rollAxis(y, axis, steps[i]!), none ? reshape(x, [-1]) : x);
    return reshape(rolled, x.shape);
  });
}

function rollAxis(x: Tensor, axis: number, shift: number): Tensor {
  const size = x.shape[axis]!;
  const last = ((shift % size) + size) % size;
  return last === 0 ? x : cat([narrow(x, axis, size - last, last), narrow(x, axis, 0, size - last)], axis);
}

const mirror =
  (op: string, axis: number) =>
  (x: Tensor): Tensor => {
    checkRank(op, x.shape, axis + 1, Number.POSITIVE_INFINITY, "use flip()");
    return flip(x, axis);
  };
/** The order of columns (axis 1) reversed. */
export const fliplr = mirror("fliplr", 1);
/** The order of rows (axis 0) reversed. */
export const flipud = mirror("flipud", 0);

/** Rotated by `k` quarter turns in the plane of two axes, from the first towards the second. */
export function rot90(x: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
  const [a, b] = dims.map((dim) => normalizeAxis("rot90", dim, x.ndim)) as [number, number];
  if (dims.length !== 2 || a === b)
    throw new ArgumentError("rot90", `[${dims}] is no plane of ${show(x.shape)}`, "name two different axes");
  if (!Number.isInteger(k)) throw new ArgumentError("rot90", `${k} is no number of quarter turns`, "use an integer");
  const turns = ((k % 4) + 4) % 4;
  return scope(() => {
    if (turns === 0) return x;
    if (turns === 2) return flip(x, [a, b]);
    return transpose(flip(x, turns === 1 ? b : a), a, b);
  });
}

import type { Backend } from "../backend.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { broadcastShapes, normalizeAxis, type Shape, show, sizeOf, stridesOf } from "../shape.ts";
import { mixedBackends, Tensor } from "../tensor.ts";
import { checkSame } from "./checks.ts";
import { tensor } from "./creation.ts";
import { add, mul } from "./elementwise.ts";
import { outOfRange, takeOp, wrapIndex } from "./indexing.ts";
import { reshape, strided } from "./movement.ts";
import { nonzero } from "./nonzero.ts";

/**
 * What is taken of one axis:
 *
 * - all of it (`null`),
 * - one index, from the end where negative: the axis disappears,
 * - Python's `"start:stop:step"`, where the step may be negative,
 * - what an int32 tensor or an array names: its axes stand in place of the one it indexes,
 * - where a bool tensor or array is true: it takes as many axes as it has, and leaves one.
 *
 * Two words stand for axes: `"..."` for all that the others leave, `"new"` for a new one of size 1. Several index tensors broadcast and
 * are read together. Their axes stand in place of the first, or in front where something else separates them.
 */
export type Index = number | string | null | Tensor | IndexList;
/** Indices, or booleans of a mask, in arrays of one shape. */
export type IndexList = readonly (number | boolean | IndexList)[];

/** Part of a tensor, by one index per axis from the first on: `x.at(0)`, `x.at(rows, columns)`, `x.at("...", [2, 0])`. */
export const at = (x: Tensor, ...index: Index[]): Tensor => indexed("at", x, index);

/** The same as `at`, which reads well where the index has ranges: `x.slice("1:-1", null, "::2")`. */
export const slice = (x: Tensor, ...index: Index[]): Tensor => indexed("slice", x, index);

/** The slice of an axis at one index, without that axis. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const before = new Array<null>(normalizeAxis("select", dim, x.ndim)).fill(null);
  return indexed("select", x, [...before, index]);
}

/** An axis of the view that is taken first, and what is then picked from it. */
interface Line {
  readonly size: number;
  readonly stride: number;
  readonly picks: Tensor | null;
}

/** @internal Indexing under the name of the function that was called. */
export function indexed(op: string, x: Tensor, index: readonly Index[]): Tensor {
  return scope(() => {
    const { lines, offset } = parse(op, x, index);
    // An index without axes is like a number: its line disappears.
    const lasting = lines.filter(({ picks }) => picks?.ndim !== 0);
    const picked = lasting.filter(({ picks }) => picks !== null);
    const first = Math.max(0, lasting.indexOf(picked[0]!));
    const adjacent = picked.every((line, i) => lasting[first + i] === line);
    const order = adjacent ? lines : [...picked, ...lines.filter((line) => !picked.includes(line))];
    let y = strided(x, { shape: order.map(({ size }) => size), strides: order.map(({ stride }) => stride), offset });
    for (let axis = order.length - 1; axis >= 0; axis--) {
      const { picks } = order[axis]!;
      if (picks?.ndim === 0) y = takeOp([y, picks], axis);
    }
    const indices = picked.map(({ picks }) => picks!);
    return indices.length === 0 ? y : pick(op, y, adjacent ? first : 0, indices);
  });
}

/** The axes from `first` on, one per index, joined into one, from which the indices together take. */
function pick(op: string, x: Tensor, first: number, indices: readonly Tensor[]): Tensor {
  const sizes = x.shape.slice(first, first + indices.length);
  indices.reduce<Shape>((shape, index) => broadcastShapes(op, shape, index.shape), []);
  const strides = stridesOf(sizes);
  const places = indices.map((index, i) => (strides[i] === 1 ? index : mul(index, strides[i]!)));
  const joined = reshape(x, x.shape.toSpliced(first, sizes.length, sizeOf(sizes)));
  return takeOp([joined, places.reduce((sum, place) => add(sum, place))], first);
}

function parse(op: string, x: Tensor, index: readonly Index[]): { lines: readonly Line[]; offset: number } {
  const given = index.map((item) =>
    Array.isArray(item) ? listed(op, item, x.backend) : (item as Exclude<Index, IndexList>),
  );
  const named = given.reduce<number>((sum, item) => sum + axesOf(item), 0);
  if (named > x.ndim) throw new ShapeError(op, `${named} indices for ${show(x.shape)}`, "give at most one per axis");
  const dots = given.indexOf("...");
  if (dots !== given.lastIndexOf("..."))
    throw new ArgumentError(op, '"..." appears twice', "write null for a whole axis");
  const others = new Array<null>(x.ndim - named).fill(null);
  const items = dots < 0 ? [...given, ...others] : given.toSpliced(dots, 1, ...others);
  const strides = stridesOf(x.shape);
  const lines: Line[] = [];
  let [axis, offset] = [0, 0];
  const push = (picks: Tensor | null = null, size = x.shape[axis]!, step = 1): unknown =>
    lines.push({ size, stride: step * strides[axis++]!, picks });
  for (const item of items) {
    if (item === "new") lines.push({ size: 1, stride: 0, picks: null });
    else if (item === null) push();
    else if (!(item instanceof Tensor)) {
      const { start, step, length } = rangeOf(op, item, x.shape[axis]!, axis);
      offset += start * strides[axis]!;
      if (length === null) axis++;
      else push(null, length, step);
    } else if (item.backend !== x.backend) throw mixedBackends(op, x.backend, item.backend);
    else if (item.dtype !== "bool") push(wrapIndex(op, item, x.shape[axis]!, axis));
    else {
      checkSame(op, "mask", item.shape, x.shape.slice(axis, axis + item.ndim));
      // A mask without axes chooses from a new one.
      for (const picks of nonzero(item, { asTuple: true }))
        if (item.ndim === 0) lines.push({ size: 1, stride: 0, picks });
        else push(picks);
    }
  }
  return { lines, offset };
}

/** How many axes of the tensor an index is for. */
const axesOf = (item: Index): number =>
  item === "..." || item === "new" ? 0 : item instanceof Tensor && item.dtype === "bool" ? item.ndim : 1;

function listed(op: string, list: IndexList, backend: Backend): Tensor {
  const flat = (list as readonly unknown[]).flat(Number.POSITIVE_INFINITY);
  const kind = typeof flat[0] === "boolean" ? "boolean" : "number";
  const wrong = flat.find((item) => typeof item !== kind || (kind === "number" && !Number.isInteger(item)));
  if (wrong !== undefined)
    throw new ArgumentError(op, `${wrong} is no index`, "fill an array with integers, or with booleans");
  return tensor(list, { dtype: kind === "boolean" ? "bool" : "int32", backend });
}

interface Steps {
  readonly start: number;
  readonly step: number;
  /** `null` where the axis disappears. */
  readonly length: number | null;
}

/** What one index or Python's range takes of an axis. */
function rangeOf(op: string, range: number | string, size: number, axis: number): Steps {
  if (typeof range === "number") {
    const start = range < 0 ? range + size : range;
    if (!Number.isInteger(range) || start < 0 || start >= size) throw outOfRange(op, range, size, axis, -size);
    return { start, step: 1, length: null };
  }
  const match = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/.exec(range);
  const step = Number(match?.[3] ?? 1);
  if (match === null || step === 0)
    throw new ArgumentError(
      op,
      `"${range}" is no range`,
      'write "start:stop" or "start:stop:step" with a step other than 0',
    );
  // As in Python, bounds beyond the axis are moved to its ends; a backward range ends before index 0.
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const bound = (text: string | undefined, fallback: number): number => {
    if (text === undefined) return fallback;
    const at = Number(text);
    return Math.min(high, Math.max(low, at < 0 ? at + size : at));
  };
  const start = bound(match[1], step > 0 ? low : high);
  const stop = bound(match[2], step > 0 ? high : low);
  return { start, step, length: Math.max(0, Math.ceil((stop - start) / step)) };
}

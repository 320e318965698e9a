import type { PutMode } from "../backend.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, sameDType } from "../op.ts";
import { checkRank, show, stridesOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { countTo } from "./along.ts";
import { cast } from "./cast.ts";
import { checkSame, checkWord } from "./checks.ts";
import { full, ones, onesLike } from "./creation.ts";
import { floorDivide } from "./division.ts";
import { div, eq, maximum, mul, ne, neg, sub, where } from "./elementwise.ts";
import { checkAlong, checkIndex, placesAlong, putOp, sliceAxis, takeOp, wrapIndex } from "./indexing.ts";
import { cat } from "./join.ts";
import { expand, narrow, reshape, strided } from "./movement.ts";
import { argsort } from "./sort.ts";

/** @internal A value of the library's user in the dtype of `x`: a number converted, a tensor checked. */
export function valueLike(op: string, x: Tensor, value: Tensor | number): Tensor {
  const { dtype, backend } = x;
  if (value instanceof Tensor) {
    sameDType(op, [dtype, value.dtype]);
    return value;
  }
  const fits = isFloat(dtype) || (dtype === "int32" && Number.isInteger(value));
  return cast(full([], value, { dtype: fits ? dtype : "float32", backend }), dtype);
}

/** @internal One value in the dtype of `x`. */
export function scalarLike(op: string, x: Tensor, value: Tensor | number): Tensor {
  if (!(value instanceof Tensor)) return valueLike(op, x, value);
  checkRank(op, value.shape, 0, 0, "pass a number or a scalar");
  return cast(value, x.dtype);
}

/** `put` along an axis, where sums of bool are its `or`. */
function put(mode: PutMode, base: Tensor, axis: number, index: Tensor, values: Tensor): Tensor {
  const attrs = { mode, axis, shape: base.shape };
  return mode === "add" && base.dtype === "bool"
    ? cast(putOp([cast(base, "int32"), cast(values, "int32"), index], attrs), "bool")
    : putOp([base, values, index], attrs);
}

const flat = (x: Tensor): Tensor => reshape(x, [-1]);

/** @internal `put` at places of the flattened tensor. */
export const putFlat = (mode: PutMode, x: Tensor, at: Tensor, values: Tensor): Tensor =>
  reshape(put(mode, flat(x), 0, flat(at), flat(values)), x.shape);

/** @internal The places of the flattened tensor. */
export const placesOf = (x: Tensor): Tensor => countTo(x.numel(), x);

/** The places along `dim` that `index` names, and what goes there: the part of a source that is as large as the index, or a number. */
function arrivals(
  op: string,
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | number,
): { at: Tensor; values: Tensor } {
  const at = placesAlong(x, checkAlong(op, x, dim, index), index);
  const values = valueLike(op, x, src);
  const { shape } = index;
  if (!(src instanceof Tensor)) return { at, values: expand(values, shape) };
  if (src.ndim !== shape.length || shape.some((size, i) => size > src.shape[i]!))
    throw new ShapeError(
      op,
      `the source ${show(src.shape)} is smaller than the index ${show(shape)}`,
      "give it an element for every index",
    );
  return { at, values: strided(values, { shape, strides: stridesOf(src.shape), offset: 0 }) };
}

const scatterWith = (op: string, mode: PutMode, x: Tensor, dim: number, index: Tensor, src: Tensor | number): Tensor =>
  scope(() => {
    const { at, values } = arrivals(op, x, dim, index, src);
    return putFlat(mode, x, at, values);
  });

/**
 * `x` with the elements of `src` (or a number) at the positions along `dim` that the int32 `index` names: what `gather` reads, it writes.
 * `src` may be larger than the index. Where a position repeats, the last element wins.
 */
export const scatter = (x: Tensor, dim: number, index: Tensor, src: Tensor | number): Tensor =>
  scatterWith("scatter", "set", x, dim, index, src);

/** As `scatter`, with the elements added to what stands there. */
export const scatterAdd = (x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor =>
  scatterWith("scatterAdd", "add", x, dim, index, src);

interface Extreme {
  readonly fn: "amax" | "amin";
  readonly includeSelf: boolean;
}

/** All values that go somewhere, and where: those of `x` first, if they count. */
const arriving = (x: Tensor, src: Tensor, index: Tensor, includeSelf: boolean): [values: Tensor, at: Tensor] =>
  includeSelf ? [cat([x, src]), cat([placesOf(x), index])] : [src, index];

/** The extreme elements among those of flat sources that go to one place, and what stands there. Equal ones share the gradient. */
const extreme = composite<[x: Tensor, src: Tensor, index: Tensor], Extreme>({
  name: "scatterExtreme",
  shape: ([x]) => x,
  dtype: ([dtype]) => dtype,
  decompose: ([x, src, index], { fn, includeSelf }) => {
    const [values, at] = arriving(x, src, index, includeSelf);
    // The last one wins: they are put in order. NaN counts as the largest, also of what is negated for that.
    const upwards = fn === "amax" ? values : isFloat(x.dtype) ? neg(values) : sub(-1, values);
    const order = argsort(upwards);
    return put("set", x, 0, takeOp([at, order], 0), takeOp([values, order], 0));
  },
  saves: ["inputs", "output"],
  vjp: (g, { inputs: [x, src, index], output: y, attrs: { includeSelf } }) => {
    const hits = cast(eq(src, takeOp([y, index], 0)), x.dtype);
    const equal = cast(eq(x, y), x.dtype);
    const own = includeSelf ? equal : put("set", equal, 0, index, mul(hits, 0));
    const share = div(g, put("add", own, 0, index, hits));
    return [mul(own, share), mul(hits, takeOp([share, index], 0)), null];
  },
});

/** The products of flat sources that go to one place, and of what stands there. */
function product(x: Tensor, src: Tensor, index: Tensor, includeSelf: boolean): Tensor {
  const [values, at] = arriving(x, src, index, includeSelf);
  const n = values.numel();
  if (n === 0) return x;
  // In order of their places, every value is multiplied by the one 1, 2, 4, … before it, if that goes to the same place.
  const order = argsort(at);
  const places = takeOp([at, order], 0);
  const from = (t: Tensor, i: number): Tensor => narrow(t, 0, i, n - i);
  const to = (t: Tensor, i: number): Tensor => narrow(t, 0, 0, n - i);
  let y = takeOp([values, order], 0);
  for (let step = 1; step < n; step *= 2) {
    const factor = where(eq(from(places, step), to(places, step)), to(y, step), 1);
    y = cat([narrow(y, 0, 0, step), mul(from(y, step), factor)]);
  }
  // The last one of each place has it all, and the gradient must not reach the others twice.
  const ends = cat([ne(from(places, 1), to(places, 1)), ones([1], { dtype: "bool", backend: x.backend })]);
  return put("set", x, 0, places, cast(where(ends, y, 0), x.dtype));
}

/** Options of `scatterReduce`. */
export interface ScatterReduceOptions {
  /** Whether what stands in a place counts. Default true. */
  readonly includeSelf?: boolean;
}

/** What `scatterReduce` makes of the elements that go to one place. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

/** As `scatter`, with the sum, product, mean, largest or smallest of all elements that go to one place. Equal extremes share the gradient. */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  { includeSelf = true }: ScatterReduceOptions = {},
): Tensor {
  const op = "scatterReduce";
  checkWord(op, "reduction", reduce, ["sum", "prod", "mean", "amax", "amin"]);
  return scope(() => {
    const arrived = arrivals(op, x, dim, index, src);
    const [base, values, at] = [flat(x), flat(arrived.values), flat(arrived.at)];
    const total = (base: Tensor, values: Tensor): Tensor =>
      put("add", includeSelf ? base : put("set", base, 0, at, mul(values, 0)), 0, at, values);
    const reduced = (): Tensor => {
      if (reduce === "amax" || reduce === "amin") return extreme([base, values, at], { fn: reduce, includeSelf });
      if (reduce === "prod") return product(base, values, at, includeSelf);
      const sum = total(base, values);
      if (reduce === "sum") return sum;
      const count = maximum(total(onesLike(base), onesLike(values)), 1);
      return isFloat(x.dtype) ? div(sum, count) : floorDivide(sum, count);
    };
    return reshape(reduced(), x.shape);
  });
}

/** The slices of `source` in the places along `dim` that the int32 `index` (one axis) names. */
function indexWith(op: string, mode: PutMode, x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  const axis = sliceAxis(op, x, dim, index);
  checkSame(op, "source", source.shape, x.shape.with(axis, index.numel()), "give it a slice for every index");
  checkIndex(op, index, x.shape[axis]!, axis);
  return put(mode, x, axis, index, valueLike(op, x, source));
}

/** Options of `indexAdd`. */
export interface IndexAddOptions {
  /** What the source is multiplied by. Default 1. */
  readonly alpha?: number;
}

/** `x` with `alpha · source` added to the slices along `dim` that the int32 `index` (one axis) names. */
export const indexAdd = (
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  { alpha = 1 }: IndexAddOptions = {},
): Tensor => scope(() => indexWith("indexAdd", "add", x, dim, index, alpha === 1 ? source : mul(source, alpha)));

/** `x` with the slices of `source` in place of those along `dim` that the int32 `index` (one axis) names; the last one wins. */
export const indexCopy = (x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor =>
  indexWith("indexCopy", "set", x, dim, index, source);

/** `x` with one value in the slices along `dim` that the int32 `index` (one axis) names, negative numbers from the end. */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: Tensor | number): Tensor {
  const op = "indexFill";
  const axis = sliceAxis(op, x, dim, index);
  return scope(() => {
    const values = expand(scalarLike(op, x, value), x.shape.with(axis, index.numel()));
    return put("set", x, axis, wrapIndex(op, index, x.shape[axis]!, axis), values);
  });
}

import { allocate, type TypedArray } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { floating, type HostArray, hostArray, primitive, sameDType } from "../op.ts";
import { normalizeAxis, sameShape, show, sizeOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { fromTypedArray, full } from "./creation.ts";
import { gather, indexSelect } from "./indexing.ts";
import { reshape, transpose } from "./movement.ts";

const ints = (values: readonly number[], { backend }: Tensor): Tensor =>
  fromTypedArray(Int32Array.from(values), [values.length], "int32", { backend });

/** Options of `uniqueConsecutive`. */
export interface GroupOptions {
  /** Whether to say where in the result each element is. Default false. */
  readonly returnInverse?: boolean;
  /** Whether to say how often each element of the result occurs. Default false. */
  readonly returnCounts?: boolean;
  /** The axis whose slices are compared. Default: the elements of the flattened tensor. */
  readonly dim?: number;
}

/** Options of `unique`. */
export interface UniqueOptions extends GroupOptions {
  /** Whether the result is in order. Default true; it is so in any case. */
  readonly sorted?: boolean;
}

/** What `unique` gives where more than the elements is asked for. */
export interface Unique {
  readonly output: Tensor;
  /** Where in `output` each element is, int32. */
  readonly inverseIndices: Tensor;
  /** How often each element of `output` occurs, int32. */
  readonly counts: Tensor;
}

/** Finds different elements; with `returnInverse` or `returnCounts`, an object with both. */
export interface FindUnique<O extends GroupOptions> {
  (x: Tensor, options?: O & { readonly returnInverse?: false; readonly returnCounts?: false }): Tensor;
  (x: Tensor, options: O): Unique;
}

const grouping = (op: string, inOrder: boolean) =>
  ((x: Tensor, { returnInverse = false, returnCounts = false, dim }: GroupOptions = {}): Tensor | Unique => {
    const axis = dim === undefined ? 0 : normalizeAxis(op, dim, x.ndim);
    return scope(() => {
      const slices = dim === undefined ? reshape(x, [-1]) : x;
      const { values, shape } = hostArray(op, transposed(slices, axis));
      const [n, width] = [shape[0]!, sizeOf(shape.slice(1))];
      const order = [...Array(n).keys()];
      const compare = (a: number, b: number): number => compareRows(values, a * width, b * width, width);
      if (inOrder) order.sort(compare);
      const [firsts, inverse, counts]: [number[], number[], number[]] = [[], new Array(n), []];
      order.forEach((row, i) => {
        if (i === 0 || differ(values, row * width, order[i - 1]! * width, width)) {
          firsts.push(row);
          counts.push(0);
        }
        inverse[row] = firsts.length - 1;
        counts[counts.length - 1]!++;
      });
      const output = indexSelect(slices, axis, ints(firsts, x));
      if (!returnInverse && !returnCounts) return output;
      const inverseIndices = reshape(ints(inverse, x), dim === undefined ? x.shape : [n]);
      return { output, inverseIndices, counts: ints(counts, x) };
    });
  }) as FindUnique<UniqueOptions>;

const transposed = (x: Tensor, axis: number): Tensor => (axis === 0 ? x : transpose(x, 0, axis));

/** The order of two rows by their first different elements, NaN last. */
function compareRows(values: TypedArray, a: number, b: number, width: number): number {
  for (let i = 0; i < width; i++) {
    const [x, y] = [values[a + i]!, values[b + i]!];
    if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) return x < y || Number.isNaN(y) ? -1 : 1;
  }
  return 0;
}

/** Whether rows have different elements; NaN is different from every other. */
function differ(values: TypedArray, a: number, b: number, width: number): boolean {
  for (let i = 0; i < width; i++) if (values[a + i] !== values[b + i]) return true;
  return false;
}

/** The different elements in ascending order, each NaN for itself; or the different slices along `dim`. Reads the elements. */
export const unique: FindUnique<UniqueOptions> = grouping("unique", true);
/** The elements that differ from the one before; or the slices along `dim` that do. Reads the elements. */
export const uniqueConsecutive: FindUnique<GroupOptions> = grouping("uniqueConsecutive", false);

/** Options of `bincount`. */
export interface BincountOptions {
  /** What is added up instead of ones, of the same shape. */
  readonly weights?: Tensor;
  /** The least length of the result. Default 0. */
  readonly minlength?: number;
}

/** How often each of 0, 1, 2, … occurs among int32 elements `[N]`; or the sum of their weights. Reads the elements. */
export function bincount(x: Tensor, { weights, minlength = 0 }: BincountOptions = {}): Tensor {
  const { values, dtype, shape } = hostArray("bincount", x);
  if (dtype !== "int32") throw new DTypeError("bincount", `cannot count ${dtype}`, 'convert it with .to("int32")');
  if (shape.length !== 1) throw new ShapeError("bincount", `expected one axis, got ${show(shape)}`, "flatten() it");
  if (weights !== undefined && !sameShape(weights.shape, shape))
    throw new ShapeError("bincount", `weights ${show(weights.shape)} for elements ${show(shape)}`);
  if (!Number.isInteger(minlength) || minlength < 0)
    throw new ArgumentError("bincount", `minlength must be a non-negative integer, got ${minlength}`);
  const each = weights && hostArray("bincount", weights);
  const totals = new Float64Array((values as Int32Array).reduce((most, value) => Math.max(most, value + 1), minlength));
  values.forEach((value, i) => {
    if (value < 0) throw new ArgumentError("bincount", `cannot count the negative number ${value}`);
    totals[value]! += each?.values[i] ?? 1;
  });
  const sums = allocate(weights === undefined || weights.dtype === "bool" ? "int32" : weights.dtype, totals.length);
  sums.set(totals);
  return fromTypedArray(sums, [sums.length], undefined, { backend: x.backend });
}

/** Options of `histc`. */
export interface HistcOptions {
  /** Default 100. */
  readonly bins?: number;
  /** Default, where it equals `max`: the smallest element. */
  readonly min?: number;
  /** Default, where it equals `min`: the largest element. */
  readonly max?: number;
}

const histcOp = primitive<[x: Tensor], Required<HistcOptions>>({
  name: "histc",
  shape: (_, { bins }) => [bins],
  dtype: floating("histc"),
  host: ([{ values }], { bins, ...range }, [out]) => {
    const counts = allocate(out!.dtype, bins);
    let { min, max } = range;
    if (min === max && values.length > 0)
      [min, max] = (values as Float64Array).reduce(
        ([least, most], v) => [Math.min(least, v), Math.max(most, v)],
        [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      );
    if (min === max) [min, max] = [min - 1, max + 1];
    if (!(min < max && Number.isFinite(min) && Number.isFinite(max)))
      throw new ArgumentError("histc", `there are no bins between ${min} and ${max}`, "give finite min < max");
    for (const v of values)
      if (v >= min && v <= max) counts[Math.min(bins - 1, Math.floor(((v - min) * bins) / (max - min)))]!++;
    return [counts];
  },
  vjp: [null],
});

/** How many elements of a floating tensor lie in each of `bins` intervals of equal width between `min` and `max`. */
export function histc(x: Tensor, { bins = 100, min = 0, max = 0 }: HistcOptions = {}): Tensor {
  if (!Number.isInteger(bins) || bins < 1)
    throw new ArgumentError("histc", `the number of bins must be a positive integer, got ${bins}`);
  return histcOp([x], { bins, min, max });
}

const searchOp = primitive<[sequence: Tensor, values: Tensor], boolean>({
  name: "searchsorted",
  shape: ([sequence, values]) => {
    const rows = sequence.slice(0, -1);
    if (sequence.length === 0 || (rows.length > 0 && !sameShape(rows, values.slice(0, -1))))
      throw new ShapeError(
        "searchsorted",
        `cannot look for ${show(values)} in ${show(sequence)}`,
        "give the sequence one axis, or all axes but the last like those of the values",
      );
    return values;
  },
  dtype: (dtypes) => {
    sameDType("searchsorted", dtypes);
    return "int32";
  },
  host: ([sequence, { values, shape }], right) => [search(sequence, values, shape.at(-1) ?? 1, right)],
  vjp: [null, null],
});

function search({ values: sequence, shape }: HostArray, values: TypedArray, width: number, right: boolean): Int32Array {
  const size = shape.at(-1)!;
  return Int32Array.from(values, (value, i) => {
    const start = shape.length === 1 ? 0 : Math.floor(i / width) * size;
    let [low, high] = [0, size];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = sequence[start + middle]!;
      if (right ? at > value : at >= value) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** Options of `searchsorted`. */
export interface SearchOptions {
  /** Whether the place is behind elements that are equal. Default false: before them. */
  readonly right?: boolean;
  /** The same in a word. */
  readonly side?: "left" | "right";
  /** The int32 positions that bring the sequence into order, if it is not. */
  readonly sorter?: Tensor;
}

/** The int32 places in an ascending sequence, or in the rows of several, at which values would keep it in order. */
export function searchsorted(
  sequence: Tensor,
  values: Tensor | number,
  { side, right = side === "right", sorter }: SearchOptions = {},
): Tensor {
  if (right && side === "left")
    throw new ArgumentError("searchsorted", 'right: true contradicts side: "left"', "give one of them");
  return scope(() =>
    searchOp(
      [
        sorter === undefined ? sequence : gather(sequence, -1, sorter),
        values instanceof Tensor ? values : full([], values, { dtype: sequence.dtype, backend: sequence.backend }),
      ],
      right,
    ),
  );
}

/** For values, the int32 numbers of the intervals between ascending boundaries: `right` says to which one a boundary belongs. */
export function bucketize(
  values: Tensor | number,
  boundaries: Tensor,
  { right = false }: Pick<SearchOptions, "right"> = {},
): Tensor {
  if (boundaries.ndim !== 1)
    throw new ShapeError("bucketize", `the boundaries must have one axis, got ${show(boundaries.shape)}`);
  return searchsorted(boundaries, values, { right });
}

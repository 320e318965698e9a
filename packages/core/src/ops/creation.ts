import { type Backend, getBackend } from "../backend.ts";
import { allocate, DTYPES, type DType, dtypeOf, isArrayOf } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { checkShape, type Shape, show, sizeOf } from "../shape.ts";
import { make, Tensor } from "../tensor.ts";

/** Options of every function that creates a tensor. */
export interface TensorOptions {
  /** Default: float32, or that of a typed array. */
  readonly dtype?: DType;
  /** Whether `backward()` collects a gradient. Default false. */
  readonly requiresGrad?: boolean;
  /** Default: the current backend. */
  readonly backend?: Backend;
}

type NumericArray = ArrayLike<number | bigint> & ArrayBufferView;
/** Values that become a tensor: a number, or arrays nested to one shape, of which the innermost may be typed. */
export type TensorLike = number | boolean | NumericArray | readonly TensorLike[];

/**
 * A tensor of the given values. Numbers become float32, booleans alone bool; typed arrays keep their dtype (those of small integers become
 * int32). Throws a ShapeError that names the place where nested arrays are ragged.
 */
export function tensor(values: TensorLike, options: TensorOptions = {}): Tensor {
  if (ArrayBuffer.isView(values)) {
    const flat = values as unknown as NumericArray;
    return fromValues(flat, [flat.length], options.dtype ?? dtypeOf(flat), options);
  }
  const shape: number[] = [];
  let first: unknown = values;
  for (; isRow(first); first = first[0]) {
    shape.push(first.length);
    if (ArrayBuffer.isView(first)) break;
  }
  const flat: Scalar[] = [];
  flatten(values, shape, 0, flat, []);
  const plain = flat.length > 0 && flat.every((value) => typeof value === "boolean") ? "bool" : "float32";
  const dtype = options.dtype ?? (ArrayBuffer.isView(first) ? dtypeOf(first) : plain);
  return fromValues(flat.map(Number), shape, dtype, options);
}

type Scalar = number | bigint | boolean;

const isRow = (values: unknown): values is ArrayLike<unknown> => Array.isArray(values) || ArrayBuffer.isView(values);

function flatten(values: unknown, shape: Shape, axis: number, out: Scalar[], at: readonly number[]): void {
  if (axis === shape.length) {
    if (!["number", "bigint", "boolean"].includes(typeof values))
      throw new ShapeError(
        "tensor",
        `expected a number at [${at}], got ${isRow(values) ? "an array" : values instanceof Tensor ? "a tensor" : typeof values}`,
        values instanceof Tensor ? "join tensors with stack()" : "make all rows equally deep",
      );
    out.push(values as Scalar);
    return;
  }
  if (!isRow(values) || values.length !== shape[axis])
    throw new ShapeError(
      "tensor",
      `the nested arrays are ragged: [${at}] has ${isRow(values) ? `${values.length} elements` : "no elements"}, the first row of its kind ${shape[axis]}`,
      "make all rows equally long",
    );
  for (let i = 0; i < values.length; i++) flatten(values[i], shape, axis + 1, out, [...at, i]);
}

function fromValues(values: ArrayLike<number | bigint>, shape: Shape, dtype: DType, options: TensorOptions): Tensor {
  checkDType("tensor", dtype);
  const elements = allocate(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    elements[i] = dtype === "bool" ? (value === 0 ? 0 : 1) : value;
    if (dtype === "int32" && elements[i] !== Math.trunc(value))
      throw new DTypeError("tensor", `${value} does not fit into int32`, 'use dtype: "float64"');
  }
  return fromTypedArray(elements, shape, dtype, options);
}

/**
 * A tensor of the given shape (default: one axis) over a copy of `elements`. The dtype is that of the array (of small integers int32);
 * elements that are not the typed array of `dtype` are converted.
 */
export function fromTypedArray(
  elements: NumericArray,
  shape: Shape = [elements.length],
  dtype: DType = dtypeOf(elements),
  options: TensorOptions = {},
): Tensor {
  if (sizeOf(shape) !== elements.length)
    throw new ShapeError(
      "fromTypedArray",
      `${elements.length} elements do not fill ${show(shape)}`,
      `pass ${sizeOf(shape)} elements or another shape`,
    );
  checkDType("tensor", dtype);
  if (!isArrayOf(dtype, elements)) return fromValues(elements, shape, dtype, options);
  const backend = backendFor("tensor", dtype, options);
  return finish(make(backend, backend.upload(elements, { shape, dtype }), { shape, dtype }), options);
}

/** A tensor of which every element is `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const spec = { shape: checkShape("full", shape), dtype: options.dtype ?? "float32" };
  const backend = backendFor("full", spec.dtype, options);
  return finish(make(backend, backend.fill(value, spec), spec), options);
}

/** A tensor of zeros. */
export const zeros = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 0, options);
/** A tensor of ones. */
export const ones = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 1, options);
/** A tensor with shape, dtype and backend of `x` in which every element is `value`. */
export const fullLike = (x: Tensor, value: number, options?: TensorOptions): Tensor =>
  full(x.shape, value, { dtype: x.dtype, backend: x.backend, ...options });
/** A tensor whose elements mean nothing yet. Tensors are immutable, so that there is little use for it; the elements are zeros. */
export const empty = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 0, options);
/** A tensor with shape, dtype and backend of `x` whose elements mean nothing yet: zeros. */
export const emptyLike = (x: Tensor, options?: TensorOptions): Tensor => fullLike(x, 0, options);
/** Zeros with shape, dtype and backend of `x`. */
export const zerosLike = (x: Tensor, options?: TensorOptions): Tensor => fullLike(x, 0, options);
/** Ones with shape, dtype and backend of `x`. */
export const onesLike = (x: Tensor, options?: TensorOptions): Tensor => fullLike(x, 1, options);

/** The numbers `start, start + step, …` below `end`; `arange(n)` counts from 0. int32 where all three are integers. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (step === 0 || !Number.isFinite((to - from) / step) || (to - from) / step < 0)
    throw new ShapeError(
      "arange",
      `no sequence leads from ${from} to ${to} in steps of ${step}`,
      "let the sign of step point to the end",
    );
  const dtype = options.dtype ?? ([from, to, step].every(Number.isInteger) ? "int32" : "float32");
  const values = allocate(dtype, Math.ceil((to - from) / step));
  for (let i = 0; i < values.length; i++) values[i] = from + i * step;
  return fromTypedArray(values, [values.length], dtype, options);
}

/** `steps` numbers evenly spaced from `start` to `end`, both included. */
export const linspace = (start: number, end: number, steps: number, options: TensorOptions = {}): Tensor =>
  spaced("linspace", start, end, steps, (x) => x, options);

/** Options of `logspace`. */
export interface LogspaceOptions extends TensorOptions {
  /** Default 10. */
  readonly base?: number;
}

/** Powers of `base` whose `steps` exponents are evenly spaced from `start` to `end`, both included. */
export const logspace = (
  start: number,
  end: number,
  steps: number,
  { base = 10, ...options }: LogspaceOptions = {},
): Tensor => spaced("logspace", start, end, steps, (x) => base ** x, options);

function spaced(
  op: string,
  start: number,
  end: number,
  steps: number,
  map: (x: number) => number,
  options: TensorOptions,
): Tensor {
  const [count] = checkShape(op, [steps]) as [number];
  const dtype = options.dtype ?? "float32";
  const values = allocate(dtype, count);
  for (let i = 0; i < count; i++)
    values[i] = map(i === 0 ? start : i === count - 1 ? end : start + ((end - start) * i) / (count - 1));
  return fromTypedArray(values, [count], dtype, options);
}

/** The identity matrix `[n, m]` (default square). */
export function eye(n: number, m = n, options: TensorOptions = {}): Tensor {
  const shape = checkShape("eye", [n, m]);
  const dtype = options.dtype ?? "float32";
  const values = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1;
  return fromTypedArray(values, shape, dtype, options);
}

function backendFor(op: string, dtype: DType, { backend = getBackend() }: TensorOptions): Backend {
  checkDType(op, dtype);
  if (!backend.dtypes.includes(dtype))
    throw new DTypeError(op, `backend "${backend.name}" has no ${dtype}`, `use one of ${backend.dtypes.join(", ")}`);
  return backend;
}

function checkDType(op: string, dtype: DType): void {
  if (!DTYPES.includes(dtype)) throw new DTypeError(op, `unknown dtype "${dtype}"`, `use one of ${DTYPES.join(", ")}`);
}

function finish(x: Tensor, { requiresGrad = false }: TensorOptions): Tensor {
  if (requiresGrad) x.requiresGrad = true;
  return x;
}

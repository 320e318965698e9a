import type { DType, TypedArray } from "./dtype.ts";
import { ArgumentError, BackendError } from "./errors.ts";
import type { Shape, View } from "./shape.ts";

/** Shape and dtype of a tensor, without its values. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a kernel reads: contiguous, row-major elements under a backend's own kind of handle. */
export interface Operand<H = unknown> extends Spec {
  readonly handle: H;
}

/** Element by element, the result has the dtype of the operand. NaN stays NaN, but for `sign`, which gives 0; `round` goes to even. */
export type UnaryFn =
  | "neg"
  | "abs"
  | "sign"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "exp2"
  | "log2"
  | "log10"
  | "sqrt"
  | "rsqrt"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "sigmoid"
  | "erf"
  | "erfc"
  | "erfinv"
  | "relu"
  | "floor"
  | "ceil"
  | "round"
  | "trunc";

/**
 * Both operands have one dtype, which is also the result's. `maximum` and `minimum` hand on NaN. Integers are divided towards zero, and
 * `div` and `fmod` by zero give 0; `fmod` has the sign of the first operand.
 */
export type ArithmeticFn = "add" | "sub" | "mul" | "div" | "pow" | "maximum" | "minimum" | "fmod" | "atan2";
/** Both operands have one dtype; the result is bool. */
export type ComparisonFn = "eq" | "ne" | "lt" | "le" | "gt" | "ge";
/** Operands and result are bool. */
export type LogicalFn = "and" | "or" | "xor";
export type BinaryFn = ArithmeticFn | ComparisonFn | LogicalFn;

/** `max` and `min` hand on NaN; over bool they are any and all. */
export type ReduceFn = "sum" | "max" | "min";
/** The index of the first extreme element, or of the first NaN. */
export type ArgReduceFn = "argmax" | "argmin";
/** Running totals along an axis; `max` and `min` hand on NaN. */
export type ScanFn = "sum" | "prod" | "max" | "min";
/** What `put` does where an element already stands. */
export type PutMode = "set" | "add";

/**
 * A kernel that computes a whole composite op: operands in the order of the op's inputs, one handle per output. It may decline a call
 * with `null` (of a dtype that it does not know, say): then the op is computed in terms of others.
 */
export type FusedKernel<H = unknown> = FusedMethod<H>["kernel"];

// A method's parameters are bivariant, so that a backend with handles of its own kind is a `Backend`.
interface FusedMethod<H> {
  kernel(operands: readonly (Operand<H> | number | null)[], attrs: never, out: readonly Spec[]): readonly H[] | null;
}

/** The composites that a backend may answer with a kernel of its own. Their definitions say what they compute, from what. */
export type FusedName =
  | "linear"
  | "linearRelu"
  | "linearWeightGrad"
  | "conv2d"
  | "conv2dInputGrad"
  | "conv2dWeightGrad"
  | "maxPool2d"
  | "maxPool2dInputGrad"
  | "avgPool2d"
  | "avgPool2dInputGrad"
  | "batchNorm"
  | "batchNormGrad"
  | "layerNorm"
  | "layerNormGrad"
  | "reluGrad"
  | "tanhGrad"
  | "sigmoidGrad"
  | "gelu"
  | "geluGrad"
  | "silu"
  | "siluGrad"
  | "softmax"
  | "softmaxGrad"
  | "logSoftmax"
  | "logSoftmaxGrad"
  | "softmaxCrossEntropy"
  | "softmaxCrossEntropyGrad"
  | "mseLoss"
  | "mseLossGrad"
  | "dropout"
  | "elementwiseProgram";

/**
 * What a device has to offer: storage, about a dozen kernel families, and optional fused kernels.
 *
 * Every call enqueues and returns a handle at once; only `read` waits. Kernels see operands, attributes and the spec of the result,
 * never tensors, the tape or gradients. Shapes and dtypes have been checked before. A number in place of an operand is a scalar that
 * changes between calls (a learning rate, say): it is already rounded to the other operand's dtype and never a key to specialise on.
 * When a kernel throws, its outputs and scratch are freed and everything that existed is still right.
 */
export interface Backend<H = unknown> {
  readonly name: string;
  /** The element types that storages may have. */
  readonly dtypes: readonly DType[];
  /** Whether `download` works, and `take` and `put` reject an index out of range at the call. */
  readonly synchronous: boolean;
  readonly fused?: Readonly<Partial<Record<FusedName, FusedKernel<H>>>>;

  /** Copies elements of the spec's dtype to the device. */
  upload(values: TypedArray, spec: Spec): H;
  /** Copies elements to the host. Throws where the device cannot be waited for. */
  download(x: Operand<H>): TypedArray;
  /** Copies elements to the host once the device has computed them. */
  read(x: Operand<H>): Promise<TypedArray>;
  /** Called once per handle, when its last owner is gone. */
  free(handle: H): void;

  fill(value: number, out: Spec): H;
  /** Towards zero to int32, `≠ 0` to bool. */
  cast(x: Operand<H>, out: Spec): H;
  unary(fn: UnaryFn, x: Operand<H>, out: Spec): H;
  /** The operands broadcast to `out.shape`; at most one of them is a number. */
  binary(fn: BinaryFn, a: Operand<H> | number, b: Operand<H> | number, out: Spec): H;
  /** `condition ? a : b`, all of them broadcast to `out.shape`. */
  select(condition: Operand<H>, a: Operand<H> | number, b: Operand<H> | number, out: Spec): H;
  /** `out.shape` may or may not keep the reduced axes (ascending) as size 1; no element at all gives the sum 0. */
  reduce(fn: ReduceFn, x: Operand<H>, axes: readonly number[], out: Spec): H;
  /** The result is int32. */
  argReduce(fn: ArgReduceFn, x: Operand<H>, axis: number, out: Spec): H;
  /** `a · b` over the last two axes, either transposed first; both have the same rank ≥ 2 and leading axes broadcast. */
  matmul(a: Operand<H>, b: Operand<H>, transposeA: boolean, transposeB: boolean, out: Spec): H;
  /** `out[i] = x[view(i)]`. */
  gatherView(x: Operand<H>, view: View, out: Spec): H;
  /** `out = 0; out[view(i)] += x[i]`: the adjoint of `gatherView`. */
  scatterView(x: Operand<H>, view: View, out: Spec): H;
  /** `out[o, m, i] = x[o, index[m], i]`, where `axis` of `x` gives way to the axes of the int32 `index`. */
  take(x: Operand<H>, index: Operand<H>, axis: number, out: Spec): H;
  /** `out = base; out[o, index[m], i] = (or +=) values[o, m, i]`, the adjoint of `take`; later writes win. A number as base fills. */
  put(mode: PutMode, base: Operand<H> | number, index: Operand<H>, values: Operand<H>, axis: number, out: Spec): H;
  /** Stable; values and int32 indices. NaN counts as the largest. */
  sort(x: Operand<H>, axis: number, descending: boolean): readonly [values: H, indices: H];
  scan(fn: ScanFn, x: Operand<H>, axis: number, reverse: boolean, out: Spec): H;
  concat(xs: readonly Operand<H>[], axis: number, out: Spec): H;
}

let current: Backend | null = null;

/** Makes `backend` the one on which new tensors are created. */
export const setBackend = (backend: Backend): void => {
  current = backend;
};

/** The backend on which new tensors are created. */
export const getBackend = (): Backend => {
  if (current === null)
    throw new BackendError(
      "getBackend",
      "no backend is set",
      'call setBackend(cpu()) first, or import "descent", which does',
    );
  return current;
};

/** Whether new tensors are created on `backend`. */
export const isCurrent = (backend: Backend): boolean => backend === current;

/** Runs a synchronous `fn` with `backend` as the one on which new tensors are created. */
export function withBackend<T>(backend: Backend, fn: () => T): T {
  const before = current;
  if (before === backend) return rejectPromise("withBackend", fn());
  current = backend;
  try {
    return rejectPromise("withBackend", fn());
  } finally {
    current = before;
  }
}

/** Throws where a function whose effect ends with its call returned a promise. */
export function rejectPromise<T>(op: string, result: T): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === "function")
    throw new ArgumentError(
      op,
      "the function returned a promise, and the effect of the call ends before it settles",
      "pass a synchronous function and await outside of it",
    );
  return result;
}

import { type DType, detach, fromTypedArray, Tensor, type TensorOptions, type TypedArray } from "@descent/core";

/** A tensor as plain data. */
export interface PackedTensor {
  readonly $tensor: { readonly shape: readonly number[]; readonly dtype: DType; readonly data: TypedArray };
}

/** Checkpoints, or whatever holds tensors, with plain data in their place: for `postMessage` and `structuredClone`. */
export async function packTensors(value: unknown): Promise<unknown> {
  const tensors = new Map<Tensor, PackedTensor>();
  mapped(value, (x) => tensors.set(x, UNREAD));
  for (const x of tensors.keys()) tensors.set(x, { $tensor: { shape: x.shape, dtype: x.dtype, data: await x.data() } });
  return mapped(value, (x) => tensors.get(x)!);
}

/** What `packTensors` got, with new tensors on the current backend, or on that of the options. */
export const unpackTensors = (packed: unknown, { backend }: Pick<TensorOptions, "backend"> = {}): unknown => {
  if (isPacked(packed)) {
    const { shape, dtype, data } = packed.$tensor;
    return fromTypedArray(data, shape, dtype, backend && { backend });
  }
  return inside(packed, (x) => unpackTensors(x, backend && { backend }));
};

/** @internal A copy that shares nothing that changes: of tensors the present value, of lists and plain objects all that is in them. */
export const snapshot = (value: unknown): unknown => mapped(value, detach);

const UNREAD = null as unknown as PackedTensor;

function mapped(value: unknown, fn: (x: Tensor) => unknown): unknown {
  return value instanceof Tensor ? fn(value) : inside(value, (x) => mapped(x, fn));
}

/** A container with other contents; a typed array as a copy. What is neither is itself. */
function inside(value: unknown, fn: (x: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(fn);
  if (ArrayBuffer.isView(value)) return "slice" in value ? (value as TypedArray).slice() : value;
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, x]) => [name, fn(x)]));
}

const isPacked = (value: unknown): value is PackedTensor => isPlainObject(value) && "$tensor" in value;

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

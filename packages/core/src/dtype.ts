/** The element types, from the one that gives way to the one that wins in mixed arithmetic. */
export const DTYPES = ["bool", "int32", "float32", "float64"] as const;

/** The type of a tensor's elements; `float32` is the default, `bool` is stored as 0 and 1. */
export type DType = (typeof DTYPES)[number];

/** The typed array that holds the elements of each dtype on the host. */
export interface TypedArrays {
  bool: Uint8Array;
  int32: Int32Array;
  float32: Float32Array;
  float64: Float64Array;
}
/** Elements on the host. */
export type TypedArray<D extends DType = DType> = TypedArrays[D];

const CONSTRUCTORS = { bool: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** A zero-filled typed array of `length` elements. */
export const allocate = <D extends DType>(dtype: D, length: number): TypedArray<D> =>
  new CONSTRUCTORS[dtype](length) as TypedArray<D>;

/** Whether `values` is the typed array that holds elements of the dtype. */
export const isArrayOf = <D extends DType>(dtype: D, values: ArrayBufferView): values is TypedArray<D> =>
  values instanceof CONSTRUCTORS[dtype];

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => CONSTRUCTORS[dtype].BYTES_PER_ELEMENT;

/** Whether gradients can flow through elements of this type. */
export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "float64";

/** The dtype of mixed arithmetic between tensors: the later one in `bool, int32, float32, float64`. */
export const promote = (a: DType, b: DType): DType => (a === b || DTYPES.indexOf(a) > DTYPES.indexOf(b) ? a : b);

/** The dtype of arithmetic with a JavaScript number, which gives way to the tensor unless it would lose its fraction. */
export const promoteNumber = (dtype: DType, value: number): DType => {
  if (isFloat(dtype)) return dtype;
  if (!Number.isInteger(value)) return "float32";
  return dtype === "bool" && value !== 0 && value !== 1 ? "int32" : dtype;
};

/** The floating type in which a division or transcendental function of `dtype` is computed. */
export const toFloat = (dtype: DType): DType => (isFloat(dtype) ? dtype : "float32");

/** The dtype that a typed array keeps when it becomes a tensor: arrays of small integers become int32. */
export const dtypeOf = (values: ArrayBufferView): DType =>
  values instanceof Float32Array ? "float32" : values instanceof Float64Array ? "float64" : "int32";

import type { TypedArray } from "../dtype.ts";
import { hostArray } from "../op.ts";
import { stridesOf } from "../shape.ts";
import { mixedBackends, type Tensor } from "../tensor.ts";
import { fromTypedArray } from "./creation.ts";

/** Options of `nonzero`. */
export interface NonzeroOptions {
  /** Whether the result is one index tensor per axis, which indexing takes, instead of a row per element. Default false. */
  readonly asTuple?: boolean;
}

/**
 * Where `x` is true, or not zero, in row-major order: int32 `[count, axes]`, or one `[count]` per axis with `asTuple`, where a scalar
 * counts as having one axis. Waits for the values.
 */
export function nonzero(x: Tensor, options: { readonly asTuple: true }): readonly Tensor[];
export function nonzero(x: Tensor, options?: { readonly asTuple?: false }): Tensor;
export function nonzero(x: Tensor, { asTuple = false }: NonzeroOptions = {}): Tensor | readonly Tensor[] {
  const found = flatNonzero("nonzero", x);
  const shape = asTuple && x.ndim === 0 ? [1] : x.shape;
  const strides = stridesOf(shape);
  const along = (at: number, axis: number): number => Math.floor(at / strides[axis]!) % shape[axis]!;
  const int = (values: Int32Array, of: readonly number[]): Tensor =>
    fromTypedArray(values, of, "int32", { backend: x.backend });
  const [count, rank] = [found.length, shape.length];
  if (asTuple)
    return shape.map((_, axis) =>
      int(
        found.map((at) => along(at, axis)),
        [count],
      ),
    );
  const rows = new Int32Array(count * rank).map((_, i) => along(found[Math.floor(i / rank)]!, i % rank));
  return int(rows, [count, rank]);
}

/** Where `x` is true, or not zero: int32 `[count, axes]`, as `nonzero`. */
export const argwhere = (x: Tensor): Tensor => nonzero(x);

/** @internal The elements of a tensor that says what becomes of `x`, and has to live beside it. */
export function readBeside(op: string, x: Tensor, other: Tensor): TypedArray {
  if (other.backend !== x.backend) throw mixedBackends(op, x.backend, other.backend);
  return hostArray(op, other).values;
}

/** @internal The places in the flattened mask of `x` that are true, or not zero. NaN is not zero. */
export function flatNonzero(op: string, x: Tensor, mask = x): Int32Array {
  const found: number[] = [];
  readBeside(op, x, mask).forEach((value, at) => {
    if (value !== 0) found.push(at);
  });
  return Int32Array.from(found);
}

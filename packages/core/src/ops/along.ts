import { scope } from "../memory.ts";
import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { arange } from "./creation.ts";
import { reshape } from "./movement.ts";
import type { Selected } from "./running.ts";

/** @internal What `fn` makes of a tensor along an axis. As in PyTorch, a scalar counts as having one, which its results then lack. */
export function alongAxis<T extends readonly Tensor[]>(
  op: string,
  x: Tensor,
  dim: number,
  fn: (x: Tensor, axis: number) => T,
): T {
  const axis = normalizeAxis(op, dim, Math.max(x.ndim, 1));
  return scope(() =>
    x.ndim > 0 ? fn(x, axis) : (fn(reshape(x, [1]), axis).map((y) => reshape(y, [])) as readonly Tensor[] as T),
  );
}

/** @internal What `alongAxis` makes two of. */
export function selectAlong(
  op: string,
  x: Tensor,
  dim: number,
  fn: (x: Tensor, axis: number) => readonly Tensor[],
): Selected {
  const [values, indices] = alongAxis(op, x, dim, fn);
  return { values: values!, indices: indices! };
}

/** @internal The numbers `0 … n−1` along an axis of `x`, int32, in a tensor of size 1 along the others. */
export const positions = ({ shape, backend }: Tensor, axis: number): Tensor =>
  reshape(
    arange(0, shape[axis]!, 1, { backend }),
    shape.map((size, i) => (i === axis ? size : 1)),
  );

import { scope } from "../memory.ts";
import { normalizeAxis, type Shape } from "../shape.ts";
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

/** @internal The numbers `0 … n−1`, int32, beside a tensor. */
export const countTo = (n: number, { backend }: Tensor): Tensor => arange(0, n, 1, { backend });

/** @internal The shape of `n` elements along an axis, of size 1 along the others. */
export const alone = (n: number, axis: number, shape: Shape): Shape => shape.map((_, i) => (i === axis ? n : 1));

/** @internal The numbers `0 … n−1` along an axis of `x`, int32, in a tensor of size 1 along the others. */
export const positions = (x: Tensor, axis: number): Tensor => {
  const n = x.shape[axis]!;
  return reshape(countTo(n, x), alone(n, axis, x.shape));
};

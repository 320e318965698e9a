import { scope } from "../memory.ts";
import { reducedAxes, reducedShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { asNumber } from "./cast.ts";
import { add, mul } from "./elementwise.ts";
import { cat } from "./join.ts";
import { clone, narrow, reshape } from "./movement.ts";
import { type ReduceOptions, sum } from "./sum.ts";

/**
 * The product over `dim` (default: all axes), 1 of nothing. bool counts as int32.
 *
 * It multiplies halves by halves, so that its gradient, to any order, is made of products and right where elements are zero.
 */
export const prod = (x: Tensor, dim?: number | readonly number[], { keepdim = false }: ReduceOptions = {}): Tensor =>
  scope(() => {
    const axes = reducedAxes("prod", dim, x.ndim);
    const y = reshape(axes.reduce(multiply, asNumber(x)), reducedShape(x.shape, axes, keepdim));
    return y === x ? clone(x) : y;
  });

function multiply(x: Tensor, axis: number): Tensor {
  if (x.shape[axis] === 0) return add(sum(x, axis, { keepdim: true }), 1);
  let y = x;
  for (let n = x.shape[axis]!; n > 1; n = y.shape[axis]!) {
    const half = n >> 1;
    const product = mul(narrow(y, axis, 0, half), narrow(y, axis, half, half));
    y = n % 2 === 0 ? product : cat([product, narrow(y, axis, n - 1, 1)], axis);
  }
  return y;
}

import { scope } from "../memory.ts";
import { floating } from "../op.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { noGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { countTo } from "./along.ts";
import { where } from "./elementwise.ts";
import { reshape, unsqueeze } from "./movement.ts";
import { type AvgWindow, avgPool2d, isWinner, maxPool2d, pooledShape, seen } from "./pool.ts";
import { sum } from "./sum.ts";
import { planes, type Window } from "./windows.ts";

// Windows are products of intervals, so that three axes can be pooled as planes first and then along what is left. The first of equal
// elements stays the first.

type Pool<W> = (images: Tensor, window: W) => Tensor;

/** Pools `[N, C, …]` over one, two or three axes with what pools images; `rest` is the window of the last step. */
function pooled<W extends Window<Shape>>(op: string, x: Tensor, window: W, pool: Pool<W & Window>, rest: W): Tensor {
  const n = window.kernel.length;
  if (n === 2) return pool(x, window as W & Window);
  const shape = pooledShape(`${op}${n}d`, x.shape, window);
  return scope(() => {
    const images = planes(window, -2, -1);
    if (n === 1) return reshape(pool(unsqueeze(x, 2), images), shape);
    const [batch, c, d, ...plane] = x.shape as [number, number, number, ...number[]];
    const flat = pool(reshape(x, [batch, c * d, ...plane]), images);
    return reshape(pool(reshape(flat, [batch, c, d, shape[3]! * shape[4]!]), planes(rest, 0, 3)), shape);
  });
}

/**
 * The largest element of each window of `[N, C, …]` over one, two or three axes, as many as the kernel has. The first of equal ones
 * takes the gradient.
 */
export const maxPool = (x: Tensor, window: Window<Shape>): Tensor => pooled("maxPool", x, window, maxPool2d, window);

/** The mean of each window of `[N, C, …]` over one, two or three axes, as many as the kernel has. */
export function avgPool(x: Tensor, window: AvgWindow<Shape>): Tensor {
  floating(`avgPool${window.kernel.length}d`)([x.dtype]);
  const rest = window.divisorOverride === null ? window : { ...window, divisorOverride: 1 };
  return pooled("avgPool", x, window, avgPool2d, rest);
}

/** Where the largest element of each window stands in the flattened axes: the int32 places of what `maxPool` takes. */
export function maxPoolIndices(x: Tensor, window: Window<Shape>): Tensor {
  pooledShape(`maxPool${window.kernel.length}d`, x.shape, window);
  const size = x.shape.slice(2);
  return noGrad(() =>
    scope(() => {
      const places = reshape(countTo(sizeOf(size), x), [1, 1, ...size]);
      return sum(where(isWinner(x, window), seen(places, window), 0), -1);
    }),
  );
}

import { scope } from "../memory.ts";
import { floating } from "../op.ts";
import { type Shape, sizeOf, stridesOf, type View } from "../shape.ts";
import { noGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { arange } from "./creation.ts";
import { add, mul } from "./elementwise.ts";
import { takeOp } from "./indexing.ts";
import { gatherView, padZeros, reshape, unsqueeze } from "./movement.ts";
import { pad } from "./pad.ts";
import { type AvgWindow, avgPool2d, maxPool2d, pooledShape } from "./pool.ts";
import { argmax } from "./reduce.ts";
import { frameOf, type Pair, type Window } from "./windows.ts";

// Windows are products of intervals, so that three axes can be pooled as planes first and then along what is left. The first of equal
// elements stays the first.

type Pool<W> = (images: Tensor, window: W) => Tensor;

/** The window over two axes of many; an axis that is `undefined` is not pooled. */
function part<W extends Window<Shape>>(window: W, i: number, j: number): W & Window {
  const two = (sizes: Shape, filler: number): Pair => [sizes[i] ?? filler, sizes[j] ?? filler];
  const { kernel, stride, padding, dilation } = window;
  return {
    ...window,
    kernel: two(kernel, 1),
    stride: two(stride, 1),
    padding: two(padding, 0),
    dilation: two(dilation, 1),
  };
}

/** Pools `[N, C, …]` over one, two or three axes with what pools images; `rest` is the window of the last step. */
function pooled<W extends Window<Shape>>(op: string, x: Tensor, window: W, pool: Pool<W & Window>, rest: W): Tensor {
  const n = window.kernel.length;
  if (n === 2) return pool(x, window as W & Window);
  const shape = pooledShape(`${op}${n}d`, x.shape, window);
  return scope(() => {
    if (n === 1) return reshape(pool(unsqueeze(x, 2), part(window, -1, 0)), shape);
    const [batch, c, d, h, w] = x.shape as [number, number, number, number, number];
    const planes = pool(reshape(x, [batch, c * d, h, w]), part(window, 1, 2));
    return reshape(pool(reshape(planes, [batch, c, d, shape[3]! * shape[4]!]), part(rest, 0, -1)), shape);
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
  const { backend } = x;
  const [batch, c, ...count] = pooledShape(`maxPool${window.kernel.length}d`, x.shape, window) as [number, number];
  const frame = frameOf(x.shape, window, count);
  const [length, width] = [sizeOf(count), sizeOf(window.kernel)];
  return noGrad(() =>
    scope(() => {
      const sides = frame.toReversed().flat();
      const image = pad(x, sides, { value: Number.NEGATIVE_INFINITY });
      const seen = gatherView([image], windows(image.shape, window, count));
      const winner = argmax(reshape(seen, [batch, c, length, width]), -1);
      const size = x.shape.slice(2);
      const places = padZeros(reshape(arange(0, sizeOf(size), 1, { backend }), [1, 1, ...size]), frame);
      const table = gatherView([places], windows(places.shape, window, count));
      const rows = mul(arange(0, length, 1, { backend }), width);
      return reshape(takeOp([reshape(table, [-1]), add(winner, rows)], 0), [batch, c, ...count]);
    }),
  );
}

/** What each window sees of framed images: `[N, C, …positions, …kernel]`. */
function windows(image: Shape, { kernel, stride, dilation }: Window<Shape>, count: Shape): View {
  const [batch, channel, ...steps] = stridesOf(image) as [number, number, ...number[]];
  return {
    shape: [image[0]!, image[1]!, ...count, ...kernel],
    strides: [batch, channel, ...steps.map((step, i) => step * stride[i]!), ...steps.map((s, i) => s * dilation[i]!)],
    offset: 0,
  };
}

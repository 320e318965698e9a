import { type AvgWindow, type Block, type Operand, type Shape, type Spec, sizeOf, type Window } from "@descent/core";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { lazy } from "./lazy.ts";
import { defineAverageGrad } from "./pool2d/average.ts";
import { defineForward } from "./pool2d/forward.ts";
import { type PoolName, sizesOf } from "./pool2d/geometry.ts";
import { defineHalving } from "./pool2d/halving.ts";
import { defineMaxGrad } from "./pool2d/max-grad.ts";

type X = Operand<Block>;
type Out = readonly [out: Spec];

/** `maxPool2d, avgPool2d` and their gradients in float32. */
export function pooling(
  runtime: Runtime,
): Pick<FusedKernels, "maxPool2d" | "maxPool2dInputGrad" | "avgPool2d" | "avgPool2dInputGrad"> {
  const kernels = lazy(() =>
    runtime.compile<PoolName>((m) => {
      defineForward(m);
      defineMaxGrad(m);
      defineAverageGrad(m);
      defineHalving(m);
    }),
  );

  /** Runs a kernel over planes, each of which takes `cost` nanoseconds, with so many floats of scratch memory for every thread. */
  const launch = (
    name: PoolName,
    operands: readonly X[],
    out: Spec,
    cost: number,
    floats: number,
    integers: readonly number[],
    divisor: readonly number[] = [],
  ): readonly Block[] => {
    const blocks = operands.map((x) => x.handle);
    return runtime.run(name, blocks, [bytesOf(out)], 4 * floats, (from, [to], scratch) => {
      const planes = sizeOf(out.shape.slice(0, 2));
      runtime.launch(kernels()[name], planes, cost, [...from, to!, ...integers], divisor, scratch);
    });
  };

  /** An average, or its gradient. Scratch memory has a row with a frame, and the sizes of the windows in a row, in vectors. */
  function average(name: PoolName, operands: readonly X[], image: Shape, result: Shape, window: AvgWindow, out: Spec) {
    if (out.dtype !== "float32") return null;
    const { values, framedWidth } = sizesOf(image, result, window);
    const integers = [...values, Number(window.countIncludePad)];
    const divisor = window.divisorOverride ?? Number.NaN;
    const cost = costOf(image, result, window);
    return launch(name, operands, out, cost, framedWidth + result[3]! + 4, integers, [divisor]);
  }

  return {
    maxPool2d([x]: readonly [X], window: Window, [out]: Out) {
      if (out.dtype !== "float32") return null;
      const [image, result] = [x.shape, out.shape];
      const { values, framedWidth } = sizesOf(image, result, window);
      return isHalving(window, image, result)
        ? launch("halve", [x], out, sizeOf(result.slice(2)), 0, values.slice(0, 4))
        : launch("maxPool", [x], out, costOf(image, result, window), framedWidth, values);
    },

    maxPool2dInputGrad([g, x]: readonly [X, X], window: Window, [out]: Out) {
      if (out.dtype !== "float32") return null;
      const windows = sizeOf(g.shape.slice(2));
      const { values, framedHeight, framedWidth } = sizesOf(x.shape, g.shape, window);
      if (isHalving(window, x.shape, g.shape))
        return launch("halveGrad", [g, x], out, 2 * windows, 0, values.slice(0, 4));
      const cost = windows * (4 + sizeOf(window.kernel));
      return launch("maxPoolGrad", [g, x], out, cost, 2 * framedHeight * framedWidth, values);
    },

    avgPool2d: ([x]: readonly [X], window: AvgWindow, [out]: Out) =>
      average("averagePool", [x], x.shape, out.shape, window, out),

    avgPool2dInputGrad: ([g]: readonly [X], window: AvgWindow & { readonly image: Shape }, [out]: Out) =>
      average("averagePoolGrad", [g], window.image, g.shape, window, out),
  };
}

/** Whether windows of 2×2 lie side by side and inside, at least four in a row. */
const isHalving = ({ kernel, stride, padding, dilation }: Window, image: Shape, out: Shape): boolean =>
  [...kernel, ...stride].every((n) => n === 2) &&
  [...padding, ...dilation].join() === "0,0,1,1" &&
  2 * out[2]! <= image[2]! &&
  2 * out[3]! <= image[3]! &&
  out[3]! >= 4;

/** Nanoseconds for a plane, about. */
const costOf = (image: Shape, out: Shape, { kernel }: Window): number =>
  10 + out[2]! * (5 + (image[3]! * kernel[0] + out[3]! * kernel[1]) / 4);

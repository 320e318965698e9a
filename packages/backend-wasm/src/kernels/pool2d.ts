import { type AvgWindow, type Block, type Operand, type Shape, type Spec, sizeOf, type Window } from "@descent/core";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";
import { defineAverageGrad } from "./pool2d/average.ts";
import { defineForward } from "./pool2d/forward.ts";
import { type PoolName, sizesOf } from "./pool2d/geometry.ts";
import { defineHalving } from "./pool2d/halving.ts";
import { defineMaxGrad } from "./pool2d/max-grad.ts";

type X = Operand<Block>;
type Out = readonly [out: Spec];
/** Images, nanoseconds for one of their planes, and the floats of scratch memory that a thread needs. */
interface Scope {
  readonly image: Shape;
  readonly cost: number;
  readonly floats?: number;
}

/** `maxPool2d, avgPool2d` and their gradients in float32. */
export function pooling(
  runtime: Runtime,
): Pick<FusedKernels, "maxPool2d" | "maxPool2dInputGrad" | "avgPool2d" | "avgPool2dInputGrad"> {
  let compiled: Record<PoolName, Kernel> | null = null;
  const kernels = (): Record<PoolName, Kernel> => {
    compiled ??= runtime.compile<PoolName>((m) => {
      defineForward(m);
      defineMaxGrad(m);
      defineAverageGrad(m);
      defineHalving(m);
    });
    return compiled;
  };

  /** Runs a kernel over the planes of images and results with scratch memory for so many floats. */
  const launch = (
    name: PoolName,
    operands: readonly X[],
    out: Spec,
    { image, cost, floats = 0 }: Scope,
    integers: readonly number[],
    divisor: readonly number[] = [],
  ): readonly Block[] => {
    const blocks = operands.map((x) => x.handle);
    return runtime.run(name, blocks, [bytesOf(out)], 4 * floats, (from, [to], scratch) => {
      const planes = sizeOf(image.slice(0, 2));
      runtime.launch(kernels()[name], planes, cost, [...from, to!, ...integers], divisor, scratch);
    });
  };

  return {
    maxPool2d([x]: readonly [X], window: Window, [out]: Out) {
      if (out.dtype !== "float32") return null;
      const image = x.shape;
      const sides = [...image.slice(2), ...out.shape.slice(2)];
      if (isHalving(window, image, out.shape))
        return launch("halve", [x], out, { image, cost: sizeOf(out.shape.slice(2)) }, sides);
      const sizes = sizesOf(image, out.shape, window);
      const scope = { image, cost: costOf(image, out.shape, window), floats: sizes.framedWidth };
      return launch("maxPool", [x], out, scope, sizes.values);
    },

    maxPool2dInputGrad([g, x]: readonly [X, X], window: Window, [out]: Out) {
      if (out.dtype !== "float32") return null;
      const image = x.shape;
      const windows = sizeOf(g.shape.slice(2));
      const sides = [...image.slice(2), ...g.shape.slice(2)];
      if (isHalving(window, image, g.shape))
        return launch("halveGrad", [g, x], out, { image, cost: 2 * windows }, sides);
      const sizes = sizesOf(image, g.shape, window);
      const floats = 2 * sizes.framedHeight * sizes.framedWidth;
      return launch(
        "maxPoolGrad",
        [g, x],
        out,
        { image, cost: windows * (4 + sizeOf(window.kernel)), floats },
        sizes.values,
      );
    },

    avgPool2d([x]: readonly [X], window: AvgWindow, [out]: Out) {
      if (out.dtype !== "float32") return null;
      return launch("averagePool", [x], out, ...averaging(x.shape, out.shape, window));
    },

    avgPool2dInputGrad([g]: readonly [X], { image, ...window }: AvgWindow & { readonly image: Shape }, [out]: Out) {
      if (out.dtype !== "float32") return null;
      return launch("averagePoolGrad", [g], out, ...averaging(image, g.shape, window));
    },
  };
}

/** Scope, integers and floats of an average. Scratch memory has a row with a frame, and the sizes of the windows in a row, in vectors. */
function averaging(image: Shape, out: Shape, window: AvgWindow): [Scope, number[], number[]] {
  const sizes = sizesOf(image, out, window);
  const scope = { image, cost: costOf(image, out, window), floats: sizes.framedWidth + out[3]! + 4 };
  return [scope, [...sizes.values, Number(window.countIncludePad)], [window.divisorOverride ?? Number.NaN]];
}

/** Whether windows of 2×2 lie side by side and inside, at least four in a row. */
function isHalving({ kernel, stride, padding, dilation }: Window, image: Shape, out: Shape): boolean {
  return (
    [...kernel, ...stride].every((n) => n === 2) &&
    padding.every((n) => n === 0) &&
    dilation.every((n) => n === 1) &&
    2 * out[2]! <= image[2]! &&
    2 * out[3]! <= image[3]! &&
    out[3]! >= 4
  );
}

/** Nanoseconds for a plane, about. */
const costOf = (image: Shape, out: Shape, { kernel }: Window): number =>
  10 + out[2]! * (5 + (image[3]! * kernel[0] + out[3]! * kernel[1]) / 4);

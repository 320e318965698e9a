import { isFloat } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { composite, type Op } from "../op.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import { noGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { countTo } from "./along.ts";
import { cast } from "./cast.ts";
import { tensor } from "./creation.ts";
import { div, eq, mul } from "./elementwise.ts";
import { expand, reshape, unsqueeze } from "./movement.ts";
import { pad } from "./pad.ts";
import { amax, argmax } from "./reduce.ts";
import { sum } from "./sum.ts";
import { AXES, addWindows, type Pair, positions, readWindows, type Window } from "./windows.ts";

/** @internal Checks images with one to three axes and a window over them, and returns the shape of the result. */
export function pooledShape(op: string, x: Shape, window: Window<Shape>): Shape {
  const n = window.kernel.length;
  if (x.length !== n + 2)
    throw new ShapeError(op, `expected images [N,C,${AXES[n]}], got ${show(x)}`, "unsqueeze() what is missing");
  if (window.padding.some((size, axis) => size > window.kernel[axis]! / 2))
    throw new ArgumentError(
      op,
      `the padding ${show(window.padding)} is more than half of the kernel ${show(window.kernel)}`,
      "use a larger kernel or less padding",
    );
  return [x[0]!, x[1]!, ...positions(op, x, window)];
}

/** @internal `[N, C, H, W]` → `[N, C, oh, ow, kh·kw]`: what each window sees. */
export function seen(x: Tensor, window: Window<Shape>, frame?: typeof padLeast): Tensor {
  const y = readWindows(x, window, "NCok", frame);
  return reshape(y, [...y.shape.slice(0, x.ndim), sizeOf(window.kernel)]);
}

/** A frame that no window chooses from. */
const padLeast = (x: Tensor, frame: readonly Pair[]): Tensor =>
  pad(x, frame.toReversed().flat(), { value: isFloat(x.dtype) ? Number.NEGATIVE_INFINITY : -(2 ** 31) });

/** @internal Whether an element is the first largest one that its window sees. */
export function isWinner(x: Tensor, window: Window<Shape>): Tensor {
  const values = seen(x, window, padLeast);
  return eq(argmax(values, -1, { keepdim: true }), countTo(values.shape.at(-1)!, x));
}

/** One at the first largest element of each window, zero elsewhere. */
const winners = (x: Tensor, window: Window): Tensor => noGrad(() => cast(isWinner(x, window), x.dtype));

const maxPool2dOp: Op<[x: Tensor], Window> = composite({
  name: "maxPool2d",
  shape: ([x], window) => pooledShape("maxPool2d", x, window),
  decompose: ([x], window) => amax(seen(x, window, padLeast), -1),
  saves: ["inputs"],
  vjp: [(g, { inputs: [x], attrs }) => maxPool2dInputGrad([g, x], attrs)],
});

const maxPool2dInputGrad: Op<[g: Tensor, x: Tensor], Window> = composite({
  name: "maxPool2dInputGrad",
  shape: ([, x]) => x,
  decompose: ([g, x], window) => addWindows(mul(unsqueeze(g, -1), winners(x, window)), x.shape, window, "NCok"),
  saves: ["input1"],
  vjp: [(gg, { inputs: [, x], attrs }) => maxPool2dPick([gg, x], attrs), () => null],
});

/** The elements of `v` that stand where `x` wins its window: the adjoint of `maxPool2dInputGrad` in `g`. */
const maxPool2dPick: Op<[v: Tensor, x: Tensor], Window> = composite({
  name: "maxPool2dPick",
  shape: ([x], window) => pooledShape("maxPool2d", x, window),
  decompose: ([v, x], window) => sum(mul(seen(v, window), winners(x, window)), -1),
  saves: ["input1"],
  vjp: [(g, { inputs: [, x], attrs }) => maxPool2dInputGrad([g, x], attrs), () => null],
});

/** The largest element of each window of images `[N, C, H, W]`. The first of equal ones takes the gradient. */
export const maxPool2d = (x: Tensor, window: Window): Tensor => maxPool2dOp([x], window);

/** A window that averages. */
export interface AvgWindow<S extends Shape = Pair> extends Window<S> {
  /** Whether zeros of the padding count as elements. */
  readonly countIncludePad: boolean;
  /** What sums are divided by, in place of the number of elements. */
  readonly divisorOverride: number | null;
}

const avgPool2dOp: Op<[x: Tensor], AvgWindow> = composite({
  name: "avgPool2d",
  shape: ([x], window) => pooledShape("avgPool2d", x, window),
  decompose: ([x], window) => div(sum(seen(x, window), -1), divisor(x, x.shape, window)),
  vjp: [(g, { specs, attrs }) => avgPool2dInputGrad([g], { ...attrs, image: specs[0]!.shape })],
});

const avgPool2dInputGrad: Op<[g: Tensor], AvgWindow & { readonly image: Shape }> = composite({
  name: "avgPool2dInputGrad",
  shape: (_, { image }) => image,
  decompose: ([g], { image, ...window }) => {
    const share = unsqueeze(div(g, divisor(g, image, window)), -1);
    return addWindows(expand(share, [...g.shape, sizeOf(window.kernel)]), image, window, "NCok");
  },
  vjp: [(gg, { attrs }) => avgPool2dOp([gg], attrs)],
});

/** The number of elements in each window: a number, or `[oh, ow]` where windows at the border count fewer. */
function divisor(like: Tensor, image: Shape, window: AvgWindow): Tensor | number {
  if (window.divisorOverride !== null) return window.divisorOverride;
  const [rows, columns] = positions("avgPool2d", image, window).map((count, axis) =>
    Array.from({ length: count }, (_, i) => {
      const size = image[axis + 2]!;
      const pad = window.padding[axis]!;
      const start = i * window.stride[axis]! - pad;
      const end = Math.min(start + window.kernel[axis]!, size + pad);
      return window.countIncludePad ? end - start : Math.min(end, size) - Math.max(start, 0);
    }),
  ) as [number[], number[]];
  const sizes = rows.map((row) => columns.map((column) => row * column));
  const [first] = sizes.flat();
  if (sizes.flat().every((size) => size === first)) return first!;
  return tensor(sizes, { dtype: like.dtype, backend: like.backend });
}

/** The mean of each window of images `[N, C, H, W]`. */
export const avgPool2d = (x: Tensor, window: AvgWindow): Tensor => avgPool2dOp([x], window);

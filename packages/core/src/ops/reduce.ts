import type { ArgReduceFn, ReduceFn } from "../backend.ts";
import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, floating, primitive } from "../op.ts";
import { normalizeAxis, reducedAxes, reducedShape, type Shape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { add, div, eq, exp, isfinite, log, mul, ne, sqrt, sub, where } from "./elementwise.ts";
import { reshape } from "./movement.ts";
import { type ReduceAttrs, type ReduceOptions, restore, sum, sumOp } from "./sum.ts";

function extremum(name: "amax" | "amin", fn: ReduceFn) {
  const op = primitive<[x: Tensor], ReduceAttrs>({
    name,
    shape: ([x], { axes, keepdim }) => {
      if (axes.some((i) => x[i] === 0))
        throw new ShapeError(name, `an empty axis of ${show(x)} has no extreme element`, "look at the shape first");
      return reducedShape(x, axes, keepdim);
    },
    kernel: (backend, [x], { axes }, [out]) => [backend.reduce(fn, x, axes, out!)],
    saves: ["inputs", "output"],
    vjp: [
      (g, { inputs: [x], output, attrs: { axes } }) => {
        const hit = cast(eq(x, restore(output, x.shape, axes)), x.dtype);
        const share = div(reshape(g, reducedShape(x.shape, axes, true)), sum(hit, axes, { keepdim: true }));
        return mul(hit, share);
      },
    ],
  });
  return (x: Tensor, dim?: number | readonly number[], { keepdim = false }: ReduceOptions = {}): Tensor =>
    op([x], { axes: reducedAxes(name, dim, x.ndim), keepdim });
}

/** The largest element over `dim` (default: all axes). Equal ones share the gradient. */
export const amax = extremum("amax", "max");
/** The smallest element over `dim` (default: all axes). Equal ones share the gradient. */
export const amin = extremum("amin", "min");

/** Whether any element over `dim` (default: all axes) is true, or not zero. */
export const any = (x: Tensor, dim?: number | readonly number[], options?: ReduceOptions): Tensor =>
  scope(() => ne(sum(cast(x, "bool"), dim, options), 0));
/** Whether all elements over `dim` (default: all axes) are true, or not zero. */
export const all = (x: Tensor, dim?: number | readonly number[], options?: ReduceOptions): Tensor =>
  scope(() => eq(sum(eq(x, 0), dim, options), 0));

const meanOp = composite<[x: Tensor], ReduceAttrs>({
  name: "mean",
  shape: ([x], { axes, keepdim }) => reducedShape(x, axes, keepdim),
  dtype: floating("mean"),
  decompose: ([x], attrs) => div(sumOp([x], attrs), countOf(x.shape, attrs.axes)),
  vjp: [(g, { specs: [x], attrs }) => restore(div(g, countOf(x!.shape, attrs.axes)), x!.shape, attrs.axes)],
});

const countOf = (shape: Shape, axes: readonly number[]): number => sizeOf(axes.map((i) => shape[i]!));

/** The mean over `dim` (default: all axes) of a floating tensor. */
export const mean = (x: Tensor, dim?: number | readonly number[], { keepdim = false }: ReduceOptions = {}): Tensor =>
  meanOp([x], { axes: reducedAxes("mean", dim, x.ndim), keepdim });

/** Options of `var` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** What is subtracted from the number of elements: 1 (default) estimates without bias, 0 takes the mean square. */
  readonly correction?: number;
}

const varOp = composite<[x: Tensor], ReduceAttrs & { correction: number }>({
  name: "var",
  shape: ([x], { axes, keepdim }) => reducedShape(x, axes, keepdim),
  dtype: floating("var"),
  decompose: ([x], { axes, keepdim, correction }) => {
    const centered = sub(x, mean(x, axes, { keepdim: true }));
    return div(sum(mul(centered, centered), axes, { keepdim }), Math.max(0, countOf(x.shape, axes) - correction));
  },
  saves: ["inputs"],
  vjp: [
    (g, { inputs: [x], attrs }) => {
      const centered = sub(x, mean(x, attrs.axes, { keepdim: true }));
      const scale = 2 / Math.max(0, countOf(x.shape, attrs.axes) - attrs.correction);
      return mul(mul(restore(g, x.shape, attrs.axes), scale), centered);
    },
  ],
});

/** The variance over `dim` (default: all axes) of a floating tensor. */
export const variance = (
  x: Tensor,
  dim?: number | readonly number[],
  { keepdim = false, correction = 1 }: VarianceOptions = {},
): Tensor => varOp([x], { axes: reducedAxes("var", dim, x.ndim), keepdim, correction });

const stdOp = composite<[x: Tensor], ReduceAttrs & { correction: number }>({
  name: "std",
  shape: ([x], { axes, keepdim }) => reducedShape(x, axes, keepdim),
  dtype: floating("std"),
  decompose: ([x], attrs) => sqrt(varOp([x], attrs)),
  saves: ["inputs", "output"],
  vjp: [
    (g, { inputs: [x], output, attrs: { axes, correction } }) => {
      const centered = sub(x, mean(x, axes, { keepdim: true }));
      // Where all elements are equal the slope is not defined; as in PyTorch it is 0.
      const slope = where(eq(output, 0), 0, div(g, mul(output, Math.max(0, countOf(x.shape, axes) - correction))));
      return mul(restore(slope, x.shape, axes), centered);
    },
  ],
});

/** The square root of the variance over `dim` (default: all axes) of a floating tensor. */
export const std = (
  x: Tensor,
  dim?: number | readonly number[],
  { keepdim = false, correction = 1 }: VarianceOptions = {},
): Tensor => stdOp([x], { axes: reducedAxes("std", dim, x.ndim), keepdim, correction });

const argReduction = (fn: ArgReduceFn) => {
  const op = primitive<[x: Tensor], { axis: number; keepdim: boolean }>({
    name: fn,
    shape: ([x], { axis, keepdim }) => {
      if (x[axis] === 0)
        throw new ShapeError(
          fn,
          `axis ${axis} of ${show(x)} is empty and has no extreme element`,
          "look at the shape first",
        );
      return reducedShape(x, [axis], keepdim);
    },
    dtype: () => "int32",
    kernel: (backend, [x], { axis }, [out]) => [backend.argReduce(fn, x, axis, out!)],
    vjp: [null],
  });
  return (x: Tensor, dim?: number, { keepdim = false }: ReduceOptions = {}): Tensor =>
    dim === undefined || x.ndim === 0
      ? op([reshape(x, [-1])], { axis: 0, keepdim: false })
      : op([x], { axis: normalizeAxis(fn, dim, x.ndim), keepdim });
};

/** The int32 index of the first largest element along `dim`, or in the flattened tensor. */
export const argmax = argReduction("argmax");
/** The int32 index of the first smallest element along `dim`, or in the flattened tensor. */
export const argmin = argReduction("argmin");

const logsumexpOp = composite<[x: Tensor], ReduceAttrs>({
  name: "logsumexp",
  shape: ([x], { axes, keepdim }) => reducedShape(x, axes, keepdim),
  dtype: floating("logsumexp"),
  decompose: ([x], { axes, keepdim }) => {
    const most = amax(x, axes, { keepdim: true });
    // An infinite maximum would make ∞ − ∞ of it.
    const shift = where(isfinite(most), most, 0);
    const total = add(log(sum(exp(sub(x, shift)), axes, { keepdim: true })), shift);
    return reshape(total, reducedShape(x.shape, axes, keepdim));
  },
  saves: ["inputs", "output"],
  vjp: [
    (g, { inputs: [x], output, attrs }) =>
      mul(restore(g, x.shape, attrs.axes), exp(sub(x, restore(output, x.shape, attrs.axes)))),
  ],
});

/** `log Σ exp(x)` over `dim`, without overflow. */
export const logsumexp = (
  x: Tensor,
  dim?: number | readonly number[],
  { keepdim = false }: ReduceOptions = {},
): Tensor => logsumexpOp([x], { axes: reducedAxes("logsumexp", dim, x.ndim), keepdim });

import type { Vjp } from "../apply.ts";
import type { ArgReduceFn, ReduceFn } from "../backend.ts";
import { scope } from "../memory.ts";
import { composite, floating, primitive, type Save } from "../op.ts";
import { normalizeAxis, reducedAxes, reducedShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { checkSome } from "./checks.ts";
import { add, div, eq, exp, isfinite, log, mul, ne, sqrt, sub, where } from "./elementwise.ts";
import { reshape } from "./movement.ts";
import { type ReduceAttrs, type ReduceOptions, restore, sum, sumOp } from "./sum.ts";

/** The axes that are named, or all. */
type Dim = number | readonly number[];

/** @internal A gradient in equal shares to the elements that are hit. */
export function evenly(g: Tensor, hit: Tensor, axes?: Dim): Tensor {
  const ones = cast(hit, g.dtype);
  return mul(ones, div(g, sum(ones, axes, { keepdim: true })));
}

function extremum(name: "amax" | "amin", fn: ReduceFn) {
  const op = primitive<[x: Tensor], ReduceAttrs>({
    name,
    shape: ([x], { axes, keepdim }) => {
      checkSome(name, x, axes);
      return reducedShape(x, axes, keepdim);
    },
    kernel: (backend, [x], { axes }, [out]) => [backend.reduce(fn, x, axes, out!)],
    saves: ["inputs", "output"],
    vjp: [
      (g, { inputs: [x], output, attrs: { axes } }) =>
        evenly(reshape(g, reducedShape(x.shape, axes, true)), eq(x, restore(output, x.shape, axes)), axes),
    ],
  });
  return (x: Tensor, dim?: Dim, { keepdim = false }: ReduceOptions = {}): Tensor =>
    op([x], { axes: reducedAxes(name, dim, x.ndim), keepdim });
}

/** The largest element over `dim` (default: all axes). Equal ones share the gradient. */
export const amax = extremum("amax", "max");
/** The smallest element over `dim` (default: all axes). Equal ones share the gradient. */
export const amin = extremum("amin", "min");

/** Whether any element over `dim` (default: all axes) is true, or not zero. */
export const any = (x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor =>
  scope(() => ne(sum(cast(x, "bool"), dim, options), 0));
/** Whether all elements over `dim` (default: all axes) are true, or not zero. */
export const all = (x: Tensor, dim?: Dim, options?: ReduceOptions): Tensor =>
  scope(() => eq(sum(eq(x, 0), dim, options), 0));

type Attrs<O> = ReduceAttrs & Required<O>;

/** @internal A reduction of floating tensors that is made of other ops. */
export function reduction<O extends ReduceOptions>(
  name: string,
  decompose: (x: Tensor, attrs: Attrs<O>) => Tensor,
  saves: readonly Save[],
  vjp: Vjp<[x: Tensor], Attrs<O>>,
): (x: Tensor, dim: Dim | undefined, options: Required<O>) => Tensor {
  const op = composite<[x: Tensor], Attrs<O>>({
    name,
    shape: ([x], { axes, keepdim }) => reducedShape(x, axes, keepdim),
    dtype: floating(name),
    decompose: ([x], attrs) => decompose(x, attrs),
    saves,
    vjp: [vjp],
  });
  // In the order of all other reductions: then V8 knows the attributes of all of them as one kind of object.
  return (x, dim, options) => op([x], { axes: reducedAxes(name, dim, x.ndim), ...options } as Attrs<O>);
}

const countOf = (shape: Shape, axes: readonly number[]): number => sizeOf(axes.map((i) => shape[i]!));

const meanOver = reduction<ReduceOptions>(
  "mean",
  (x, attrs) => div(sumOp([x], attrs), countOf(x.shape, attrs.axes)),
  [],
  (g, { specs: [x], attrs: { axes } }) => restore(div(g, countOf(x!.shape, axes)), x!.shape, axes),
);

/** The mean over `dim` (default: all axes) of a floating tensor. */
export const mean = (x: Tensor, dim?: Dim, { keepdim = false }: ReduceOptions = {}): Tensor =>
  meanOver(x, dim, { keepdim });

/** Options of `var` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** What is subtracted from the number of elements: 1 (default) estimates without bias, 0 takes the mean square. */
  readonly correction?: number;
}

type VarianceAttrs = Attrs<VarianceOptions>;

const centered = (x: Tensor, axes: readonly number[]): Tensor => sub(x, mean(x, axes, { keepdim: true }));

const freedom = (x: Tensor, { axes, correction }: VarianceAttrs): number =>
  Math.max(0, countOf(x.shape, axes) - correction);

/** The gradient of the variance. */
const varianceGrad = (g: Tensor, x: Tensor, attrs: VarianceAttrs): Tensor =>
  mul(mul(restore(g, x.shape, attrs.axes), 2 / freedom(x, attrs)), centered(x, attrs.axes));

const varianceOver = reduction<VarianceOptions>(
  "var",
  (x, attrs) => {
    const distance = centered(x, attrs.axes);
    return div(sum(mul(distance, distance), attrs.axes, attrs), freedom(x, attrs));
  },
  ["inputs"],
  (g, { inputs: [x], attrs }) => varianceGrad(g, x, attrs),
);

const stdOver = reduction<VarianceOptions>(
  "std",
  (x, attrs) => sqrt(varianceOver(x, attrs.axes, attrs)),
  ["inputs", "output"],
  // Where all elements are equal the slope is not defined; as in PyTorch it is 0.
  (g, { inputs: [x], output, attrs }) => varianceGrad(where(eq(output, 0), 0, div(g, mul(output, 2))), x, attrs),
);

const spread =
  (over: typeof varianceOver) =>
  (x: Tensor, dim?: Dim, { keepdim = false, correction = 1 }: VarianceOptions = {}): Tensor =>
    over(x, dim, { keepdim, correction });

/** The variance over `dim` (default: all axes) of a floating tensor. */
export const variance = spread(varianceOver);
/** The square root of the variance over `dim` (default: all axes) of a floating tensor. */
export const std = spread(stdOver);

const argReduction = (fn: ArgReduceFn) => {
  const op = primitive<[x: Tensor], { axis: number; keepdim: boolean }>({
    name: fn,
    shape: ([x], { axis, keepdim }) => {
      checkSome(fn, x, [axis]);
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

const logsumexpOver = reduction<ReduceOptions>(
  "logsumexp",
  (x, { axes, keepdim }) => {
    const most = amax(x, axes, { keepdim: true });
    // An infinite maximum would make ∞ − ∞ of it.
    const shift = where(isfinite(most), most, 0);
    const total = add(log(sum(exp(sub(x, shift)), axes, { keepdim: true })), shift);
    return reshape(total, reducedShape(x.shape, axes, keepdim));
  },
  ["inputs", "output"],
  (g, { inputs: [x], output, attrs: { axes } }) =>
    mul(restore(g, x.shape, axes), exp(sub(x, restore(output, x.shape, axes)))),
);

/** `log Σ exp(x)` over `dim`, without overflow. */
export const logsumexp = (x: Tensor, dim?: Dim, { keepdim = false }: ReduceOptions = {}): Tensor =>
  logsumexpOver(x, dim, { keepdim });

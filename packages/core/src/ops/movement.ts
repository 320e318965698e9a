import { ShapeError } from "../errors.ts";
import { type Op, primitive } from "../op.ts";
import {
  broadcastStrides,
  checkShape,
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sameShape,
  show,
  sizeOf,
  stridesOf,
  type View,
} from "../shape.ts";
import { isInferenceModeEnabled } from "../tape.ts";
import type { Tensor } from "../tensor.ts";

/** @internal `out[i] = x[view(i)]`: what every movement is made of. */
export const gatherView: Op<[x: Tensor], View> = primitive({
  name: "gatherView",
  shape: (_, view) => view.shape,
  kernel: (backend, [x], view, [out]) => [backend.gatherView(x, view, out!)],
  vjp: [(g, { specs, attrs }) => scatterView([g], { view: attrs, shape: specs[0]!.shape })],
});

/** @internal What a view sees: nothing but another shape of `x` where that is all of it, in order. */
export function strided(x: Tensor, view: View): Tensor {
  const { shape, strides } = view;
  let [size, inOrder] = [1, true];
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== size) inOrder = false;
    size *= shape[i]!;
  }
  if (inOrder && size === x.numel()) return reshape(x, shape);
  return gatherView([x], size === 0 ? { ...view, offset: 0 } : view);
}

/** @internal `out = 0; out[view(i)] += x[i]`, the adjoint of `gatherView`. */
export const scatterView: Op<[x: Tensor], { view: View; shape: Shape }> = primitive({
  name: "scatterView",
  shape: (_, { shape }) => shape,
  kernel: (backend, [x], { view }, [out]) => [backend.scatterView(x, view, out!)],
  vjp: [(g, { attrs }) => gatherView([g], attrs.view)],
});

const reshapeOp: Op<[x: Tensor], Shape> = primitive({
  name: "reshape",
  shape: (_, shape) => shape,
  view: true,
  vjp: [(g, { specs }) => reshapeOp([g], specs[0]!.shape)],
});

/** The same elements under another shape; one size may be −1 and follows from the others. Shares memory. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const sizes = sizesOf("reshape", x.shape, shape);
  return sameShape(sizes, x.shape) ? x : reshapeOp([x], sizes);
}

/** @internal Sizes that multiply to those of some axes; one of them may be −1. */
export function sizesOf(op: string, axes: Shape, sizes: Shape): Shape {
  const total = sizeOf(axes);
  const free = sizes.indexOf(-1);
  const whole = free < 0 ? sizes : sizes.with(free, -total / sizeOf(sizes));
  if (sizeOf(whole) !== total || !whole.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(
      op,
      `${show(axes)} has ${total} elements and cannot become ${show(sizes)}`,
      `the sizes must multiply to ${total}; one of them may be -1`,
    );
  return whole;
}

/** An independent tensor of the same values, at its own place in the graph. */
export function clone(x: Tensor): Tensor {
  const y = reshapeOp([x], x.shape);
  // Tensors cannot change, so that one made for inference serves for anything else.
  y.inference = isInferenceModeEnabled();
  return y;
}

/** The axes `startDim` to `endDim` joined into one. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  if (x.ndim === 0) return reshape(x, [1]);
  const start = normalizeAxis("flatten", startDim, x.ndim);
  const end = normalizeAxis("flatten", endDim, x.ndim);
  if (start > end)
    throw new ShapeError(
      "flatten",
      `startDim ${startDim} lies behind endDim ${endDim} in ${show(x.shape)}`,
      "name the outer axis first",
    );
  return reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start, end + 1)), ...x.shape.slice(end + 1)]);
}

/** Without the axes of size 1, or without those of `dim` that have size 1. */
export function squeeze(x: Tensor, dim?: number | readonly number[]): Tensor {
  const axes = normalizeAxes("squeeze", dim, x.ndim);
  return reshape(
    x,
    x.shape.filter((size, i) => size !== 1 || !axes.includes(i)),
  );
}

/** With a new axis of size 1 at `dim`. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const at = normalizeAxis("unsqueeze", dim, x.ndim + 1);
  return reshape(x, x.shape.toSpliced(at, 0, 1));
}

/** The axes in another order: axis `i` of the result is axis `dims[i]` of `x`. Takes numbers or one array. */
export function permute(x: Tensor, ...dims: number[] | [readonly number[]]): Tensor {
  const order = (dims.flat() as number[]).map((dim) => normalizeAxis("permute", dim, x.ndim));
  if (order.length !== x.ndim || new Set(order).size !== x.ndim)
    throw new ShapeError(
      "permute",
      `[${dims}] does not name each axis of ${show(x.shape)} once`,
      `name ${x.ndim} different axes`,
    );
  const strides = stridesOf(x.shape);
  return strided(x, { shape: order.map((i) => x.shape[i]!), strides: order.map((i) => strides[i]!), offset: 0 });
}

/** Two axes exchanged. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const [a, b] = [normalizeAxis("transpose", dim0, x.ndim), normalizeAxis("transpose", dim1, x.ndim)];
  return permute(
    x,
    x.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  );
}

/** Axes of size 1 stretched, and new ones put in front, to reach `shape`; −1 keeps a size. */
export const expand = (x: Tensor, shape: Shape): Tensor => stretch("expand", x, shape);

/** @internal `expand` under the name of the function that was called. */
export function stretch(op: string, x: Tensor, shape: Shape): Tensor {
  const lead = shape.length - x.ndim;
  const sizes = shape.map((size, i) => (size === -1 && i >= lead ? x.shape[i - lead]! : size));
  if (lead < 0 || x.shape.some((size, i) => size !== 1 && size !== sizes[lead + i]))
    throw new ShapeError(op, `${show(x.shape)} does not stretch to ${show(shape)}`, "only axes of size 1 stretch");
  checkShape(op, sizes);
  return strided(x, { shape: sizes, strides: broadcastStrides(x.shape, sizes), offset: 0 });
}

/** The order of elements reversed along `dims`. */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  const axes = normalizeAxes("flip", dims, x.ndim);
  if (x.numel() === 0 || axes.length === 0) return x;
  const strides = stridesOf(x.shape);
  return gatherView([x], {
    shape: x.shape,
    strides: strides.map((stride, i) => (axes.includes(i) ? -stride : stride)),
    offset: axes.reduce((offset, i) => offset + (x.shape[i]! - 1) * strides[i]!, 0),
  });
}

/** `length` elements of axis `dim`, from `start` on. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  const axis = normalizeAxis("narrow", dim, x.ndim);
  const size = x.shape[axis]!;
  const from = start < 0 ? start + size : start;
  if (![from, length].every(Number.isInteger) || from < 0 || length < 0 || from + length > size)
    throw new ShapeError(
      "narrow",
      `${start} + ${length} elements reach beyond axis ${dim} of ${show(x.shape)}`,
      `start and length must lie within ${size}`,
    );
  return gatherView([x], section(x.shape, axis, from, length));
}

/** @internal The view of `length` elements of an axis, from `start` on. */
export function section(shape: Shape, axis: number, start: number, length: number): View {
  const strides = stridesOf(shape);
  return { shape: shape.with(axis, length), strides, offset: length === 0 ? 0 : start * strides[axis]! };
}

/** Zeros around `x`: `[before, after]` for each of the last axes, the last one last. */
export function padZeros(x: Tensor, padding: readonly (readonly [before: number, after: number])[]): Tensor {
  if (padding.every(([before, after]) => before === 0 && after === 0)) return x;
  const lead = x.ndim - padding.length;
  const shape = x.shape.map((size, i) => (i < lead ? size : size + padding[i - lead]![0] + padding[i - lead]![1]));
  if (lead < 0)
    throw new ShapeError("pad", `${padding.length} axes to pad in ${show(x.shape)}`, "give at most one pair per axis");
  const strides = stridesOf(shape);
  const offset = padding.reduce((sum, [before], i) => sum + before * strides[lead + i]!, 0);
  return scatterView([x], {
    view: { shape: x.shape, strides, offset: x.numel() === 0 ? 0 : offset },
    shape: checkShape("pad", shape),
  });
}

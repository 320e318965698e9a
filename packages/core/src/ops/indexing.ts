import type { PutMode } from "../backend.ts";
import type { DType } from "../dtype.ts";
import { IndexError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { type Op, primitive } from "../op.ts";
import { broadcastShapes, checkRank, normalizeAxis, type Shape, show, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { countTo, positions } from "./along.ts";
import { cast } from "./cast.ts";
import { checkDType } from "./checks.ts";
import { full } from "./creation.ts";
import { add, eq, lt, mul, where } from "./elementwise.ts";
import { expand, reshape, unsqueeze } from "./movement.ts";

/** @internal `x` where `axis` gives way to the axes of an int32 index that is in range. */
export const takeOp: Op<[x: Tensor, index: Tensor], number> = primitive({
  name: "take",
  shape: ([x, index], axis) => x.toSpliced(axis, 1, ...index),
  dtype: ([dtype]) => dtype,
  kernel: (backend, [x, index], axis, [out]) => [backend.take(x, index, axis, out!)],
  saves: ["input1"],
  vjp: [
    (g, { inputs: [, index], specs, attrs: axis }) =>
      putOp([0, g, index], { mode: "add", axis, shape: specs[0]!.shape }),
    null,
  ],
});

interface PutAttrs {
  readonly mode: PutMode;
  readonly axis: number;
  /** That of the base, and so of the result. */
  readonly shape: Shape;
}

/**
 * @internal The base with values set or added where an int32 index says, the adjoint of `take`. Of those set in one place the last wins;
 * as in PyTorch, the gradient reaches them all.
 */
export const putOp: Op<[base: Tensor | number, values: Tensor, index: Tensor], PutAttrs> = primitive({
  name: "put",
  shape: (_, { shape }) => shape,
  dtype: ([, dtype]) => dtype,
  kernel: (backend, [base, values, index], { mode, axis }, [out]) => [
    backend.put(mode, base, index, values, axis, out!),
  ],
  saves: ["input2"],
  vjp: [
    (g, { inputs: [, , index], attrs }) => {
      if (attrs.mode === "add") return g;
      const shape = g.shape.toSpliced(attrs.axis, 1, ...index.shape);
      return putOp([g, full(shape, 0, { dtype: g.dtype, backend: g.backend }), index], attrs);
    },
    (g, { inputs: [, , index], attrs: { axis } }) => takeOp([g, index], axis),
    null,
  ],
});

/** @internal The error for an index beyond an axis that may be counted from the end where `least` says so. */
export const outOfRange = (op: string, index: number, size: number, axis: number, least = 0): IndexError =>
  new IndexError(
    op,
    `index ${index} is out of range for axis ${axis} of size ${size}`,
    size === 0 ? "an empty axis has no elements" : `use ${least} to ${size - 1}`,
  );

/**
 * @internal Throws where an index is out of range and not `except`, and says whether there may be one that is that. Asynchronous devices
 * cannot look: there an index out of range reads or writes nothing of meaning.
 */
export function checkIndex(
  op: string,
  index: Tensor,
  size: number,
  axis: number,
  except: number | null = null,
): boolean {
  checkDType(op, "index", index.dtype, "int32");
  if (index.numel() === 0) return false;
  if (!index.backend.synchronous) return except !== null;
  let [least, most, found] = [0, 0, false];
  for (const i of index.dataSync())
    if (i === except) found = true;
    else if (i < least) least = i;
    else if (i > most) most = i;
  if (least < 0 || most >= size) throw outOfRange(op, least < 0 ? least : most, size, axis);
  return found;
}

/** @internal An index into an axis, where negative numbers count from its end, as one that counts from its start. */
export function wrapIndex(op: string, index: Tensor, size: number, axis: number): Tensor {
  checkDType(op, "index", index.dtype, "int32");
  if (index.backend.synchronous) {
    const values = index.dataSync();
    const wrong = values.find((i) => i < -size || i >= size);
    if (wrong !== undefined) throw outOfRange(op, wrong, size, axis, -size);
    if (!values.some((i) => i < 0)) return index;
  }
  return where(lt(index, 0), add(index, size), index);
}

/** @internal An axis, and the index of slices along it, which has one itself. */
export function sliceAxis(op: string, x: Tensor, dim: number, index: Tensor): number {
  checkRank(op, index.shape, 1, 1, "flatten() it, or use gather() or scatter()");
  return normalizeAxis(op, dim, x.ndim);
}

/** The slices of `x` along `dim` that the int32 `index` (one axis) names. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const axis = sliceAxis("indexSelect", x, dim, index);
  checkIndex("indexSelect", index, x.shape[axis]!, axis);
  return takeOp([x, index], axis);
}

/** `x` with the position along `dim` read from the int32 `index`, whose other axes are those of `x` or shorter. */
export const gather = (x: Tensor, dim: number, index: Tensor): Tensor =>
  gatherKnown(x, checkAlong("gather", x, dim, index), index);

/** @internal `gather` with an index of our own making, which is in range. */
export const gatherKnown = (x: Tensor, axis: number, index: Tensor): Tensor =>
  takeOp([reshape(x, [-1]), placesAlong(x, axis, index)], 0);

/** @internal Checks an index along an axis of a tensor, and returns which one that is. */
export function checkAlong(op: string, { shape, ndim }: Tensor, dim: number, index: Tensor): number {
  const axis = normalizeAxis(op, dim, ndim);
  if (index.ndim !== ndim || index.shape.some((size, i) => i !== axis && size > shape[i]!))
    throw new ShapeError(
      op,
      `the index ${show(index.shape)} does not fit into ${show(shape)} beside axis ${dim}`,
      "give it as many axes as the tensor, none of the others longer",
    );
  checkIndex(op, index, shape[axis]!, axis);
  return axis;
}

/** @internal Where the elements that `index` names along an axis stand in the flattened tensor. */
export const placesAlong = ({ shape }: Tensor, axis: number, index: Tensor): Tensor =>
  scope(() =>
    stridesOf(shape)
      .map((stride, i) => mul(i === axis ? index : positions(index, i), stride))
      .reduce((sum, part) => add(sum, part)),
  );

/** The elements of the flattened `x` at the places that the int32 `index` names, negative ones from the end. Has the shape of the index. */
export const take = (x: Tensor, index: Tensor): Tensor =>
  scope(() => takeOp([reshape(x, [-1]), wrapIndex("take", index, x.numel(), 0)], 0));

/** `gather` after both tensors were broadcast beside `dim`; without it, `take`. Negative indices count from the end. */
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number): Tensor {
  if (dim === undefined) return take(x, index);
  const op = "takeAlongDim";
  const axis = normalizeAxis(op, dim, x.ndim);
  checkRank(op, index.shape, x.ndim, x.ndim, "those beside dim broadcast");
  const beside = broadcastShapes(op, x.shape.with(axis, 1), index.shape.with(axis, 1));
  return scope(() => {
    const whole = (t: Tensor): Tensor => expand(t, beside.with(axis, t.shape[axis]!));
    return gatherKnown(whole(x), axis, whole(wrapIndex(op, index, x.shape[axis]!, axis)));
  });
}

/** One for the class that the int32 `index` names, zero for the others: `[…] → […, numClasses]`, float32 by default. */
export function oneHot(
  index: Tensor,
  numClasses: number,
  { dtype = "float32" }: { readonly dtype?: DType } = {},
): Tensor {
  checkIndex("oneHot", index, numClasses, index.ndim);
  return scope(() => cast(eq(unsqueeze(index, -1), countTo(numClasses, index)), dtype));
}

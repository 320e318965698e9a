import type { DType } from "../dtype.ts";
import { DTypeError, IndexError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { type Op, primitive } from "../op.ts";
import { normalizeAxis, type Shape, show, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { arange } from "./creation.ts";
import { add, eq, mul } from "./elementwise.ts";
import { reshape, unsqueeze } from "./movement.ts";

const takeOp: Op<[x: Tensor, index: Tensor], number> = primitive({
  name: "take",
  shape: ([x, index], axis) => [...x.slice(0, axis), ...index, ...x.slice(axis + 1)],
  dtype: ([dtype]) => dtype,
  kernel: (backend, [x, index], axis, [out]) => [backend.take(x, index, axis, out!)],
  saves: ["input1"],
  vjp: [(g, { inputs: [, index], specs, attrs }) => putOp([g, index], { axis: attrs, shape: specs[0]!.shape }), null],
});

/** Zeros to which `values` are added at `index`: the adjoint of `take`. */
const putOp: Op<[values: Tensor, index: Tensor], { axis: number; shape: Shape }> = primitive({
  name: "put",
  shape: (_, { shape }) => shape,
  dtype: ([dtype]) => dtype,
  kernel: (backend, [values, index], { axis }, [out]) => [backend.put("add", 0, index, values, axis, out!)],
  saves: ["input1"],
  vjp: [(g, { inputs: [, index], attrs }) => takeOp([g, index], attrs.axis), null],
});

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
  if (index.dtype !== "int32")
    throw new DTypeError(op, `the index has dtype ${index.dtype}`, 'convert it with .to("int32")');
  if (index.numel() === 0) return false;
  if (!index.backend.synchronous) return except !== null;
  let [least, most, found] = [0, 0, false];
  for (const i of index.dataSync())
    if (i === except) found = true;
    else if (i < least) least = i;
    else if (i > most) most = i;
  if (least < 0 || most >= size)
    throw new IndexError(
      op,
      `index ${least < 0 ? least : most} is out of range for axis ${axis} of size ${size}`,
      `use 0 to ${size - 1}`,
    );
  return found;
}

/** The slices of `x` along `dim` that the int32 `index` (one axis) names. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const axis = normalizeAxis("indexSelect", dim, x.ndim);
  if (index.ndim !== 1)
    throw new ShapeError(
      "indexSelect",
      `the index must have one axis, got ${show(index.shape)}`,
      "flatten() it, or use gather()",
    );
  checkIndex("indexSelect", index, x.shape[axis]!, axis);
  return takeOp([x, index], axis);
}

/** `x` with the position along `dim` read from the int32 `index`, whose other axes are those of `x` or shorter. */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  const axis = normalizeAxis("gather", dim, x.ndim);
  if (index.ndim !== x.ndim || index.shape.some((size, i) => i !== axis && size > x.shape[i]!))
    throw new ShapeError(
      "gather",
      `the index ${show(index.shape)} does not fit into ${show(x.shape)} beside axis ${dim}`,
      "give it as many axes as the tensor, none of the others longer",
    );
  checkIndex("gather", index, x.shape[axis]!, axis);
  return takeOp([reshape(x, [-1]), scope(() => positions(x.shape, axis, index))], 0);
}

/** Where the elements that `index` names along `axis` stand in the flattened tensor. */
function positions(shape: Shape, axis: number, index: Tensor): Tensor {
  const strides = stridesOf(shape);
  const along = (i: number): Tensor =>
    reshape(
      arange(0, index.shape[i]!, 1, { backend: index.backend }),
      index.shape.map((n, k) => (k === i ? n : 1)),
    );
  const parts = shape.map((_, i) => mul(i === axis ? index : along(i), strides[i]!));
  return parts.reduce((sum, part) => add(sum, part));
}

/** One for the class that the int32 `index` names, zero for the others: `[…] → […, numClasses]`, float32 by default. */
export function oneHot(
  index: Tensor,
  numClasses: number,
  { dtype = "float32" }: { readonly dtype?: DType } = {},
): Tensor {
  checkIndex("oneHot", index, numClasses, index.ndim);
  return scope(() => cast(eq(unsqueeze(index, -1), arange(0, numClasses, 1, { backend: index.backend })), dtype));
}

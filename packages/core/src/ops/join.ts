import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { primitive } from "../op.ts";
import { normalizeAxis, type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkPositive, checkSame, firstOf } from "./checks.ts";
import { zeros } from "./creation.ts";
import { narrow, section, squeeze, unsqueeze } from "./movement.ts";

interface Parts {
  readonly axis: number;
  /** Where each part begins along the axis, and the end of the last. */
  readonly bounds: readonly number[];
}

const partsOf = (axis: number, sizes: readonly number[]): Parts => {
  const bounds = [0];
  for (const size of sizes) bounds.push(bounds.at(-1)! + size);
  return { axis, bounds };
};

const lengthOf = ({ bounds }: Parts, i: number): number => bounds[i + 1]! - bounds[i]!;

const catOp = primitive<Tensor[], Parts>({
  name: "cat",
  shape: ([first, ...rest], { axis, bounds }) => {
    for (const shape of rest)
      if (shape.length !== first!.length || shape.some((size, i) => i !== axis && size !== first![i]))
        throw new ShapeError(
          "cat",
          `${show(first!)} and ${show(shape)} differ in more than axis ${axis}`,
          "make all other axes equal; stack() joins along a new one",
        );
    return first!.with(axis, bounds.at(-1)!);
  },
  kernel: (backend, xs, { axis }, [out]) => [backend.concat(xs, axis, out!)],
  vjp: (g, { needs, attrs }) =>
    needs.map((needed, i) => (needed ? narrow(g, attrs.axis, attrs.bounds[i]!, lengthOf(attrs, i)) : null)),
});

/** The tensors one after the other along an existing axis. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  const axis = normalizeAxis("cat", dim, firstOf("cat", tensors).ndim);
  return catOp(
    [...tensors],
    partsOf(
      axis,
      tensors.map((x) => x.shape[axis] ?? 0),
    ),
  );
}

/** The tensors, all of one shape, along a new axis. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  const first = firstOf("stack", tensors);
  for (const { shape } of tensors)
    checkSame("stack", "tensor", shape, first.shape, "cat() joins along an existing axis");
  return scope(() =>
    cat(
      tensors.map((x) => unsqueeze(x, dim)),
      dim,
    ),
  );
}

const splitOp = primitive<[x: Tensor], Parts>({
  name: "split",
  outputs: ([x], [dtype], parts) =>
    parts.bounds.slice(1).map((_, i) => ({ shape: x.with(parts.axis, lengthOf(parts, i)), dtype })),
  kernel: (backend, [x], { axis, bounds }, out) =>
    out.map((spec, i) => backend.gatherView(x, section(x.shape, axis, bounds[i]!, spec.shape[axis]!), spec)),
  vjp: [
    (_, { grads, specs: [x], attrs }) => {
      const like = grads.find((g) => g !== null)!;
      const missing = (i: number): Tensor =>
        zeros(x!.shape.with(attrs.axis, lengthOf(attrs, i)), { dtype: like.dtype, backend: like.backend });
      return cat(
        grads.map((g, i) => g ?? missing(i)),
        attrs.axis,
      );
    },
  ],
});

/** Parts of `size` elements along an axis (the last may be shorter), or of the sizes listed. */
export function split(x: Tensor, size: number | readonly number[], dim = 0): readonly Tensor[] {
  const axis = normalizeAxis("split", dim, x.ndim);
  const total = x.shape[axis]!;
  const sizes = typeof size === "number" ? evenSizes(total, size) : size;
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || sizes.reduce((a, b) => a + b, 0) !== total)
    throw new ShapeError(
      "split",
      `the sizes ${show(sizes)} do not add up to axis ${dim} of ${show(x.shape)}`,
      `their sum must be ${total}`,
    );
  return splitOp([x], partsOf(axis, sizes));
}

function evenSizes(total: number, size: number): Shape {
  checkPositive("split", "the size of the parts", size);
  return Array.from({ length: Math.max(1, Math.ceil(total / size)) }, (_, i) => Math.min(size, total - i * size));
}

/** At most `chunks` parts of equal size along an axis; the last may be shorter. Of an empty axis, so many empty ones. */
export function chunk(x: Tensor, chunks: number, dim = 0): readonly Tensor[] {
  checkPositive("chunk", "the number of parts", chunks);
  const axis = normalizeAxis("chunk", dim, x.ndim);
  const size = x.shape[axis]!;
  return split(x, size === 0 ? new Array<number>(chunks).fill(0) : Math.ceil(size / chunks), axis);
}

/** The slices along an axis, without it. */
export function unbind(x: Tensor, dim = 0): readonly Tensor[] {
  const axis = normalizeAxis("unbind", dim, x.ndim);
  return x.shape[axis] === 0 ? [] : scope(() => split(x, 1, axis).map((part) => squeeze(part, axis)));
}

import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { broadcastShapes, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { checkDType } from "./checks.ts";
import { fromTypedArray } from "./creation.ts";
import { maximum, sub, where } from "./elementwise.ts";
import { takeOp } from "./indexing.ts";
import { expand, reshape } from "./movement.ts";
import { flatNonzero } from "./nonzero.ts";
import { scalarLike, valueLike } from "./scatter.ts";
import { cumsum } from "./sort.ts";

/** Both tensors, broadcast. */
function together(op: string, x: Tensor, mask: Tensor): [x: Tensor, mask: Tensor] {
  checkDType(op, "mask", mask.dtype, "bool");
  const shape = broadcastShapes(op, x.shape, mask.shape);
  return [expand(x, shape), expand(mask, shape)];
}

/** The elements of `x` where the bool mask is true, in row-major order, `[count]`; both broadcast. Waits for the mask. */
export const maskedSelect = (x: Tensor, mask: Tensor): Tensor =>
  scope(() => {
    const [all, hit] = together("maskedSelect", x, mask);
    const found = flatNonzero("maskedSelect", all, hit);
    return takeOp([reshape(all, [-1]), fromTypedArray(found, [found.length], "int32", { backend: x.backend })], 0);
  });

/** `x` with one value (in its dtype) where the bool mask is true; both broadcast. */
export const maskedFill = (x: Tensor, mask: Tensor, value: Tensor | number): Tensor =>
  scope(() => {
    const [all, hit] = together("maskedFill", x, mask);
    return where(hit, scalarLike("maskedFill", x, value), all);
  });

/**
 * `x` with the elements of `source`, one after the other, where the bool mask is true; `x` and mask broadcast. Asynchronous devices
 * cannot see that the source is too short: there its last element is repeated.
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  const op = "maskedScatter";
  return scope(() => {
    const [all, hit] = together(op, x, mask);
    const values = reshape(valueLike(op, x, source), [-1]);
    const count = hit.backend.synchronous ? flatNonzero(op, all, hit).length : 1;
    if (count > values.numel())
      throw new ShapeError(
        op,
        `the source ${show(source.shape)} has fewer elements than the mask ${show(mask.shape)} has places`,
        "give it one for every place",
      );
    if (count === 0 || hit.numel() === 0) return all;
    const nth = maximum(sub(cumsum(reshape(cast(hit, "int32"), [-1]), 0), 1), 0);
    return where(hit, reshape(takeOp([values, nth], 0), hit.shape), all);
  });
}

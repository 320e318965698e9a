import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { checkRank, normalizeAxis, show, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { reshape, strided } from "./movement.ts";
import { addWindows, type Pair, positions, readWindows, type Window } from "./windows.ts";

/**
 * The windows of `size` elements along `dim`, `step` apart: the axis counts windows, and a new last axis holds their elements. What
 * fills no window is left out.
 */
export function unfold(x: Tensor, dim: number, size: number, step: number): Tensor {
  const axis = normalizeAxis("unfold", dim, x.ndim);
  if (![size, step].every(Number.isInteger) || size < 0 || size > x.shape[axis]! || step < 1)
    throw new ArgumentError(
      "unfold",
      `windows of ${size} elements, ${step} apart, do not fit axis ${dim} of ${show(x.shape)}`,
      `size must lie in 0 to ${x.shape[axis]}, step must be positive`,
    );
  const strides = stridesOf(x.shape);
  const count = Math.floor((x.shape[axis]! - size) / step) + 1;
  return strided(x, {
    shape: [...x.shape.with(axis, count), size],
    strides: [...strides.with(axis, strides[axis]! * step), strides[axis]!],
    offset: 0,
  });
}

/** What a window sees of images `[N, C, H, W]`, one column for each position: `[N, C·kh·kw, oh·ow]`. */
export function im2col(x: Tensor, window: Window): Tensor {
  checkRank("unfold", x.shape, 4, 4);
  const count = positions("unfold", x.shape, window);
  const shape = [x.shape[0]!, x.shape[1]! * sizeOf(window.kernel), sizeOf(count)];
  return scope(() => reshape(readWindows(x, window, "NCko"), shape));
}

/** The adjoint of `im2col`: columns `[N, C·kh·kw, oh·ow]` added up to images `[N, C, H, W]` of the given height and width. */
export function col2im(columns: Tensor, size: Pair, window: Window): Tensor {
  const { shape } = columns;
  const count = sizeOf(positions("fold", size, window));
  const width = sizeOf(window.kernel);
  if (shape.length !== 3 || shape[1]! % width !== 0 || shape[2] !== count)
    throw new ShapeError(
      "fold",
      `expected columns [N,C·${width},${count}] for an image ${show(size)}, got ${show(shape)}`,
    );
  return scope(() => addWindows(columns, [shape[0]!, shape[1]! / width, ...size], window, "NCko"));
}

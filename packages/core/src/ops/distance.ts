import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { sub } from "./elementwise.ts";
import { unsqueeze } from "./movement.ts";
import { norm } from "./norm.ts";

/** Options of `dist` and `cdist`. */
export interface DistanceOptions {
  /** The order of the norm of the differences. Default 2. */
  readonly p?: number;
}

/**
 * The distances of all pairs of rows, `[*, P, M], [*, R, M] → [*, P, R]`; leading axes broadcast. They are norms of the differences, which
 * are exact for near points too. The gradient of a distance of 0 is 0.
 */
export function cdist(a: Tensor, b: Tensor, { p = 2 }: DistanceOptions = {}): Tensor {
  if (a.ndim < 2 || b.ndim < 2 || a.shape.at(-1) !== b.shape.at(-1))
    throw new ShapeError("cdist", `expected rows of one length, got ${show(a.shape)} and ${show(b.shape)}`);
  if (!(p >= 0))
    throw new ArgumentError("cdist", `p must be 0 or positive, got ${p}`, "2 is the length of the difference");
  return scope(() => norm(sub(unsqueeze(a, -2), unsqueeze(b, -3)), p, -1));
}

/** The norm of the difference of two tensors, which broadcast. */
export const dist = (a: Tensor, b: Tensor, { p = 2 }: DistanceOptions = {}): Tensor => scope(() => norm(sub(a, b), p));

import { primitive } from "../op.ts";
import { reducedAxes, reducedShape, type Shape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { asNumber } from "./cast.ts";
import { expand, reshape } from "./movement.ts";

/** Options of reductions. */
export interface ReduceOptions {
  /** Whether reduced axes stay as size 1. Default false. */
  readonly keepdim?: boolean;
}

/** @internal */
export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepdim: boolean;
}

/** @internal A reduced tensor, or its gradient, as large as before: stretched along the axes that are gone. */
export const restore = (g: Tensor, shape: Shape, axes: readonly number[]): Tensor =>
  expand(reshape(g, reducedShape(shape, axes, true)), shape);

/** @internal The sum over axes that are already counted from the front. */
export const sumOp = primitive<[x: Tensor], ReduceAttrs>({
  name: "sum",
  shape: ([x], { axes, keepdim }) => reducedShape(x, axes, keepdim),
  kernel: (backend, [x], { axes }, [out]) => [backend.reduce("sum", x, axes, out!)],
  vjp: [(g, { specs, attrs }) => restore(g, specs[0]!.shape, attrs.axes)],
});

/** The sum over `dim` (default: all axes). bool counts as int32. */
export const sum = (x: Tensor, dim?: number | readonly number[], { keepdim = false }: ReduceOptions = {}): Tensor =>
  sumOp([asNumber(x)], { axes: reducedAxes("sum", dim, x.ndim), keepdim });

/** @internal The sum over the axes along which a tensor of shape `to` was stretched: the adjoint of broadcasting. */
export function unbroadcast(g: Tensor, to: Shape): Tensor {
  if (sameShape(g.shape, to)) return g;
  const lead = g.ndim - to.length;
  const axes = g.shape.flatMap((size, i) => (i < lead || (to[i - lead] === 1 && size !== 1) ? [i] : []));
  return reshape(sum(g, axes), to);
}

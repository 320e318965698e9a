import { type Op, primitive } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { alongAxis } from "./along.ts";
import { cast } from "./cast.ts";
import { gather } from "./indexing.ts";

interface SortAttrs {
  readonly axis: number;
  readonly descending: boolean;
}

const sortOp: Op<[x: Tensor], SortAttrs, readonly Tensor[]> = primitive({
  name: "sort",
  outputs: ([shape], [dtype]) => [
    { shape, dtype },
    { shape, dtype: "int32" },
  ],
  kernel: (backend, [x], { axis, descending }) => backend.sort(x, axis, descending),
  saves: ["output1"],
  // The inverse of a permutation is what sorts it.
  vjp: [
    (g, { outputs: [, indices], attrs: { axis } }) =>
      gather(g, axis, sortOp([indices!], { axis, descending: false })[1]!),
  ],
});

/** Options of `sort` and `argsort`. */
export interface SortOptions {
  /** Default: the last axis. */
  readonly dim?: number;
  /** Default false. */
  readonly descending?: boolean;
  /** Whether equal elements stay as they stood. Default false; they do in any case. */
  readonly stable?: boolean;
}

/** The elements in order along an axis, equal ones as they stood, NaN as the largest; and the int32 positions they came from. */
export function sort(
  x: Tensor,
  { dim = -1, descending = false }: SortOptions = {},
): { values: Tensor; indices: Tensor } {
  const [values, indices] = alongAxis("sort", x, dim, (x, axis) => sortOp([x], { axis, descending }));
  return { values: values!, indices: indices! };
}

/** The int32 positions that bring an axis into order. */
export const argsort = (x: Tensor, options?: SortOptions): Tensor => sort(x, options).indices;

const cumsumOp: Op<[x: Tensor], { axis: number; reverse: boolean }> = primitive({
  name: "cumsum",
  shape: ([x]) => x,
  kernel: (backend, [x], { axis, reverse }, [out]) => [backend.scan("sum", x, axis, reverse, out!)],
  vjp: [(g, { attrs: { axis, reverse } }) => cumsumOp([g], { axis, reverse: !reverse })],
});

/** Running sums along an axis. bool counts as int32. */
export const cumsum = (x: Tensor, dim: number): Tensor =>
  alongAxis("cumsum", x, dim, (x, axis) => [
    cumsumOp([x.dtype === "bool" ? cast(x, "int32") : x], { axis, reverse: false }),
  ])[0]!;

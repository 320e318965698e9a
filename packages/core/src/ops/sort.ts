import type { Vjp } from "../apply.ts";
import type { ScanFn } from "../backend.ts";
import { type Op, primitive, type Save } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { alongAxis, selectAlong } from "./along.ts";
import { asNumber } from "./cast.ts";
import { gatherKnown } from "./indexing.ts";
import type { Selected } from "./running.ts";

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
      gatherKnown(g, axis, sortOp([indices!], { axis, descending: false })[1]!),
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
export const sort = (x: Tensor, { dim = -1, descending = false }: SortOptions = {}): Selected =>
  selectAlong("sort", x, dim, (x, axis) => sortOp([x], { axis, descending }));

/** The int32 positions that bring an axis into order. */
export const argsort = (x: Tensor, options?: SortOptions): Tensor => sort(x, options).indices;

interface ScanAttrs {
  readonly axis: number;
  readonly reverse?: boolean;
}

/** @internal Running totals along an axis, of numbers. */
export const scanned = (
  fn: ScanFn,
  saves: readonly Save[],
  vjp: Vjp<[x: Tensor], ScanAttrs> | null,
): Op<[x: Tensor], ScanAttrs> =>
  primitive({
    name: `cum${fn}`,
    shape: ([x]) => x,
    kernel: (backend, [x], { axis, reverse = false }, [out]) => [backend.scan(fn, x, axis, reverse, out!)],
    saves,
    vjp: [vjp],
  });

/** @internal The method of running totals. */
export const scanning =
  (name: string, op: Op<[x: Tensor], ScanAttrs>) =>
  (x: Tensor, dim: number): Tensor =>
    alongAxis(name, x, dim, (x, axis) => [op([asNumber(x)], { axis })])[0]!;

const cumsumOp: Op<[x: Tensor], ScanAttrs> = scanned("sum", [], (g, { attrs: { axis, reverse } }) =>
  cumsumOp([g], { axis, reverse: !reverse }),
);

/** Running sums along an axis. bool counts as int32. */
export const cumsum: (x: Tensor, dim: number) => Tensor = scanning("cumsum", cumsumOp);

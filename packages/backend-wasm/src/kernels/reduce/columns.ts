import { type Shape, sizeOf } from "@descent/core";
import type { FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { Range } from "../../kernel-module.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { FOUR, type Lanes, ONE } from "../lanes.ts";

/** Columns that one item of a kernel over columns has: a cache line. */
export const COLUMNS = 16;

/** Items that the columns of so many matrices are. */
export const itemsOf = (outer: number, inner: number): number => outer * Math.ceil(inner / COLUMNS);

/** Calls `body` for the columns of matrices with the number of a matrix, and with the place in bytes and the number of some vectors of a row. */
export function overColumns(
  f: FunctionBuilder,
  { begin, end }: Range,
  innerBytes: I32,
  body: (matrix: I32, column: I32, vectors: number, lanes: Lanes) => void,
): void {
  const blocks = f.let(innerBytes.add(4 * COLUMNS - 1).divU(4 * COLUMNS));
  f.for(begin, end, 1, (item) => {
    const matrix = f.let(item.divU(blocks));
    const column = f.let(item.remU(blocks).mul(4 * COLUMNS));
    const bytes = f.let(innerBytes.sub(column));
    f.if(
      bytes.geS(4 * COLUMNS),
      () => body(matrix, column, COLUMNS / 4, FOUR),
      () => {
        f.for(0, bytes.and(-16), 16, (at) => body(matrix, column.add(at), 1, FOUR));
        f.for(bytes.and(-16), bytes, 4, (at) => body(matrix, column.add(at), 1, ONE));
      },
    );
  });
}

/** Launches a kernel along an axis: one over rows where it is the last axis, or else one over columns. An element takes `cost` nanoseconds. */
export function launchAlong(
  runtime: Runtime,
  shape: Shape,
  axis: number,
  rows: () => Kernel,
  columns: () => Kernel,
  addresses: readonly number[],
  cost: number,
): void {
  const size = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  if (inner === 1) runtime.launch(rows(), outer, cost * size, [...addresses, 4 * size]);
  else {
    const integers = [...addresses, size, 4 * inner];
    runtime.launch(columns(), itemsOf(outer, inner), cost * size * Math.min(inner, COLUMNS), integers);
  }
}

import { type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { FOUR, type Lanes, least, ONE } from "../lanes.ts";
import { FOLD, PARTITIONED, runsOfPart, visitRuns } from "../runs.ts";
import { type Accumulators, REDUCTIONS, type Reduction } from "./accumulators.ts";

type Fn = keyof typeof REDUCTIONS;

/** Columns that one item of a kernel over columns has: a cache line. */
export const COLUMNS = 16;

/** For every reduction a kernel over runs and one over columns. */
export function defineReductions(m: KernelModule<`${Fn}Runs` | `${Fn}Columns`>): void {
  for (const fn of Object.keys(REDUCTIONS) as Fn[]) {
    defineRuns(m, `${fn}Runs`, REDUCTIONS[fn]);
    defineColumns(m, `${fn}Columns`, REDUCTIONS[fn]);
  }
}

/** `x [outer, kept, inner] → y [parts, kept]`, one item per result. */
function defineRuns<N extends string>(m: KernelModule<N>, name: N, reduction: Reduction): void {
  m.kernel(name, { x: I32, y: I32, ...PARTITIONED }, (f, p, { begin, end }) => {
    const total = reduction(f, 4, false);
    f.for(begin, end, 1, (item) => {
      const runs = runsOfPart(f, p, item.remU(p.kept), item.divU(p.kept));
      total.reset();
      visitRuns(f, runs, (at, offset, lanes, i) => total.take(i, lanes.load(p.x.add(at), offset), lanes), total.fold);
      total.storeAll(p.y.add(item.shl(2)));
    });
  });
}

/** `x [outer, reduced, inner] → y [parts, outer, inner]`, one item for up to `COLUMNS` results. A part has `rowsPart` of the rows. */
export function defineColumns<N extends string>(m: KernelModule<N>, name: N, reduction: Reduction): void {
  const params = { x: I32, y: I32, outer: I32, reduced: I32, innerBytes: I32, rowsPart: I32 };
  m.kernel(name, params, (f, { x, y, outer, reduced, innerBytes, rowsPart }, { begin, end }) => {
    const block = reduction(f, COLUMNS / 4, true);
    const single = reduction(f, 1, true);
    const blocks = f.let(innerBytes.add(4 * COLUMNS - 1).divU(4 * COLUMNS));
    f.for(begin, end, 1, (item) => {
      const matrix = f.let(item.divU(blocks));
      const column = f.let(item.remU(blocks).mul(4 * COLUMNS));
      const row = f.let(matrix.divU(outer).mul(rowsPart));
      const from = f.let(x.add(matrix.remU(outer).mul(reduced).add(row).mul(innerBytes)).add(column));
      const to = f.let(y.add(matrix.mul(innerBytes)).add(column));
      const bytes = f.let(innerBytes.sub(column));
      const rows = f.let(least(reduced.sub(row), rowsPart));
      const reduce = (accumulators: Accumulators, vectors: number, at: I32 | number, lanes: Lanes): void =>
        reduceColumns(f, accumulators, vectors, from.add(at), innerBytes, rows, to.add(at), lanes);
      f.if(
        bytes.geS(4 * COLUMNS),
        () => reduce(block, COLUMNS / 4, 0, FOUR),
        () => {
          f.for(0, bytes.and(-16), 16, (at) => reduce(single, 1, at, FOUR));
          f.for(bytes.and(-16), bytes, 4, (at) => reduce(single, 1, at, ONE));
        },
      );
    });
  });
}

/** Reduces a strip of columns, some vectors wide. */
function reduceColumns(
  f: FunctionBuilder,
  accumulators: Accumulators,
  vectors: number,
  from: I32,
  stride: I32,
  rows: I32,
  to: I32,
  lanes: Lanes,
): void {
  const address = f.let(from);
  accumulators.reset();
  f.for(0, rows, FOLD, (row) => {
    f.for(row, least(rows, row.add(FOLD)), 1, () => {
      for (let i = 0; i < vectors; i++) accumulators.take(i, lanes.load(address, 16 * i), lanes);
      address.set(address.add(stride));
    });
    accumulators.fold();
  });
  for (let i = 0; i < vectors; i++) accumulators.storeLanes(i, to.add(16 * i), lanes);
}

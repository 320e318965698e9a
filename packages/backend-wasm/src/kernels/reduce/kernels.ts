import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { least } from "../lanes.ts";
import { FOLD, PARTITIONED, runsOfPart, visitRuns } from "../runs.ts";
import { REDUCTIONS, type Reduction } from "./accumulators.ts";
import { COLUMNS, overColumns } from "./columns.ts";

type Fn = keyof typeof REDUCTIONS;

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
  const params = [I32, I32, I32, I32, I32, I32] as const;
  m.kernel(name, params, (f, range, x, y, outer, reduced, innerBytes, rowsPart) => {
    const block = reduction(f, COLUMNS / 4, true);
    const single = reduction(f, 1, true);
    overColumns(f, range, innerBytes, (matrix, column, vectors, lanes) => {
      const row = f.let(matrix.divU(outer).mul(rowsPart));
      const from = f.let(x.add(matrix.remU(outer).mul(reduced).add(row).mul(innerBytes)).add(column));
      const rows = f.let(least(reduced.sub(row), rowsPart));
      const accumulators = vectors === 1 ? single : block;
      accumulators.reset();
      f.for(0, rows, FOLD, (first) => {
        f.for(first, least(rows, first.add(FOLD)), 1, () => {
          for (let i = 0; i < vectors; i++) accumulators.take(i, lanes.load(from, 16 * i), lanes);
          increase(from, innerBytes);
        });
        accumulators.fold();
      });
      const to = f.let(y.add(matrix.mul(innerBytes)).add(column));
      for (let i = 0; i < vectors; i++) accumulators.storeLanes(i, to.add(16 * i), lanes);
    });
  });
}

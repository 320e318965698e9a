import { F32x4, I32, I32x4 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase, times } from "../idioms.ts";
import { FOUR, type Lanes, ONE, sweep } from "../lanes.ts";
import { REDUCTIONS, type Reduction } from "./accumulators.ts";
import { overColumns } from "./columns.ts";

interface Extreme {
  readonly reduction: Reduction;
  readonly beats: (a: F32x4, b: F32x4) => I32x4;
}
const EXTREMES = {
  argmax: { reduction: REDUCTIONS.max, beats: (a, b) => a.gt(b) },
  argmin: { reduction: REDUCTIONS.min, beats: (a, b) => a.lt(b) },
} satisfies Record<string, Extreme>;
type Fn = keyof typeof EXTREMES;

/** For either a kernel along rows and one along columns. */
export function defineArgReductions(m: KernelModule<`${Fn}Rows` | `${Fn}Columns`>): void {
  for (const fn of Object.keys(EXTREMES) as Fn[]) {
    defineRows(m, `${fn}Rows`, EXTREMES[fn]);
    defineColumns(m, `${fn}Columns`, EXTREMES[fn]);
  }
}

/** `x [rows, size] → y [rows]`: finds the extreme element, which `y` has room for meanwhile, then the first one that equals it. */
function defineRows<N extends string>(m: KernelModule<N>, name: N, { reduction }: Extreme): void {
  m.kernel(name, [I32, I32, I32], (f, { begin, end }, x, y, bytes) => {
    const extreme = reduction(f, 4, false);
    const at = f.var(I32);
    f.for(begin, end, 1, (row) => {
      const from = f.let(x.add(row.mul(bytes)));
      const to = f.let(y.add(row.shl(2)));
      extreme.reset();
      sweep(f, bytes, 4, (at, offset, lanes, i) => extreme.take(i, lanes.load(from.add(at), offset), lanes));
      extreme.storeAll(to);
      const wanted = f.let(F32x4.loadSplat(to));
      /** Goes on to the first vector or float that is a hit. Where the extreme is NaN, that is the first NaN. */
      const seek = (lanes: Lanes, step: number): void =>
        f.block((hit) =>
          f.loop((again) => {
            f.breakIf(hit, at.gtS(bytes.sub(step)));
            const found = f.let(lanes.load(from.add(at)));
            f.breakIf(hit, found.eq(wanted).or(found.ne(found)).anyTrue());
            increase(at, step);
            again(I32.const(1));
          }),
        );
      at.set(I32.const(0));
      seek(FOUR, 16);
      seek(ONE, 4);
      f.store(to, at.shrU(2));
    });
  });
}

/** `x [outer, size, inner] → y [outer, inner]`, one item for up to `COLUMNS` results. */
function defineColumns<N extends string>(m: KernelModule<N>, name: N, { beats }: Extreme): void {
  m.kernel(name, [I32, I32, I32, I32], (f, range, x, y, size, innerBytes) =>
    overColumns(f, range, innerBytes, (matrix, column, vectors, lanes) => {
      const from = f.let(x.add(matrix.mul(size).mul(innerBytes)).add(column));
      const best = times(vectors, (i) => f.let(lanes.load(from, 16 * i)));
      const index = times(vectors, () => f.let(I32x4.splat(I32.const(0))));
      f.for(1, size, 1, (k) => {
        increase(from, innerBytes);
        for (const [i, most] of best.entries()) {
          const rival = f.let(lanes.load(from, 16 * i));
          // NaN beats everything but another one.
          const wins = f.let(beats(rival, most).or(rival.ne(rival)).and(most.eq(most)));
          most.set(wins.select(rival, most));
          index[i]!.set(wins.selectI32(I32x4.splat(k), index[i]!));
        }
      });
      const to = f.let(y.add(matrix.mul(innerBytes)).add(column));
      for (const [i, found] of index.entries()) lanes.store(f, to, found.asF32x4(), 16 * i);
    }),
  );
}

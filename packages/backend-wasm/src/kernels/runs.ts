import type { FunctionBuilder, I32, Var } from "../assembler/index.ts";
import { I32 as Int } from "../assembler/index.ts";
import { type Lanes, least, sweep } from "./lanes.ts";

/** Runs of neighbouring floats at equal distances: the elements of one channel of `[N, C, …]`, say. All numbers are bytes but `count`. */
export interface Runs {
  /** Position of the first run. */
  readonly first: I32;
  /** From one run to the next. */
  readonly stride: I32;
  readonly count: I32;
  /** Length of a run. */
  readonly bytes: I32;
}

/** How many numbers an accumulator adds up before it is emptied: the error of a sum grows with it. */
export const FOLD = 64;
/** Bytes that four accumulators of four lanes take in until then. */
const FOLD_BYTES = FOLD * 64;

/**
 * Visits every element of some runs, four vectors at a time: `visit` gets the position, as a variable part and a constant one, and which
 * of four accumulators it is for. `fold` is called when one of them has taken in up to twice `FOLD` vectors, and at the end; `elements`
 * says how many floats there were since the last time.
 */
export function visitRuns(
  f: FunctionBuilder,
  { first, stride, count, bytes }: Runs,
  visit: (at: I32, offset: number, lanes: Lanes, accumulator: number) => void,
  fold: (elements: Var<I32>) => void,
): void {
  const run = f.let(first);
  const taken = f.var(Int);
  const elements = f.var(Int);
  taken.set(Int.const(0));
  elements.set(Int.const(0));
  const left = f.let(count);
  f.if(left.gtS(0), () =>
    f.loop((again) => {
      left.set(left.sub(1));
      f.for(0, bytes, FOLD_BYTES, (block) => {
        const start = f.let(run.add(block));
        const length = f.let(least(bytes.sub(block), FOLD_BYTES));
        sweep(f, length, 4, (at, offset, lanes, vector) => visit(start.add(at), offset, lanes, vector));
        // The first accumulator also takes what is left over, by vectors and by single floats.
        taken.set(taken.add(length.shrU(6)).add(length.shrU(4).and(3)).add(length.shrU(2).and(3)));
        elements.set(elements.add(length.shrU(2)));
        f.if(taken.geS(FOLD).or(left.eqz().and(block.add(FOLD_BYTES).geS(bytes))), () => {
          fold(elements);
          taken.set(Int.const(0));
          elements.set(Int.const(0));
        });
      });
      run.set(run.add(stride));
      again(left);
    }),
  );
}

import { type FunctionBuilder, I32, type Var } from "../assembler/index.ts";
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

/**
 * How `[outer, kept, inner]` is divided for threads, where there are few of what is kept: a part has up to `outerPart` runs, and of each up
 * to `innerPart` elements; `innerParts` of them make up a whole run.
 */
export interface Partition {
  readonly parts: number;
  readonly outerPart: number;
  readonly innerPart: number;
  readonly innerParts: number;
}

/** The least number of elements that is worth a partial result. */
const LEAST_PART = 2 ** 15;
/** Floats of a cache line. */
const LINE = 16;

/** How many parts make about `wanted` items of `items`, of which each has `size` elements. */
export const partsFor = (items: number, size: number, wanted: number): number =>
  Math.max(1, Math.min(Math.ceil(wanted / items), Math.floor((items * size) / LEAST_PART)));

/** Divides runs, or where there is only one, that. It depends on the shape alone, so that the number of threads does not show. */
export function partition(outer: number, kept: number, inner: number, wanted: number): Partition {
  const parts = partsFor(kept, outer * inner, wanted);
  if (outer > 1) {
    const outerPart = Math.ceil(outer / parts);
    return { parts: Math.ceil(outer / outerPart), outerPart, innerPart: inner, innerParts: 1 };
  }
  const innerPart = Math.ceil(inner / parts / LINE) * LINE;
  const innerParts = Math.ceil(inner / innerPart);
  return { parts: innerParts, outerPart: 1, innerPart, innerParts };
}

/** The parameters of kernels over parts of `[outer, kept, inner]`. */
export const PARTITIONED = {
  outer: I32,
  kept: I32,
  innerBytes: I32,
  outerPart: I32,
  innerPartBytes: I32,
  innerParts: I32,
} as const;

/** Their values. */
export const partitioned = (outer: number, kept: number, inner: number, by: Partition): number[] => [
  outer,
  kept,
  4 * inner,
  by.outerPart,
  4 * by.innerPart,
  by.innerParts,
];

/** The runs of item `k` of what is kept that belong to a part. */
export function runsOfPart(
  f: FunctionBuilder,
  p: { readonly [K in keyof typeof PARTITIONED]: I32 },
  k: I32,
  part: I32,
): Runs {
  const run = f.let(part.divU(p.innerParts).mul(p.outerPart));
  const start = f.let(part.remU(p.innerParts).mul(p.innerPartBytes));
  const stride = f.let(p.kept.mul(p.innerBytes));
  return {
    first: f.let(run.mul(stride).add(k.mul(p.innerBytes)).add(start)),
    stride,
    count: f.let(least(p.outer.sub(run), p.outerPart)),
    bytes: f.let(least(p.innerBytes.sub(start), p.innerPartBytes)),
  };
}

/** How many numbers an accumulator adds up before it is emptied: the error of a sum grows with it. */
export const FOLD = 64;
/** Bytes that four accumulators of four lanes take in until then. */
export const FOLD_BYTES = FOLD * 64;

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
  const taken = f.var(I32);
  const elements = f.var(I32);
  taken.set(I32.const(0));
  elements.set(I32.const(0));
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
          taken.set(I32.const(0));
          elements.set(I32.const(0));
        });
      });
      run.set(run.add(stride));
      again(left);
    }),
  );
}

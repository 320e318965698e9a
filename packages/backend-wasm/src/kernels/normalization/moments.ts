import { F32, F32x4, F64, type FunctionBuilder, type I32, type Var } from "../../assembler/index.ts";
import { doubleSum, type Lanes, least, sweep, tree } from "../lanes.ts";
import { FOLD_BYTES, type Runs, visitRuns } from "../runs.ts";

/** How many numbers there were, their sum, and the sum of the squares of what they are off their mean. */
export interface Moments {
  readonly count: Var<F64>;
  readonly sum: Var<F64>;
  readonly squares: Var<F64>;
}
type Found = { readonly [K in keyof Moments]: F64 };

const four = [0, 1, 2, 3];
const plus = (a: F32x4, b: F32x4): F32x4 => a.add(b);

export const noMoments = (f: FunctionBuilder): Moments => ({ count: f.var(F64), sum: f.var(F64), squares: f.var(F64) });

export function resetMoments(moments: Moments): void {
  for (const moment of Object.values(moments)) moment.set(F64.const(0));
}

/** Takes in the moments of other numbers (Chan, Golub & LeVeque 1979). */
export function mergeMoments(f: FunctionBuilder, { count, sum, squares }: Moments, other: Found): void {
  const total = f.let(count.add(other.count));
  f.if(count.toF32().gt(F32.const(0)), () => {
    const apart = f.let(other.sum.div(other.count).sub(sum.div(count)));
    squares.set(squares.add(apart.mul(apart).mul(count).mul(other.count).div(total)));
  });
  squares.set(squares.add(other.squares));
  sum.set(sum.add(other.sum));
  count.set(total);
}

/**
 * Takes in the floats of some runs of `x`, in one pass: blocks of them are summed up as deviations from the mean of what came before, and
 * the first block as deviations from that of its first kilobytes. A block whose mean is far from that loses digits of its own squares, but
 * then the distance itself makes up the variance, so that the relative error stays that of a few roundings.
 */
export function gatherMoments(f: FunctionBuilder, x: I32, runs: Runs, moments: Moments): void {
  const sums = four.map(() => f.var(F32x4));
  const squares = four.map(() => f.var(F32x4));
  const shift = f.var(F32x4);
  const reset = (): void => {
    for (const accumulator of [...sums, ...squares]) accumulator.set(f.f32x4(0));
  };
  // An infinite mean would make NaN of the sum.
  const shiftBy = (mean: F32): void => {
    const value = f.let(mean);
    shift.set(F32x4.splat(value.sub(value).eq(F32.const(0)).select(value, F32.const(0))));
  };

  reset();
  const head = f.let(least(runs.bytes, FOLD_BYTES));
  sweep(f, head, 4, (at, offset, lanes, i) => {
    sums[i]!.set(sums[i]!.add(lanes.counted(lanes.load(x.add(runs.first).add(at), offset))));
  });
  shiftBy(doubleSum(f, tree(sums, plus)).div(head.shrU(2).toF64()).toF32());

  reset();
  visitRuns(
    f,
    runs,
    (at, offset, lanes, i) => {
      const off = f.let(lanes.counted(lanes.load(x.add(at), offset).sub(shift)));
      sums[i]!.set(sums[i]!.add(off));
      squares[i]!.set(f.madd(off, off, squares[i]!));
    },
    (elements) => {
      const count = f.let(elements.toF64());
      const sum = f.let(doubleSum(f, tree(sums, plus)));
      mergeMoments(f, moments, {
        count,
        sum: f.let(sum.add(shift.lane(0).toF64().mul(count))),
        squares: f.let(doubleSum(f, tree(squares, plus)).sub(sum.mul(sum).div(count))),
      });
      shiftBy(moments.sum.div(moments.count).toF32());
      reset();
    },
  );
}

/** Writes mean and biased variance as floats. */
export function storeMoments(f: FunctionBuilder, { count, sum, squares }: Moments, mean: I32, variance: I32): void {
  f.store(mean, sum.div(count).toF32());
  f.store(variance, squares.div(count).toF32());
}

/** `1 / √(variance + eps)`. */
export const inverseDeviation = (variance: F32, eps: F32): F32 =>
  F64.const(1).div(variance.toF64().add(eps.toF64()).sqrt()).toF32();

/** Σ g and Σ g · (x − mean), from which the gradients of a normalisation are made. */
export interface GradientSums {
  readonly plain: Var<F64>;
  readonly centered: Var<F64>;
}

export const noSums = (f: FunctionBuilder): GradientSums => ({ plain: f.var(F64), centered: f.var(F64) });

/** Adds the sums over some runs; `g` gives what stands at a position. */
export function gatherSums(
  f: FunctionBuilder,
  g: (at: I32, offset: number, lanes: Lanes) => F32x4,
  x: I32,
  mean: F32x4,
  runs: Runs,
  { plain, centered }: GradientSums,
): void {
  const ofPlain = four.map(() => f.var(F32x4));
  const ofCentered = four.map(() => f.var(F32x4));
  const reset = (): void => {
    for (const accumulator of [...ofPlain, ...ofCentered]) accumulator.set(f.f32x4(0));
  };
  reset();
  visitRuns(
    f,
    runs,
    (at, offset, lanes, i) => {
      const here = f.let(lanes.counted(g(at, offset, lanes)));
      ofPlain[i]!.set(ofPlain[i]!.add(here));
      ofCentered[i]!.set(f.madd(here, lanes.load(x.add(at), offset).sub(mean), ofCentered[i]!));
    },
    () => {
      plain.set(plain.add(doubleSum(f, tree(ofPlain, plus))));
      centered.set(centered.add(doubleSum(f, tree(ofCentered, plus))));
      reset();
    },
  );
}

export function resetSums(sums: GradientSums): void {
  for (const sum of Object.values(sums)) sum.set(F64.const(0));
}

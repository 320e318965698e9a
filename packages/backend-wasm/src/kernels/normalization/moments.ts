import { F32, F32x4, F64, type FunctionBuilder, type I32, type Var } from "../../assembler/index.ts";
import { increase, times, vectors } from "../idioms.ts";
import { doubleSum, type Lanes, least, sweep, tree, zero } from "../lanes.ts";
import { FOLD_BYTES, type Runs, visitRuns } from "../runs.ts";

type Three<T> = readonly [T, T, T];
/**
 * What is added up over the elements of a normalisation. Forward these are moments: how many numbers there were, their sum, and the sum of the
 * squares of what they are off their mean. Backward they are Σ g and Σ g · (x − mean).
 */
export type Sums = Three<Var<F64>>;

export const sumsOf = (f: FunctionBuilder): Sums => times(3, () => f.var(F64)) as unknown as Sums;

export function reset(sums: readonly Var<F64 | F32x4>[], to: F64 | F32x4 = zero): void {
  for (const sum of sums) sum.set(to);
}

const total = (f: FunctionBuilder, sums: readonly F32x4[]): F64 =>
  doubleSum(
    f,
    tree(sums, (a, b) => a.add(b)),
  );

/** Adds up two things over some runs, in single precision between calls of `fold`, which gets both sums and how many floats they are of. */
function sumBoth(
  f: FunctionBuilder,
  runs: Runs,
  visit: (at: I32, offset: number, lanes: Lanes, a: Var<F32x4>, b: Var<F32x4>) => void,
  fold: (a: F64, b: F64, elements: I32) => void,
): void {
  const [a, b] = [vectors(f, 4), vectors(f, 4)];
  reset([...a, ...b], f.f32x4(0));
  visitRuns(
    f,
    runs,
    (at, offset, lanes, i) => visit(at, offset, lanes, a[i]!, b[i]!),
    (elements) => {
      fold(f.let(total(f, a)), f.let(total(f, b)), elements);
      reset([...a, ...b], f.f32x4(0));
    },
  );
}

/** Takes in the moments of other numbers (Chan, Golub & LeVeque 1979). */
export function mergeMoments(f: FunctionBuilder, [count, sum, squares]: Sums, [n, otherSum, otherSquares]: Three<F64>) {
  const both = f.let(count.add(n));
  f.if(count.toF32().gt(F32.const(0)), () => {
    const apart = f.let(otherSum.div(n).sub(sum.div(count)));
    increase(squares, apart.mul(apart).mul(count).mul(n).div(both));
  });
  increase(squares, otherSquares);
  increase(sum, otherSum);
  count.set(both);
}

/**
 * Takes in the floats of some runs of `x`, in one pass: blocks of them are summed up as deviations from the mean of what came before, and
 * the first block as deviations from that of its first kilobytes. A block whose mean is far from that loses digits of its own squares, but
 * then the distance itself makes up the variance, so that the relative error stays that of a few roundings.
 */
export function gatherMoments(f: FunctionBuilder, x: I32, runs: Runs, moments: Sums): void {
  const heads = vectors(f, 4);
  const shift = f.var(F32x4);
  // An infinite mean would make NaN of the sum.
  const shiftBy = (mean: F64): void => {
    const value = f.let(mean.toF32());
    shift.set(F32x4.splat(value.sub(value).eq(F32.const(0)).select(value, F32.const(0))));
  };
  reset(heads, f.f32x4(0));
  const head = f.let(least(runs.bytes, FOLD_BYTES));
  sweep(f, head, 4, (at, offset, lanes, i) =>
    increase(heads[i]!, lanes.counted(lanes.load(x.add(runs.first).add(at), offset))),
  );
  shiftBy(total(f, heads).div(head.shrU(2).toF64()));

  sumBoth(
    f,
    runs,
    (at, offset, lanes, sum, squares) => {
      const off = f.let(lanes.counted(lanes.load(x.add(at), offset).sub(shift)));
      increase(sum, off);
      squares.set(f.madd(off, off, squares));
    },
    (sum, squares, elements) => {
      const count = f.let(elements.toF64());
      const whole = f.let(sum.add(shift.lane(0).toF64().mul(count)));
      mergeMoments(f, moments, [count, whole, f.let(squares.sub(sum.mul(sum).div(count)))]);
      shiftBy(moments[1].div(moments[0]));
    },
  );
}

/** Writes mean and biased variance as floats. */
export function storeMoments(f: FunctionBuilder, [count, sum, squares]: Sums, mean: I32, variance: I32): void {
  f.store(mean, sum.div(count).toF32());
  f.store(variance, squares.div(count).toF32());
}

/** `1 / √(variance + eps)`, where the variance is in memory. */
export const inverseDeviation = (variance: I32, eps: F32): F32 =>
  F64.const(1).div(F32.load(variance).toF64().add(eps.toF64()).sqrt()).toF32();

/** Adds the gradients' sums over some runs; `g` gives what stands at a position. */
export function gatherSums(
  f: FunctionBuilder,
  g: (at: I32, offset: number, lanes: Lanes) => F32x4,
  x: I32,
  mean: F32x4,
  runs: Runs,
  [plain, centered]: Sums,
): void {
  sumBoth(
    f,
    runs,
    (at, offset, lanes, a, b) => {
      const here = f.let(lanes.counted(g(at, offset, lanes)));
      increase(a, here);
      b.set(f.madd(here, lanes.load(x.add(at), offset).sub(mean), b));
    },
    (a, b) => {
      increase(plain, a);
      increase(centered, b);
    },
  );
}

/**
 * What `slope · (g − Σ g / n − (x − mean) · r² · Σ g (x − mean) / n)` is made of beside `slope · g`, given the sums and `n`: a multiple of
 * `x − mean`, and a constant.
 */
export function inputGradient(f: FunctionBuilder, slope: F32, r: F32, [plain, centered]: Sums, n: F64) {
  const minus = f.let(F64.const(0).sub(slope.toF64()).div(n));
  const inverse = f.let(r.toF64());
  return [
    f.let(F32x4.splat(minus.mul(inverse).mul(inverse).mul(centered).toF32())),
    f.let(F32x4.splat(minus.mul(plain).toF32())),
  ] as const;
}

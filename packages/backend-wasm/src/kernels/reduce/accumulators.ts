import { F32, F32x4, F64x2, type FunctionBuilder, type I32, I32x4 } from "../../assembler/index.ts";
import { acrossLanes, type Lanes, tree, upperHalf, zero } from "../lanes.ts";

/** What a reduction keeps while it goes over its elements: some vectors, of which either every lane or all together give a result. */
interface Accumulators {
  /** Makes them the reduction of nothing. */
  reset(): void;
  /** Takes elements into vector `i`. */
  take(i: number, x: F32x4, lanes: Lanes): void;
  /** Called after every `FOLD` elements or so, so that sums stay accurate. */
  fold(): void;
  /** Writes one result for every lane of vector `i`. */
  storeLanes(i: number, address: I32, lanes: Lanes): void;
  /** Writes the result of everything. */
  storeAll(address: I32): void;
}

/** Makes `count` accumulators, whose lanes are results of their own where they are `apart`. */
export type Reduction = (f: FunctionBuilder, count: number, apart: boolean) => Accumulators;

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/**
 * Sums of up to `2 · FOLD` floats in single precision, sums of those in double precision, rounded once. The error is at most that of 132
 * roundings of the sum of absolute values, however many floats there are; in PyTorch, which adds up by four levels of 16 or more, it grows.
 */
const floatSum: Reduction = (f, count, apart) => {
  const sums = times(count, () => f.var(F32x4));
  const groups = apart ? sums.map((sum) => [sum]) : [sums];
  const totals = groups.map(() => [f.var(F64x2), f.var(F64x2)] as const);
  return {
    reset() {
      for (const sum of sums) sum.set(f.f32x4(0));
      for (const total of totals.flat()) total.set(F64x2.splat(zero));
    },
    take: (i, x, lanes) => sums[i]!.set(sums[i]!.add(apart ? x : lanes.counted(x))),
    fold() {
      for (const [i, group] of groups.entries()) {
        const [lower, upper] = totals[i]!;
        const sum = f.let(tree<F32x4>(group, (a, b) => a.add(b)));
        lower.set(lower.add(sum.toF64x2()));
        upper.set(upper.add(upperHalf(sum)));
        for (const part of group) part.set(f.f32x4(0));
      }
    },
    storeLanes(i, address, lanes) {
      const [lower, upper] = totals[i]!;
      lanes.store(f, address, lower.toF32x4().shuffle(upper.toF32x4(), [0, 1, 4, 5]));
    },
    storeAll(address) {
      const [lower, upper] = totals[0]!;
      const pair = f.let(lower.add(upper));
      f.store(address, pair.lane(0).add(pair.lane(1)).toF32());
    },
  };
};

/** `pmax` and `pmin` let NaN pass by, so it is looked for apart: that is faster than `max` and `min`. */
const extremum =
  (identity: number, beats: (a: F32x4, b: F32x4) => F32x4): Reduction =>
  (f, count) => {
    const extremes = times(count, () => f.var(F32x4));
    const nans = times(count, () => f.var(I32x4));
    return {
      reset() {
        for (const extreme of extremes) extreme.set(f.f32x4(identity));
        for (const nan of nans) nan.set(f.i32x4(0));
      },
      take(i, x) {
        const y = f.let(x);
        extremes[i]!.set(beats(extremes[i]!, y));
        nans[i]!.set(nans[i]!.or(y.ne(y)));
      },
      fold() {},
      storeLanes: (i, address, lanes) => lanes.store(f, address, nans[i]!.select(f.f32x4(Number.NaN), extremes[i]!)),
      storeAll(address) {
        const extreme = acrossLanes(f, tree<F32x4>(extremes, beats), beats);
        const nan = tree<I32x4>(nans, (a, b) => a.or(b)).anyTrue();
        f.store(address, nan.select(F32.const(Number.NaN), extreme.lane(0)));
      },
    };
  };

/** Wraps around. */
const intSum: Reduction = (f, count, apart) => {
  const sums = times(count, () => f.var(I32x4));
  return {
    reset() {
      for (const sum of sums) sum.set(f.i32x4(0));
    },
    take: (i, x, lanes) => sums[i]!.set(sums[i]!.add((apart ? x : lanes.counted(x)).asI32x4())),
    fold() {},
    storeLanes: (i, address, lanes) => lanes.store(f, address, sums[i]!.asF32x4()),
    storeAll(address) {
      const sum = f.let(tree<I32x4>(sums, (a, b) => a.add(b)));
      f.store(address, sum.lane(0).add(sum.lane(1)).add(sum.lane(2)).add(sum.lane(3)));
    },
  };
};

/** The reductions that have kernels, by kernel. */
export const REDUCTIONS = {
  sum: floatSum,
  max: extremum(Number.NEGATIVE_INFINITY, (a, b) => a.pmax(b)),
  min: extremum(Number.POSITIVE_INFINITY, (a, b) => a.pmin(b)),
  intSum,
} satisfies Record<string, Reduction>;

import {
  type ArgReduceFn,
  allocate,
  type ReduceFn,
  type ScanFn,
  sizeOf,
  stridesOf,
  type TypedArray,
} from "@descent/core";
import type { Kernel } from "./kernel.ts";
import { rowsOf, splitAt } from "./rows.ts";

interface Reduction {
  readonly identity: number;
  /** Adds `x[at…end)` to `y`, from `j` on in steps of `dj` (0 where the row is reduced). */
  readonly loop: (y: Float64Array, j: number, dj: number, x: TypedArray, at: number, end: number) => void;
}

const REDUCE: Record<ReduceFn, Reduction> = {
  sum: {
    identity: 0,
    loop: (y, j, dj, x, at, end) => {
      for (; at < end; at++, j += dj) y[j]! += x[at]!;
    },
  },
  max: {
    identity: Number.NEGATIVE_INFINITY,
    loop: (y, j, dj, x, at, end) => {
      for (; at < end; at++, j += dj) y[j] = Math.max(y[j]!, x[at]!);
    },
  },
  min: {
    identity: Number.POSITIVE_INFINITY,
    loop: (y, j, dj, x, at, end) => {
      for (; at < end; at++, j += dj) y[j] = Math.min(y[j]!, x[at]!);
    },
  },
};

/** Whatever the dtype, the running result is a double. */
export const reduce: Kernel<"reduce"> = (fn, x, axes, out) => {
  const { identity, loop } = REDUCE[fn];
  const results = new Float64Array(sizeOf(out.shape)).fill(identity);
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const strides = stridesOf(kept).map((stride, i) => (axes.includes(i) ? 0 : stride));
  const { length, steps, starts } = rowsOf(x.shape, [{ strides, offset: 0 }]);
  let at = 0;
  for (const start of starts[0]!) {
    loop(results, start, steps[0]!, x.handle, at, at + length);
    at += length;
  }
  const y = allocate(out.dtype, results.length);
  y.set(results);
  return y;
};

const BEATS: Record<ArgReduceFn, (a: number, best: number) => boolean> = {
  argmax: (a, best) => a > best,
  argmin: (a, best) => a < best,
};

export const argReduce: Kernel<"argReduce"> = (fn, { handle: x, shape }, axis, out) => {
  const y = allocate(out.dtype, sizeOf(out.shape));
  const { outer, size, inner } = splitAt(shape, axis);
  const beats = BEATS[fn];
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const first = o * size * inner + i;
      let best = 0;
      for (let k = 1; k < size; k++) {
        const [a, b] = [x[first + k * inner]!, x[first + best * inner]!];
        if (!Number.isNaN(b) && (Number.isNaN(a) || beats(a, b))) best = k;
      }
      y[o * inner + i] = best;
    }
  return y;
};

const SCAN: Record<ScanFn, { readonly identity: number; readonly next: (total: number, x: number) => number }> = {
  sum: { identity: 0, next: (total, x) => total + x },
  prod: { identity: 1, next: (total, x) => total * x },
  max: { identity: Number.NEGATIVE_INFINITY, next: Math.max },
  min: { identity: Number.POSITIVE_INFINITY, next: Math.min },
};

export const scan: Kernel<"scan"> = (fn, { handle: x, shape }, axis, reverse, out) => {
  const y = allocate(out.dtype, x.length);
  const { outer, size, inner } = splitAt(shape, axis);
  const { identity, next: double } = SCAN[fn];
  // Products of integers outgrow a double before they wrap around.
  const next = fn === "prod" && out.dtype === "int32" ? Math.imul : double;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      let total = identity;
      for (let k = 0; k < size; k++) {
        const at = (o * size + (reverse ? size - 1 - k : k)) * inner + i;
        total = next(total, x[at]!);
        y[at] = total;
      }
    }
  return y;
};

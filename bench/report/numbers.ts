import type { Result } from "../measure.ts";

/** The fastest and the middle sample, in microseconds of one call. */
export interface Times {
  readonly min: number;
  readonly median: number;
}

/** Nearer than this is no difference. */
const TIE = 0.05;

export const timesOf = ({ samples }: Result): Times | null =>
  samples.length === 0 ? null : { min: samples[0]!, median: samples[samples.length >> 1]! };

/** The contender with the smallest minimum. */
export function fastest(results: readonly Result[]): Result | null {
  const done = results.filter(({ samples }) => samples.length > 0);
  return done.length === 0 ? null : done.reduce((best, next) => (next.samples[0]! < best.samples[0]! ? next : best));
}

/** `4.79 / 4.85 ms`: both in the unit of the first. */
export function showTimes({ min, median }: Times): string {
  const [unit, size] = min < 1 ? ["ns", 1e-3] : min < 1e3 ? ["µs", 1] : min < 1e6 ? ["ms", 1e3] : ["s", 1e6];
  return `${digits(min / (size as number))} / ${digits(median / (size as number))} ${unit}`;
}

/** How the minimum of ours compares: `0.71`, `1.03 (tie)`; below 1 we are faster. */
export const showRatio = (ours: number, other: number): string => {
  const ratio = ours / other;
  return `${digits(ratio)}${Math.max(ratio, 1 / ratio) <= 1 + TIE ? " (tie)" : ""}`;
};

/** Three digits that count. */
export const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

/** How a value goes from one to another. */
export type AnnealStrategy = "cos" | "linear";

/** The value between `start` and `end` where the part `pct` of the way is done. */
export const ANNEAL: Readonly<Record<AnnealStrategy, (start: number, end: number, pct: number) => number>> = {
  cos: (start, end, pct) => end + ((start - end) / 2) * (Math.cos(Math.PI * pct) + 1),
  linear: (start, end, pct) => (end - start) * pct + start,
};

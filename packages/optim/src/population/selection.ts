import type { Generator } from "@descent/core";
import type { LineageRow } from "./lineage.ts";
import { type Draw, type Exploration, explored, kept, type Space } from "./space.ts";

/** Whether the best score is the largest or the smallest. */
export type Mode = "max" | "min";

/** How the next generation comes from the last one. */
export interface Selection extends Exploration {
  readonly mode: Mode;
  /** The part of the population that is replaced by copies of as many of the best, at most one half. */
  readonly quantile: number;
}

/** What a member begins a generation with. */
export interface Plan<H extends object> extends Draw<H> {
  /** Whose checkpoint it takes over; `null` for its own. */
  readonly parent: number | null;
}

/** Members from best to worst. Ties go to the lower number; those without a score are last. */
export function ranking(scores: readonly (number | null)[], mode: Mode): number[] {
  const sign = mode === "max" ? 1 : -1;
  const height = (member: number): number => {
    const score = scores[member]!;
    return score === null ? Number.NEGATIVE_INFINITY : sign * score;
  };
  return [...scores.keys()].sort((a, b) => Math.sign(height(b) - height(a)) || a - b);
}

/** How many of a population are replaced: ⌈q·N⌉, and at most ⌊N/2⌋. */
const replacements = (size: number, quantile: number): number =>
  // The product of 0.07 and 100 is a little more than 7.
  Math.min(Math.ceil(quantile * size - 1e-9), Math.floor(size / 2));

/**
 * Truncation selection (Jaderberg et al. 2017, section 3.1): the worst take over one of the best each, chosen uniformly, and explore; the
 * others go on. Those without a score are worst, however many they are, and never copied.
 */
export function successors<H extends object>(
  rows: readonly LineageRow<H>[],
  space: Space<H>,
  { mode, quantile, ...exploration }: Selection,
  generator: Generator,
): Plan<H>[] {
  const isScored = (member: number): boolean => rows[member]!.score !== null;
  const order = ranking(
    rows.map(({ score }) => score),
    mode,
  );
  const n = replacements(rows.length, quantile);
  const parents = order.slice(0, n).filter(isScored);
  const worst = parents.length === 0 ? [] : order.filter((m, place) => place >= rows.length - n || !isScored(m));
  return rows.map(({ member, hyperparameters }) => {
    if (!worst.includes(member)) return { parent: null, ...kept(space, hyperparameters) };
    const parent = parents[Math.floor(generator.uniform() * parents.length)]!;
    return { parent, ...explored(space, rows[parent]!.hyperparameters, exploration, generator) };
  });
}

import type { Tensor } from "@descent/core";
import type { Elements } from "../base/elements.ts";
import type { Modes } from "../base/rule.ts";
import { type Checks, count, finite, nonNegative } from "../checks.ts";

/** Options of schedule-free methods. */
export interface ScheduleFreeHyper {
  readonly lr: number;
  /** The number of steps in which the rate rises to `lr`. Default 0. */
  readonly warmupSteps: number;
  /** The power of its number with which a step counts in the average. Default 0. */
  readonly r: number;
  /** The power of the largest rate so far with which a step counts in the average. Default 2. */
  readonly weightLrPower: number;
}

/** What schedule-free methods remember of a parameter. */
export interface ScheduleFreeState {
  /** The sequence that makes the steps; the weights to use are its average. */
  readonly z: Tensor;
  /** What all steps so far count. */
  readonly weightSum: number;
  readonly lrMax: number;
}

/** @internal */
export const SCHEDULE_FREE_CHECKS: Checks<ScheduleFreeHyper> = {
  lr: nonNegative,
  warmupSteps: count,
  r: finite,
  weightLrPower: nonNegative,
};

/** @internal The rate of step `t`, and the share `c` that the average gives to it. */
export function pace(
  { weightSum, lrMax }: Pick<ScheduleFreeState, "weightSum" | "lrMax">,
  { lr, warmupSteps, r, weightLrPower }: ScheduleFreeHyper,
  t: number,
): { rate: number; c: number; next: { weightSum: number; lrMax: number } } {
  const rate = lr * Math.min(1, t / warmupSteps);
  const next = Math.max(rate, lrMax);
  const weight = t ** r * next ** weightLrPower;
  const sum = weightSum + weight;
  return { rate, c: sum === 0 ? 0 : weight / sum, next: { weightSum: sum, lrMax: next } };
}

/**
 * @internal One step `z − rate d` from the weights to train with, `y = b x + (1 − b) z`, which move along with `z` and with its average
 * `x ← (1 − c) x + c z`: what comes out, in terms of `y` alone.
 */
export const moved = (
  y: Elements,
  z: Elements,
  d: Elements,
  b: number,
  { rate, c }: { readonly rate: number; readonly c: number },
): { y: Elements; z: Elements } => ({
  y: y.add(z.sub(y).mul(c)).sub(d.mul(rate * (1 - b * (1 - c)))),
  z: z.sub(d.mul(rate)),
});

/** @internal From `y = b x + (1 − b) z` to `x` and back. */
export const modesOf = <H>(momentum: (hyper: H) => number): Modes<H, Pick<ScheduleFreeState, "z">> => ({
  evaluation: (y, { z }, hyper) => y.add(y.sub(z).mul(1 / momentum(hyper) - 1)),
  training: (x, { z }, hyper) => x.add(z.sub(x).mul(1 - momentum(hyper))),
});

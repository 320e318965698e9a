import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, fraction, nonNegative, optional } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `FactorLR`. */
export interface FactorLROptions {
  /** Factor α of every step, in [0, 1]. */
  readonly factor: number;
  /** The smallest rate. Default 0. */
  readonly etaMin?: number;
}

/** `η ← max(etaMin, η·factor)` at every step (Zhang et al. 2023, Dive into Deep Learning, section 12.11). */
export const factorDecay =
  ({ factor, etaMin = 0 }: FactorLROptions): Schedule =>
  (t, base) =>
    t === 0 ? base : Math.max(etaMin, base * factor ** t);

/** Multiplies the learning rate by `factor` at every step, and stops at `etaMin`. */
export class FactorLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: FactorLROptions) {
    const checks = { factor: fraction, etaMin: optional(nonNegative) };
    super(optimizer, courseOf(checked("FactorLR", options, checks), factorDecay));
  }
}

import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, milestones, nonNegative, optional } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `MultiStepLR`. */
export interface MultiStepLROptions {
  /** The steps at which the rate drops, in increasing order; one that is repeated counts as often. */
  readonly milestones: readonly number[];
  /** Factor of every drop. Default 0.1. */
  readonly gamma?: number;
}

/** How many milestones lie at step `t` or before it. */
export const passed = (milestones: readonly number[], t: number): number =>
  milestones.findLastIndex((milestone) => milestone <= t) + 1;

/** Drops by the factor `gamma` at every milestone. */
export const multiStepDecay =
  ({ milestones, gamma = 0.1 }: MultiStepLROptions): Schedule =>
  (t, base) =>
    base * gamma ** passed(milestones, t);

/** Multiplies the learning rate by `gamma` at every milestone. */
export class MultiStepLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: MultiStepLROptions) {
    const checks = { milestones, gamma: optional(nonNegative) };
    super(optimizer, courseOf(checked("MultiStepLR", options, checks), multiStepDecay));
  }
}

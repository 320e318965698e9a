import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, nonNegative, optional, positiveInteger } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `StepLR`. */
export interface StepLROptions {
  /** Steps between two drops. */
  readonly stepSize: number;
  /** Factor of every drop. Default 0.1. */
  readonly gamma?: number;
}

/** Drops by the factor `gamma` every `stepSize` steps. */
export const stepDecay =
  ({ stepSize, gamma = 0.1 }: StepLROptions): Schedule =>
  (t, base) =>
    base * gamma ** Math.floor(t / stepSize);

/** Multiplies the learning rate by `gamma` every `stepSize` steps. */
export class StepLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: StepLROptions) {
    const checks = { stepSize: positiveInteger, gamma: optional(nonNegative) };
    super(optimizer, courseOf(checked("StepLR", options, checks), stepDecay));
  }
}

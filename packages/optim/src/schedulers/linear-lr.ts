import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, fraction, optional, positiveFraction, positiveInteger } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `LinearLR`. */
export interface LinearLROptions {
  /** Factor at the start. Default 1/3. */
  readonly startFactor?: number;
  /** Factor at the end and after it. Default 1. */
  readonly endFactor?: number;
  /** Steps from one to the other. Default 5. */
  readonly totalIters?: number;
}

/** A factor that goes in a line from `startFactor` to `endFactor` over `totalIters` steps. */
export const linearFactor =
  ({ startFactor = 1 / 3, endFactor = 1, totalIters = 5 }: LinearLROptions = {}): Schedule =>
  (t, base) => {
    const x = Math.min(t / totalIters, 1);
    return base * (startFactor * (1 - x) + endFactor * x);
  };

/** Multiplies the learning rate by a factor that goes in a line from `startFactor` to `endFactor` over `totalIters` steps. */
export class LinearLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: LinearLROptions = {}) {
    const checks = {
      startFactor: optional(positiveFraction),
      endFactor: optional(fraction),
      totalIters: optional(positiveInteger),
    };
    super(optimizer, courseOf(checked("LinearLR", options, checks), linearFactor));
  }
}

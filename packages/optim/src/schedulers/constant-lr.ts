import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, fraction, optional, positiveInteger } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `ConstantLR`. */
export interface ConstantLROptions {
  /** Factor of the first steps. Default 1/3. */
  readonly factor?: number;
  /** How many steps it lasts. Default 5. */
  readonly totalIters?: number;
}

/** `factor` times the rate for `totalIters` steps, then the rate. */
export const constantFactor =
  ({ factor = 1 / 3, totalIters = 5 }: ConstantLROptions = {}): Schedule =>
  (t, base) =>
    t < totalIters ? base * factor : base;

/** Multiplies the learning rate by `factor` for the first `totalIters` steps. */
export class ConstantLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: ConstantLROptions = {}) {
    const checks = { factor: optional(fraction), totalIters: optional(positiveInteger) };
    super(optimizer, courseOf(checked("ConstantLR", options, checks), constantFactor));
  }
}

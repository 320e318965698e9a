import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, nonNegative } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `ExponentialLR`. */
export interface ExponentialLROptions {
  /** Factor of every step. */
  readonly gamma: number;
}

/** Drops by the factor `gamma` at every step. */
export const exponentialDecay =
  ({ gamma }: ExponentialLROptions): Schedule =>
  (t, base) =>
    base * gamma ** t;

/** Multiplies the learning rate by `gamma` at every step. */
export class ExponentialLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: ExponentialLROptions) {
    super(optimizer, courseOf(checked("ExponentialLR", options, { gamma: nonNegative }), exponentialDecay));
  }
}

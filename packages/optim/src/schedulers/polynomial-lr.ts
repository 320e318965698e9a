import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, nonNegative, optional, positiveInteger } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `PolynomialLR`. */
export interface PolynomialLROptions {
  /** Steps until the rate is zero. Default 5. */
  readonly totalIters?: number;
  /** Default 1, a line. */
  readonly power?: number;
}

/** Falls as a power of what is left of `totalIters` steps, to zero. */
export const polynomialDecay =
  ({ totalIters = 5, power = 1 }: PolynomialLROptions = {}): Schedule =>
  (t, base) =>
    base * (1 - Math.min(t, totalIters) / totalIters) ** power;

/** Lowers the learning rate to zero over `totalIters` steps, as a power of what is left of them. */
export class PolynomialLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: PolynomialLROptions = {}) {
    const checks = { totalIters: optional(positiveInteger), power: optional(nonNegative) };
    super(optimizer, courseOf(checked("PolynomialLR", options, checks), polynomialDecay));
  }
}

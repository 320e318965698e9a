import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, nonNegative, optional, positive } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of `CosineAnnealingLR`. */
export interface CosineAnnealingLROptions {
  /** Steps from the initial rate down to the smallest. */
  readonly TMax: number;
  /** The smallest rate. Default 0. */
  readonly etaMin?: number;
}

/** Half a cosine from `base` to `etaMin` over `TMax` steps, and back up after it (Loshchilov & Hutter 2017, without restarts). */
export const cosineAnnealing =
  ({ TMax, etaMin = 0 }: CosineAnnealingLROptions): Schedule =>
  (t, base) =>
    etaMin + ((base - etaMin) * (1 + Math.cos((Math.PI * t) / TMax))) / 2;

/** Lowers the learning rate along half a cosine over `TMax` steps; after them it rises again, as PyTorch's does. */
export class CosineAnnealingLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: CosineAnnealingLROptions) {
    const checks = { TMax: positive, etaMin: optional(nonNegative) };
    super(optimizer, courseOf(checked("CosineAnnealingLR", options, checks), cosineAnnealing));
  }
}

import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, count, nonNegative, oneOf, optional } from "../checks.ts";
import { ANNEAL, type AnnealStrategy } from "./anneal.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { type Listed, perGroup } from "./per-group.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of an approach to the rate of stochastic weight averaging. */
export interface SwaAnnealingOptions {
  /** The rate at the end and after it. */
  readonly swaLr: number;
  /** Steps until there. Default 10. */
  readonly annealEpochs?: number;
  /** Default "cos". */
  readonly annealStrategy?: AnnealStrategy;
}

/** Options of `SWALR`; `swaLr` may be a list with one for every group. */
export type SWALROptions = Listed<SwaAnnealingOptions, "swaLr">;

/** From any rate to `swaLr` over `annealEpochs` steps (Izmailov et al. 2018). */
export const swaAnnealing =
  ({ swaLr, annealEpochs = 10, annealStrategy = "cos" }: SwaAnnealingOptions): Schedule =>
  (t, base) =>
    t >= annealEpochs ? swaLr : ANNEAL[annealStrategy](base, swaLr, t / annealEpochs);

/** Takes the learning rate to that of stochastic weight averaging, from what it is when its first step is made. */
export class SWALR extends LRScheduler {
  constructor(optimizer: Schedulable, options: SWALROptions) {
    const course = courseOf<SwaAnnealingOptions, "swaLr">(
      checked<SWALROptions>("SWALR", options, {
        swaLr: perGroup(nonNegative),
        annealEpochs: optional(count),
        annealStrategy: optional(oneOf("cos", "linear")),
      }),
      swaAnnealing,
      ["swaLr"],
    );
    super(optimizer, { ...course, entry: course.start });
  }
}

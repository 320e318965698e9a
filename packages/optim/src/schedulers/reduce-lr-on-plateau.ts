import { ArgumentError } from "@descent/core";
import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, count, decayRate, nonNegative, oneOf, optional, shown } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { at, perGroup } from "./per-group.ts";
import type { Course, Place } from "./schedule.ts";

/** Options of `ReduceLROnPlateau`. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise. Default "min". */
  readonly mode?: "min" | "max";
  /** Factor of every reduction, less than 1. Default 0.1. */
  readonly factor?: number;
  /** How many steps without improvement are let pass. Default 10. */
  readonly patience?: number;
  /** How much better is an improvement. Default 1e-4. */
  readonly threshold?: number;
  /** Whether `threshold` is a part of the best metric so far, or a difference. Default "rel". */
  readonly thresholdMode?: "rel" | "abs";
  /** How many steps after a reduction do not count. Default 0. */
  readonly cooldown?: number;
  /** The smallest rate, one for all groups or one for each. Default 0. */
  readonly minLr?: number | readonly number[];
  /** Reductions by less than this are not made. Default 1e-8. */
  readonly eps?: number;
}

/** What a plateau is told by. */
export interface PlateauPlace extends Place {
  /** The best metric so far; `null` before the first. */
  readonly best: number | null;
  /** Steps since then, without those of a cooldown. */
  readonly numBadEpochs: number;
  /** Steps until bad ones count again. */
  readonly cooldownCounter: number;
  /** How many times the rate has been reduced. */
  readonly reductions: number;
}

const START: PlateauPlace = { lastEpoch: 0, best: null, numBadEpochs: 0, cooldownCounter: 0, reductions: 0 };

/** The place after a metric. One that is NaN is no improvement. */
export function plateauStep(
  { lastEpoch, best, numBadEpochs, cooldownCounter, reductions }: PlateauPlace,
  metric: number,
  {
    mode = "min",
    patience = 10,
    threshold = 1e-4,
    thresholdMode = "rel",
    cooldown = 0,
  }: Omit<ReduceLROnPlateauOptions, "minLr">,
): PlateauPlace {
  const sign = mode === "min" ? -1 : 1;
  const before = best ?? -sign * Number.POSITIVE_INFINITY;
  const bar = thresholdMode === "rel" ? before * (1 + sign * threshold) : before + sign * threshold;
  const isBetter = sign * metric > sign * bar;
  const isCooling = cooldownCounter > 0;
  const bad = isBetter || isCooling ? 0 : numBadEpochs + 1;
  const isReduced = bad > patience;
  return {
    lastEpoch: lastEpoch + 1,
    best: isBetter ? metric : best,
    numBadEpochs: isReduced ? 0 : bad,
    cooldownCounter: isReduced ? cooldown : isCooling ? cooldownCounter - 1 : 0,
    reductions: reductions + (isReduced ? 1 : 0),
  };
}

/** A rate after some reductions. */
export function reduced(
  base: number,
  reductions: number,
  {
    factor = 0.1,
    minLr = 0,
    eps = 1e-8,
  }: { readonly factor?: number; readonly minLr?: number; readonly eps?: number } = {},
): number {
  let rate = base;
  for (let k = 0; k < reductions; k++) {
    const next = Math.max(rate * factor, minLr);
    if (!(rate - next > eps)) break;
    rate = next;
  }
  return rate;
}

/** Multiplies the learning rate by `factor` where a metric, given to `step()`, has stopped to improve. */
export class ReduceLROnPlateau extends LRScheduler {
  constructor(optimizer: Schedulable, options: ReduceLROnPlateauOptions = {}) {
    const { minLr = 0, ...others } = checked("ReduceLROnPlateau", options, {
      mode: optional(oneOf("min", "max")),
      factor: optional(decayRate),
      patience: optional(count),
      threshold: optional(nonNegative),
      thresholdMode: optional(oneOf("rel", "abs")),
      cooldown: optional(count),
      minLr: optional(perGroup(nonNegative)),
      eps: optional(nonNegative),
    });
    const course: Course<PlateauPlace> = {
      start: START,
      checks: {
        lastEpoch: count,
        best: { expected: "a number or null", test: (value) => value === null || typeof value === "number" },
        numBadEpochs: count,
        cooldownCounter: count,
        reductions: count,
      },
      usesMetric: true,
      lists: { minLr },
      next(place, metric) {
        if (typeof metric !== "number")
          throw new ArgumentError(
            "ReduceLROnPlateau.step",
            `the metric is ${shown(metric)}, expected a number`,
            "pass what should improve, such as step(loss.item())",
          );
        return plateauStep(place, metric, others);
      },
      rate: ({ reductions }, i, incoming) => reduced(incoming, reductions, { ...others, minLr: at(minLr, i) }),
    };
    super(optimizer, course);
  }

  /** Goes on by one step, with the metric of the last epoch: a validation loss, for example. */
  override step(metric: number): void {
    super.step(metric);
  }
}

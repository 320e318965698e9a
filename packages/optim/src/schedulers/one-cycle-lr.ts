import { ArgumentError } from "@descent/core";
import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, flag, fraction, nonNegative, oneOf, optional, positive, positiveInteger } from "../checks.ts";
import { ANNEAL, type AnnealStrategy } from "./anneal.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { at, type Listed, perGroup } from "./per-group.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** The course of a one-cycle schedule over time. */
export interface OneCyclePhases {
  /** How many steps there are in all. */
  readonly totalSteps: number;
  /** The part of the steps in which the rate rises. Default 0.3. */
  readonly pctStart?: number;
  /** Default "cos". */
  readonly annealStrategy?: AnnealStrategy;
  /** Goes back to the start as slowly as it came from there, and then to the end. Default false. */
  readonly threePhase?: boolean;
}

/** Options of a one-cycle schedule. */
export interface OneCycleOptions extends OneCyclePhases {
  /** The largest rate. */
  readonly maxLr: number;
  /** The rate starts at `maxLr / divFactor`. Default 25. */
  readonly divFactor?: number;
  /** The rate ends at the start divided by this. Default 1e4. */
  readonly finalDivFactor?: number;
}

/** Options of `OneCycleLR`; rates and momenta may be lists with one for every group. */
export type OneCycleLROptions = Omit<Listed<OneCycleOptions, "maxLr">, "totalSteps"> & {
  /** How many steps there are in all; or `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** Whether momentum, or the first of betas, goes down where the rate goes up. Default true. */
  readonly cycleMomentum?: boolean;
  /** The smallest momentum. Default 0.85. */
  readonly baseMomentum?: number | readonly number[];
  /** The largest momentum. Default 0.95. */
  readonly maxMomentum?: number | readonly number[];
};

/** The value at step `t` of a course from `first` to `top` to `last`. */
function oneCycleAt(
  t: number,
  [first, top, last]: readonly [number, number, number],
  { totalSteps, pctStart = 0.3, annealStrategy = "cos", threePhase = false }: OneCyclePhases,
): number {
  const rise = pctStart * totalSteps;
  // The last step of every phase, and the values between which it goes.
  const ends = threePhase ? [rise - 1, 2 * rise - 2, totalSteps - 1] : [rise - 1, totalSteps - 1];
  const values = threePhase ? [first, top, first, last] : [first, top, last];
  const phase = ends.findIndex((end) => t <= end);
  const k = phase === -1 ? ends.length - 1 : phase;
  const [begin, end] = [ends[k - 1] ?? 0, ends[k]!];
  return ANNEAL[annealStrategy](values[k]!, values[k + 1]!, end === begin ? 1 : (t - begin) / (end - begin));
}

/** From `maxLr / divFactor` up to `maxLr`, and down to nearly nothing (Smith & Topin 2018, Super-Convergence). The initial rate has no part in it. */
export const oneCycle =
  ({ maxLr, divFactor = 25, finalDivFactor = 1e4, ...phases }: OneCycleOptions): Schedule =>
  (t) => {
    if (t > phases.totalSteps)
      throw new ArgumentError(
        "OneCycleLR",
        `step ${t} is beyond totalSteps, which is ${phases.totalSteps}`,
        "make totalSteps the number of calls of step()",
      );
    const first = maxLr / divFactor;
    return Math.max(0, oneCycleAt(t, [first, maxLr, first / finalDivFactor], phases));
  };

/** The steps of options that name them in one way or the other. */
function totalStepsOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  if (totalSteps !== undefined) return totalSteps;
  if (epochs !== undefined && stepsPerEpoch !== undefined) return epochs * stepsPerEpoch;
  throw new ArgumentError(
    "OneCycleLR",
    `totalSteps is undefined, epochs ${epochs}, stepsPerEpoch ${stepsPerEpoch}`,
    "give totalSteps, or epochs and stepsPerEpoch",
  );
}

/** Moves the learning rate up once, and then down to nearly nothing; and where there is one, momentum the other way. */
export class OneCycleLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: OneCycleLROptions) {
    const {
      cycleMomentum = true,
      baseMomentum = 0.85,
      maxMomentum = 0.95,
      epochs: _epochs,
      stepsPerEpoch: _stepsPerEpoch,
      ...shape
    } = checked<OneCycleLROptions>("OneCycleLR", options, {
      maxLr: perGroup(nonNegative),
      totalSteps: optional(positiveInteger),
      epochs: optional(positiveInteger),
      stepsPerEpoch: optional(positiveInteger),
      pctStart: optional(fraction),
      annealStrategy: optional(oneOf("cos", "linear")),
      cycleMomentum: optional(flag),
      baseMomentum: optional(perGroup(fraction)),
      maxMomentum: optional(perGroup(fraction)),
      divFactor: optional(positive),
      finalDivFactor: optional(positive),
      threePhase: optional(flag),
    });
    const phases = { ...shape, totalSteps: totalStepsOf(options) };
    const course = courseOf<OneCycleOptions, "maxLr">(phases, oneCycle, ["maxLr"]);
    super(optimizer, {
      ...course,
      lists: { ...course.lists, baseMomentum, maxMomentum },
      initialLr: (i) => at(shape.maxLr, i) / (shape.divFactor ?? 25),
      ...(cycleMomentum && {
        momentum({ lastEpoch }, i) {
          const most = at(maxMomentum, i);
          return oneCycleAt(lastEpoch, [most, at(baseMomentum, i), most], phases);
        },
      }),
    });
  }
}

import type { Schedulable } from "../base/any-optimizer.ts";
import { callable, checked, finite, flag, fraction, nonNegative, oneOf, optional, positive } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { at, type Listed, perGroup } from "./per-group.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Options of a cycle between two values. */
export interface CyclicOptions {
  /** The rate at the ends of a cycle. */
  readonly baseLr: number;
  /** The rate in the middle of the first cycle. */
  readonly maxLr: number;
  /** Steps from `baseLr` to `maxLr`. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps back. Default `stepSizeUp`. */
  readonly stepSizeDown?: number;
  /** Full height in every cycle, half of it in every cycle more, or `gamma ** step` of it. Default "triangular". */
  readonly mode?: "triangular" | "triangular2" | "exp_range";
  /** Default 1. */
  readonly gamma?: number;
  /** The height of a cycle, in place of `mode`. */
  readonly scaleFn?: (x: number) => number;
  /** What `scaleFn` is given: the number of the cycle, from 1, or that of the step. Default "cycle". */
  readonly scaleMode?: "cycle" | "iterations";
}

/** Options of `CyclicLR`; rates and momenta may be lists with one for every group. */
export type CyclicLROptions = Listed<CyclicOptions, "baseLr" | "maxLr"> & {
  /** Whether momentum, or the first of betas, goes down where the rate goes up. Default true. */
  readonly cycleMomentum?: boolean;
  /** The smallest momentum. Default 0.8. */
  readonly baseMomentum?: number | readonly number[];
  /** The largest momentum. Default 0.9. */
  readonly maxMomentum?: number | readonly number[];
};

/** The height of the modes of `CyclicOptions` at step `t` of cycle `cycle` (1, 2, …). */
const HEIGHT = {
  triangular: () => 1,
  triangular2: (cycle: number) => 1 / 2 ** (cycle - 1),
  exp_range: (_cycle: number, t: number, gamma: number) => gamma ** t,
};

/** From `baseLr` to `maxLr` and back, again and again (Smith 2017, Cyclical Learning Rates). The initial rate has no part in it. */
export const cyclic =
  ({
    baseLr,
    maxLr,
    stepSizeUp = 2000,
    stepSizeDown = stepSizeUp,
    mode = "triangular",
    gamma = 1,
    scaleFn,
    scaleMode = "cycle",
  }: CyclicOptions): Schedule =>
  (t) => {
    const total = stepSizeUp + stepSizeDown;
    const cycle = Math.floor(1 + t / total);
    const x = 1 + t / total - cycle;
    const ratio = stepSizeUp / total;
    const part = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    const height = scaleFn?.(scaleMode === "cycle" ? cycle : t) ?? HEIGHT[mode](cycle, t, gamma);
    return baseLr + (maxLr - baseLr) * part * height;
  };

/** Moves the learning rate between two bounds, up and down, and where there is one, momentum the other way. */
export class CyclicLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: CyclicLROptions) {
    const {
      cycleMomentum = true,
      baseMomentum = 0.8,
      maxMomentum = 0.9,
      ...shape
    } = checked<CyclicLROptions>("CyclicLR", options, {
      baseLr: perGroup(nonNegative),
      maxLr: perGroup(nonNegative),
      stepSizeUp: optional(positive),
      stepSizeDown: optional(positive),
      mode: optional(oneOf("triangular", "triangular2", "exp_range")),
      gamma: optional(finite),
      scaleFn: optional(callable),
      scaleMode: optional(oneOf("cycle", "iterations")),
      cycleMomentum: optional(flag),
      baseMomentum: optional(perGroup(fraction)),
      maxMomentum: optional(perGroup(fraction)),
    });
    const rates = courseOf<CyclicOptions, "baseLr" | "maxLr">(shape, cyclic, ["baseLr", "maxLr"]);
    // The same cycle upside down: from the largest to the smallest, and back.
    const momenta = courseOf<CyclicOptions, "baseLr" | "maxLr">(
      { ...shape, baseLr: maxMomentum, maxLr: baseMomentum },
      cyclic,
      ["baseLr", "maxLr"],
    );
    super(optimizer, {
      ...rates,
      lists: { ...rates.lists, baseMomentum, maxMomentum },
      initialLr: (i, recorded) => recorded ?? at(shape.baseLr, i),
      ...(cycleMomentum && { momentum: (place, i) => momenta.rate(place, i, 0) }),
    });
  }
}

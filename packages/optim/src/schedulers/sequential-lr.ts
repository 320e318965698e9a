import { ArgumentError } from "@descent/core";
import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, count, milestones as milestonesCheck } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { passed } from "./multi-step-lr.ts";
import { type ComposedPlace, partsWithoutMetric } from "./parts.ts";
import type { Course, Schedule } from "./schedule.ts";

/** Options of `SequentialLR`. */
export interface SequentialLROptions {
  /** The steps at which the next scheduler takes over, in increasing order: one less than there are schedulers. */
  readonly milestones: readonly number[];
}

/** One schedule after the other, each from the initial rate and its own step 0 on. */
export const sequential =
  (schedules: readonly Schedule[], { milestones }: SequentialLROptions): Schedule =>
  (t, base) => {
    const k = passed(milestones, t);
    return schedules[k]!(t - (milestones[k - 1] ?? 0), base);
  };

/**
 * One scheduler after the other; at every milestone, the next one begins at its first rate.
 *
 * `MultiplicativeLR` and `SWALR` go on from the rate that they find there.
 */
export class SequentialLR extends LRScheduler {
  constructor(optimizer: Schedulable, schedulers: readonly LRScheduler[], options: SequentialLROptions) {
    const { milestones } = checked("SequentialLR", options, { milestones: milestonesCheck });
    const parts = partsWithoutMetric("SequentialLR", optimizer, schedulers);
    if (milestones.length !== parts.length - 1)
      throw new ArgumentError(
        "SequentialLR",
        `${milestones.length} milestones for ${parts.length} schedulers`,
        "give one milestone less than there are schedulers",
      );
    const active = (t: number): number => passed(milestones, t);
    /** The rate of scheduler `k`: the first goes on from the rate so far, the others begin anew unless they have an entry. */
    const rateOf = (k: number, { schedulers: places }: ComposedPlace, i: number, incoming: number): number => {
      const part = parts[k]!;
      if (k === 0) return part.rateAt(places[0]!, i, incoming);
      const isGoingOn = part.course.entry !== undefined;
      const before = active(milestones[k - 1]! - 1);
      return part.rateAt(
        places[k]!,
        i,
        isGoingOn ? rateOf(before, { lastEpoch: 0, schedulers: places }, i, incoming) : part.baseLr(i),
      );
    };
    const course: Course<ComposedPlace> = {
      start: { lastEpoch: 0, schedulers: parts.map(({ place }) => place) },
      checks: { lastEpoch: count },
      next({ lastEpoch, schedulers: places }) {
        const t = lastEpoch + 1;
        const k = active(t);
        const { course } = parts[k]!;
        const next = milestones[k - 1] === t ? (course.entry ?? course.start) : course.next(places[k]!);
        return { lastEpoch: t, schedulers: places.with(k, next) };
      },
      rate: (place, i, incoming) => rateOf(active(place.lastEpoch), place, i, incoming),
      ...(parts.some(({ course }) => course.momentum) && {
        momentum(place: ComposedPlace, i: number) {
          const k = active(place.lastEpoch);
          return parts[k]!.course.momentum?.(place.schedulers[k]!, i);
        },
      }),
    };
    super(optimizer, course, parts);
  }
}

import type { Schedulable } from "../base/any-optimizer.ts";
import { count } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { type ComposedPlace, partsWithoutMetric } from "./parts.ts";
import type { Course, Schedule } from "./schedule.ts";

/** All schedules at every step, each from the rate that those before it give. */
export const chained =
  (schedules: readonly Schedule[]): Schedule =>
  (t, base) =>
    schedules.reduce((rate, schedule) => schedule(t, rate), base);

/** All schedulers at every step, each from the rate that those before it give. */
export class ChainedScheduler extends LRScheduler {
  constructor(optimizer: Schedulable, schedulers: readonly LRScheduler[]);
  constructor(schedulers: readonly LRScheduler[], optimizer?: Schedulable);
  constructor(first: Schedulable | readonly LRScheduler[], second?: Schedulable | readonly LRScheduler[]) {
    const [schedulers, given] = (Array.isArray(first) ? [first, second] : [second, first]) as [
      readonly LRScheduler[],
      Schedulable | undefined,
    ];
    const optimizer = given ?? (schedulers?.[0]?.optimizer as Schedulable);
    const parts = partsWithoutMetric("ChainedScheduler", optimizer, schedulers);
    const course: Course<ComposedPlace> = {
      start: { lastEpoch: 0, schedulers: parts.map(({ place }) => place) },
      checks: { lastEpoch: count },
      next: ({ lastEpoch, schedulers: places }) => ({
        lastEpoch: lastEpoch + 1,
        schedulers: places.map((place, k) => parts[k]!.course.next(place)),
      }),
      rate: ({ schedulers: places }, i, incoming) =>
        parts.reduce((rate, part, k) => part.rateAt(places[k]!, i, rate), incoming),
      ...(parts.some(({ course }) => course.momentum) && {
        momentum({ schedulers: places }: ComposedPlace, i: number) {
          const k = parts.findLastIndex(({ course }) => course.momentum);
          return parts[k]!.course.momentum!(places[k]!, i);
        },
      }),
    };
    super(optimizer, course, parts);
  }
}

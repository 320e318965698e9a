import type { Schedulable } from "../base/any-optimizer.ts";
import { checked, count, oneOf, optional, positive, positiveFraction } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { partsOf } from "./parts.ts";
import type { Course, Place, Schedule } from "./schedule.ts";

/** Options of a warm-up. */
export interface WarmupOptions {
  /** How many steps it takes. */
  readonly steps: number;
  /** How the factor grows. Default "linear". */
  readonly shape?: "linear" | "polynomial" | "exponential";
  /** Factor at the start, more than 0. Default 0.01. */
  readonly startFactor?: number;
  /** Power of the polynomial. Default 2. */
  readonly power?: number;
}

/** Options of `WarmupLR`. */
export interface WarmupLROptions extends WarmupOptions {
  /** The scheduler that begins when the warm-up is over. */
  readonly after?: LRScheduler;
}

/** The factor where the part `x` of a warm-up from the factor `s` is done. */
const GROWTH = {
  linear: (s: number, x: number) => s + (1 - s) * x,
  polynomial: (s: number, x: number, power: number) => s + (1 - s) * x ** power,
  exponential: (s: number, x: number) => s ** (1 - x),
};

/** From a part of the first rate of the schedule `after`, up to it, and then on along that schedule (Goyal et al. 2017, section 2.2). */
export const warmup =
  (
    { steps, shape = "linear", startFactor = 0.01, power = 2 }: WarmupOptions,
    after: Schedule = (_, base) => base,
  ): Schedule =>
  (t, base) =>
    t >= steps ? after(t - steps, base) : after(0, base) * GROWTH[shape](startFactor, t / steps, power);

/** Where a `WarmupLR` stands. */
interface WarmupPlace extends Place {
  readonly schedulers?: readonly Place[];
}

/**
 * Raises the learning rate over `steps` steps, to exactly the first rate of the scheduler `after`, which then takes over.
 *
 * What `after` is told by its `step()`, a metric for example, goes to the `step()` of this one. Without `after`, it is a factor for the
 * other schedulers of the optimizer.
 */
export class WarmupLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: WarmupLROptions) {
    const { after, ...shape } = checked<WarmupLROptions>("WarmupLR", options, {
      steps: count,
      shape: optional(oneOf("linear", "polynomial", "exponential")),
      startFactor: optional(positiveFraction),
      power: optional(positive),
      after: { expected: "", test: () => true },
    });
    const parts = after === undefined ? [] : partsOf("WarmupLR", optimizer, [after], () => "after");
    const isOver = (t: number): boolean => t > shape.steps;
    const course: Course<WarmupPlace> = {
      start: { lastEpoch: 0, ...(after && { schedulers: [after.place] }) },
      checks: { lastEpoch: count },
      next: ({ lastEpoch, schedulers }, input) => ({
        lastEpoch: lastEpoch + 1,
        ...(schedulers && {
          schedulers: isOver(lastEpoch + 1) ? [after!.course.next(schedulers[0]!, input)] : schedulers,
        }),
      }),
      rate: ({ lastEpoch, schedulers }, i, incoming) =>
        warmup(shape, (_, base) => after?.rateAt(schedulers![0]!, i, base) ?? base)(lastEpoch, incoming),
      ...(after?.course.usesMetric && { usesMetric: true }),
      ...(after?.course.momentum && {
        momentum: ({ schedulers }: WarmupPlace, i: number) => after.course.momentum!(schedulers![0]!, i),
      }),
    };
    super(optimizer, course, parts);
  }
}

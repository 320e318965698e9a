import { ArgumentError } from "@descent/core";
import type { Schedulable } from "../base/any-optimizer.ts";
import { shown } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { Place } from "./schedule.ts";

/** Where a scheduler stands that is composed of others. */
export interface ComposedPlace extends Place {
  readonly schedulers: readonly Place[];
}

/** Schedulers of one optimizer that may become parts of another scheduler of it. Throws where one may not. */
export function partsOf(
  op: string,
  optimizer: Schedulable,
  schedulers: readonly LRScheduler[],
  name = (k: number) => `schedulers[${k}]`,
): readonly LRScheduler[] {
  if (!Array.isArray(schedulers) || schedulers.length === 0)
    throw new ArgumentError(op, `expected a list of at least one scheduler, got ${shown(schedulers)}`);
  for (const [k, part] of schedulers.entries()) {
    if (!(part instanceof LRScheduler)) throw new ArgumentError(op, `${name(k)} is ${shown(part)}, not a scheduler`);
    const problem =
      part.optimizer !== optimizer
        ? "belongs to another optimizer"
        : part.holder !== null
          ? `is part of a ${part.holder.constructor.name}`
          : schedulers.indexOf(part) < k
            ? "is listed twice"
            : null;
    if (problem !== null)
      throw new ArgumentError(op, `${name(k)}, a ${part.constructor.name}, ${problem}`, "make a scheduler of its own");
  }
  return schedulers;
}

/** The same for those that go on without a metric. */
export function partsWithoutMetric(
  op: string,
  optimizer: Schedulable,
  schedulers: readonly LRScheduler[],
): readonly LRScheduler[] {
  for (const [k, part] of partsOf(op, optimizer, schedulers).entries())
    if (part.course.usesMetric)
      throw new ArgumentError(
        op,
        `schedulers[${k}], a ${part.constructor.name}, needs a metric at every step`,
        "make it a scheduler beside this one, or what comes after a WarmupLR",
      );
  return schedulers;
}

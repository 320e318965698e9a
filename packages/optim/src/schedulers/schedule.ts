import type { Schedulable } from "../base/any-optimizer.ts";
import type { Checks } from "../checks.ts";
import { count, reject, shown } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import { at, type Listed, type PerGroup } from "./per-group.ts";

/** Learning rate at step `t` (0-based) of a group whose initial rate is `base`. Pure, so `t` is its whole checkpoint. */
export type Schedule = (t: number, base: number) => number;

/** Where a scheduler stands: plain data. */
export interface Place {
  /** How many steps have been made. */
  readonly lastEpoch: number;
  /** Where the schedulers stand that it is composed of. */
  readonly schedulers?: readonly Place[];
}

/** The mathematics of a scheduler: pure functions of its place. */
export interface Course<S extends Place = Place> {
  readonly start: S;
  /** What a saved place has to be. */
  readonly checks: Omit<Checks<S>, "schedulers">;
  /** The place after one more step, which was told a metric or an epoch. */
  next(place: S, input?: number): S;
  /** The rate of group `i`, where it is `incoming` without this scheduler. */
  rate(place: S, i: number, incoming: number): number;
  /** The momentum of group `i`, for what cycles it. */
  momentum?(place: S, i: number): number | undefined;
  /** What becomes the initial rate of group `i`, for what brings its own; `recorded` is what an earlier scheduler found. */
  initialLr?(i: number, recorded: number | undefined): number;
  /** Whether it starts from the initial rate, whatever the schedulers before it make of that, as in PyTorch. */
  readonly isAbsolute?: boolean;
  /** Where `SequentialLR` enters what goes on from the rate that it finds; the others begin anew from the initial rate. */
  readonly entry?: S;
  /** Whether steps need a metric. */
  readonly usesMetric?: boolean;
  /** Options that may be lists with an entry for every group. */
  readonly lists?: object;
}

/** The course of a schedule. Those of its options that are `listed` may be lists with an entry for every group. */
export function courseOf<O extends object, K extends keyof O & string = never>(
  options: Listed<O, K>,
  schedule: (options: O) => Schedule,
  listed: readonly K[] = [],
): Course {
  const lists = Object.fromEntries(listed.map((name) => [name, options[name as keyof typeof options]]));
  const made: Schedule[] = [];
  const scheduleOf = (i: number): Schedule =>
    (made[i] ??= schedule({
      ...options,
      ...Object.fromEntries(Object.entries(lists).map(([name, value]) => [name, at(value, i)])),
    } as unknown as O));
  return {
    start: { lastEpoch: 0 },
    checks: { lastEpoch: count },
    next: (place) => ({ ...place, lastEpoch: place.lastEpoch + 1 }),
    rate: ({ lastEpoch }, i, incoming) => scheduleOf(i)(lastEpoch, incoming),
    lists,
  };
}

/** Follows schedules of your own. */
export class ScheduleLR extends LRScheduler {
  /** `schedule` is one function for all groups, or one for each. */
  constructor(optimizer: Schedulable, schedule: PerGroup<Schedule>) {
    const isRight = [schedule].flat().every((fn) => typeof fn === "function");
    reject("ScheduleLR", isRight ? [] : [`schedule is ${shown(schedule)}, expected a function or a list of functions`]);
    super(
      optimizer,
      courseOf<{ schedule: Schedule }, "schedule">({ schedule }, (options) => options.schedule, ["schedule"]),
    );
  }
}

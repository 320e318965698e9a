import { ArgumentError, StateDictError } from "@descent/core";
import { badValues, count, listOf, nonNegative, unknownNames } from "./checks.ts";

/** Learning rate at step `t` (0-based) of a group whose initial rate is `base`. Pure, so `t` is its whole checkpoint. */
export type Schedule = (t: number, base: number) => number;

/** What a schedule needs to know of an optimizer. */
export interface AnyOptimizer {
  readonly paramGroups: readonly { lr: number; initialLr?: number }[];
}

/** Where a schedule stands. */
export interface ScheduleStateDict {
  readonly lastEpoch: number;
  /** The initial learning rate of every group. */
  readonly baseLrs: readonly number[];
  /** The learning rate of every group at the moment of saving. */
  readonly lastLr: readonly number[];
}

/**
 * Writes the learning rates of a schedule into the groups of an optimizer: at once, and after every `step()`.
 *
 * Each rate is computed from the group's `initialLr`, which the first scheduler records. So a rate that is changed by hand lasts until
 * the next `step()`, where some of PyTorch's schedulers go on from it. A group that is added later starts at its own rate.
 */
export class ScheduleLR {
  readonly #optimizer: AnyOptimizer;
  readonly #schedules: Schedule | readonly Schedule[];
  #t = 0;

  /** `schedule` is one function for all groups, or one for each. */
  constructor(optimizer: AnyOptimizer, schedule: Schedule | readonly Schedule[]) {
    this.#optimizer = optimizer;
    this.#schedules = schedule;
    this.#moveTo(0);
  }

  /** How many steps have been made. */
  get lastEpoch(): number {
    return this.#t;
  }

  /** Goes on by one step. Call it after `optimizer.step()`, once per epoch or batch. The metric is for schedules that depend on it. */
  step(_metric?: number): void {
    this.#moveTo(this.#t + 1);
  }

  /** The learning rates that the last step set. */
  getLastLr(): number[] {
    return this.#ratesAt(this.#t);
  }

  /** Where the schedule stands, as plain numbers. */
  stateDict(): ScheduleStateDict {
    const groups = this.#optimizer.paramGroups;
    return {
      lastEpoch: this.#t,
      baseLrs: groups.map(({ lr, initialLr = lr }) => initialLr),
      lastLr: groups.map(({ lr }) => lr),
    };
  }

  /** Goes on where `stateDict()` was called, before or after the optimizer's state is loaded. Options and functions are not saved. */
  loadStateDict(dict: ScheduleStateDict): void {
    const groups = this.#optimizer.paramGroups;
    const rates = listOf(nonNegative, groups.length);
    const checks = { lastEpoch: count, baseLrs: rates, lastLr: rates };
    const problems = [...unknownNames(dict, checks), ...badValues(dict, checks)];
    if (problems.length > 0)
      throw new StateDictError(
        `${this.constructor.name}.loadStateDict`,
        problems.join("; "),
        "make the scheduler as it was when the dict was saved",
      );
    for (const [i, group] of groups.entries()) {
      group.initialLr = dict.baseLrs[i]!;
      group.lr = dict.lastLr[i]!;
    }
    this.#t = dict.lastEpoch;
  }

  #moveTo(t: number): void {
    const rates = this.#ratesAt(t);
    for (const [i, group] of this.#optimizer.paramGroups.entries()) {
      group.initialLr ??= group.lr;
      group.lr = rates[i]!;
    }
    this.#t = t;
  }

  #ratesAt(t: number): number[] {
    const { paramGroups } = this.#optimizer;
    const schedules = this.#schedules;
    if (typeof schedules !== "function" && schedules.length !== paramGroups.length)
      throw new ArgumentError(
        this.constructor.name,
        `${schedules.length} functions for ${paramGroups.length} parameter groups`,
        "give one for every group, or a single one for all",
      );
    return paramGroups.map(({ lr, initialLr = lr }, i) =>
      (typeof schedules === "function" ? schedules : schedules[i]!)(t, initialLr),
    );
  }
}

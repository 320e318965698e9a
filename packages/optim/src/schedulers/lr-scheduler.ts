import { ArgumentError, StateDictError } from "@descent/core";
import {
  type RatedGroup,
  rejectNoOptimizer,
  rejectNoRates,
  type Schedulable,
  type ScheduledGroup,
} from "../base/any-optimizer.ts";
import { badValues, type Check, type Checks, listOf, nonNegative, shown, unknownNames } from "../checks.ts";
import type { Course, Place } from "./schedule.ts";

/** Where a scheduler stands: plain data. Options and functions are not saved. */
export interface ScheduleStateDict extends Omit<Place, "schedulers"> {
  /** The rate of every group from which the scheduler starts. */
  readonly baseLrs: readonly number[];
  /** The rate of every group at the moment of saving. */
  readonly lastLr: readonly number[];
  /** The momentum of every group at the moment of saving, where the scheduler cycles it. */
  readonly lastMomentum?: readonly number[];
  /** The states of the schedulers that it is composed of. */
  readonly schedulers?: readonly ScheduleStateDict[];
}

/** The schedulers of one optimizer in the order of their construction, and the rates that were set last. */
interface Chain {
  readonly links: readonly LRScheduler[];
  readonly lastLr: readonly number[];
}

const CHAINS = new WeakMap<Schedulable, Chain>();

/**
 * Writes learning rates into the groups of an optimizer: at once, and after every `step()`.
 *
 * The schedulers of one optimizer are a chain, in the order of their construction: each gets the rate that those before it give, the first
 * one the group's `initialLr`, and stands at a step of its own. So they compose, and a rate depends on nothing but where they stand: one
 * that is changed by hand lasts until the next `step()`, and a group that is added later starts at its own rate.
 */
export abstract class LRScheduler {
  readonly optimizer: Schedulable;
  /** @internal */
  readonly course: Course;
  readonly #parts: readonly LRScheduler[];
  #place: Place;
  #baseLrs: readonly number[];
  /** What it is a part of. */
  #holder: LRScheduler | null = null;

  /** The `parts` leave the chain: from now on, this scheduler moves them. */
  protected constructor(optimizer: Schedulable, course: Course, parts: readonly LRScheduler[] = []) {
    rejectNoOptimizer(new.target.name, optimizer);
    this.optimizer = optimizer;
    this.course = course;
    this.#parts = parts;
    this.#place = this.course.start;
    const groups = optimizer.paramGroups;
    if (course.momentum !== undefined && groups.some((group) => momentumOf(group) === undefined))
      throw new ArgumentError(
        this.constructor.name,
        "cycleMomentum needs an optimizer with momentum or betas",
        "pass cycleMomentum: false",
      );
    rejectNoRates(this.constructor.name, groups);
    this.#baseLrs = groups.map(({ lr, initialLr }, i) => this.course.initialLr?.(i, initialLr) ?? initialLr ?? lr);
    const links = (CHAINS.get(optimizer)?.links ?? []).filter((link) => !parts.includes(link));
    const rates = this.#ratesAt(this.#place, [...links, this], this.#baseLrs);
    for (const part of parts) part.#holder = this;
    for (const [i, group] of groups.entries()) group.initialLr = this.#baseLrs[i]!;
    this.#moveTo(this.#place, [...links, this], rates);
  }

  /** How many steps have been made. */
  get lastEpoch(): number {
    return Math.floor(this.#place.lastEpoch);
  }

  /** @internal Where it stands. */
  get place(): Place {
    return this.#place;
  }

  /** @internal What holds it, or `null`. */
  get holder(): LRScheduler | null {
    return this.#holder;
  }

  /** Goes on by one step. Call it after `optimizer.step()`, once per epoch or batch. The metric is for schedules that depend on it. */
  step(metric?: number): void {
    this.#rejectHeld("step");
    const { links } = this.#chain();
    const place = this.course.next(this.#place, metric);
    this.#moveTo(place, links, this.#ratesAt(place, links));
  }

  /** The learning rates that the last step set. */
  getLastLr(): number[] {
    return [...this.#chain().lastLr];
  }

  /** Where the scheduler stands, as plain numbers. */
  stateDict(): ScheduleStateDict {
    const groups = this.#groups();
    return {
      ...ownOf(this.#place),
      baseLrs: groups.map((_, i) => this.baseLr(i)),
      lastLr: groups.map(({ lr }) => lr),
      ...(this.course.momentum && { lastMomentum: groups.map((group) => momentumOf(group)!) }),
      ...(this.#place.schedulers && { schedulers: this.#parts.map((part) => part.stateDict()) }),
    };
  }

  /** Goes on where `stateDict()` was called, before or after the optimizer's state is loaded. Options and functions are not saved. */
  loadStateDict(dict: ScheduleStateDict): void {
    this.#rejectHeld("loadStateDict");
    const problems = this.#problemsOf(dict);
    if (problems.length > 0)
      throw new StateDictError(
        `${this.constructor.name}.loadStateDict`,
        problems.join("; "),
        "make the scheduler as it was when the dict was saved",
      );
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      // Where a scheduler brings initial rates of its own, it is from those that the later ones start.
      if (this.#chain().links.at(-1) === this) group.initialLr = dict.baseLrs[i]!;
      group.lr = dict.lastLr[i]!;
      setMomentum(group, dict.lastMomentum?.[i]);
    }
    this.#settle(this.#placeIn(dict));
    CHAINS.set(this.optimizer, { ...this.#chain(), lastLr: [...dict.lastLr] });
  }

  /** @internal The rate of group `i` at a place, where it is `incoming` without this scheduler. */
  rateAt(place: Place, i: number, incoming: number): number {
    return this.course.rate(place, i, this.course.isAbsolute ? this.baseLr(i) : incoming);
  }

  /** @internal The initial rate of group `i` when the scheduler was made, or the group if that was later. */
  baseLr(i: number): number {
    const { lr, initialLr = lr } = this.#groups()[i]!;
    return this.#baseLrs[i] ?? initialLr;
  }

  #groups(): readonly RatedGroup[] {
    const { paramGroups } = this.optimizer;
    rejectNoRates(this.constructor.name, paramGroups);
    return paramGroups;
  }

  #chain(): Chain {
    return CHAINS.get(this.optimizer)!;
  }

  /** The rates of all groups with this scheduler at a place, and the other `links` where they stand. */
  #ratesAt(place: Place, links: readonly LRScheduler[], initialLrs?: readonly number[]): number[] {
    for (const link of links) link.#rejectGroups();
    const groups = this.#groups();
    return groups.map(({ lr, initialLr = lr }, i) =>
      links.reduce(
        (rate, link) => link.rateAt(link === this ? place : link.#place, i, rate),
        initialLrs?.[i] ?? initialLr,
      ),
    );
  }

  #moveTo(place: Place, links: readonly LRScheduler[], rates: readonly number[]): void {
    for (const [i, group] of this.#groups().entries()) {
      group.initialLr ??= group.lr;
      group.lr = rates[i]!;
      setMomentum(group, this.course.momentum?.(place, i));
    }
    this.#settle(place);
    CHAINS.set(this.optimizer, { links, lastLr: rates });
  }

  #settle(place: Place): void {
    this.#place = place;
    for (const [k, part] of this.#parts.entries()) part.#settle(place.schedulers![k]!);
  }

  #rejectHeld(method: string): void {
    if (this.#holder === null) return;
    const holder = this.#holder.constructor.name;
    throw new ArgumentError(
      `${this.constructor.name}.${method}`,
      `it is part of a ${holder}, which moves it`,
      `call ${method}() of the ${holder}`,
    );
  }

  /** Throws where options have entries for another number of groups. */
  #rejectGroups(): void {
    const groups = this.optimizer.paramGroups;
    for (const [name, value] of Object.entries(this.course.lists ?? {}))
      if (Array.isArray(value) && value.length !== groups.length)
        throw new ArgumentError(
          this.constructor.name,
          `${name} has ${value.length} entries for ${groups.length} parameter groups`,
          "give one for every group, or a single one for all",
        );
    for (const part of this.#parts) part.#rejectGroups();
  }

  /** All that is wrong with a dict, in sentences. */
  #problemsOf(dict: ScheduleStateDict, path = ""): string[] {
    if (typeof dict !== "object" || dict === null)
      return [`${path || "the dict"} is ${shown(dict)}, expected what stateDict() gave`];
    const prefix = path && `${path}.`;
    const rates = listOf(nonNegative, this.optimizer.paramGroups.length);
    const parts = this.#parts;
    const checks: Checks<object> & Record<string, Check> = {
      ...this.course.checks,
      baseLrs: rates,
      lastLr: rates,
      ...(this.course.momentum && { lastMomentum: rates }),
      ...(this.#place.schedulers && {
        schedulers: {
          expected: `a list of ${parts.length}`,
          test: (value: unknown) => Array.isArray(value) && value.length === parts.length,
        },
      }),
    };
    const problems = [...unknownNames(dict, checks, prefix), ...badValues(dict, checks as never, prefix)];
    if (problems.length > 0) return problems;
    return parts.flatMap((part, k) => part.#problemsOf(dict.schedulers![k]!, `${prefix}schedulers[${k}]`));
  }

  /** The place that a dict describes; takes over its base rates. */
  #placeIn(dict: ScheduleStateDict): Place {
    this.#baseLrs = [...dict.baseLrs];
    const names = Object.keys(this.course.checks) as (keyof ScheduleStateDict)[];
    const place = Object.fromEntries(names.map((name) => [name, dict[name]])) as unknown as Place;
    const schedulers = this.#parts.map((part, k) => part.#placeIn(dict.schedulers![k]!));
    return this.#place.schedulers ? { ...place, schedulers } : place;
  }
}

/** A place without those of the parts. */
const ownOf = ({ schedulers: _, ...own }: Place): Omit<Place, "schedulers"> => own;

const momentumOf = ({ betas, momentum }: ScheduledGroup): number | undefined => betas?.[0] ?? momentum;

function setMomentum(group: ScheduledGroup, momentum: number | undefined): void {
  if (momentum === undefined) return;
  if (group.betas === undefined) group.momentum = momentum;
  else group.betas = [momentum, ...group.betas.slice(1)];
}

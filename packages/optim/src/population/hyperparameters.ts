import { ArgumentError } from "@descent/core";
import type { ScheduledGroup } from "../base/any-optimizer.ts";
import type { ScheduleStateDict } from "../schedulers/lr-scheduler.ts";
import { LRScheduler } from "../schedulers/lr-scheduler.ts";

/** What writes a hyperparameter to where it belongs; `null` for one that only the training function reads. */
export type Setters<H extends object> = { readonly [K in keyof H]?: ((value: H[K]) => void) | null };

/** An optimizer, as far as hyperparameters go. */
interface Grouped {
  readonly paramGroups: readonly ScheduledGroup[];
}

/** What groups have beside the options that may be tuned. */
const NOT_TUNED = ["params", "initialLr"];

/**
 * Writes hyperparameters into the parameter groups of the optimizers among some parts, or calls the setter of that name. Throws, before
 * anything changes, with all that nobody takes.
 */
export function writeHyperparameters<H extends object>(
  op: string,
  hyperparameters: H,
  parts: readonly unknown[],
  setters: Setters<H>,
): void {
  const optimizers = parts.filter(isGrouped);
  const schedulers = parts.filter((part) => part instanceof LRScheduler);
  const entries = Object.entries(hyperparameters as Readonly<Record<string, unknown>>);
  const problems = entries.flatMap(([name]) =>
    Object.hasOwn(setters, name) ? [] : problemsOf(name, optimizers, schedulers),
  );
  if (problems.length > 0)
    throw new ArgumentError(op, problems.join("; "), "name a function for it in `set`, or null if train reads it");
  for (const [name, value] of entries)
    if (Object.hasOwn(setters, name)) setters[name as keyof H]?.(value as never);
    else for (const optimizer of takers(name, optimizers)) write(name, value, optimizer, schedulers);
}

const isGrouped = (part: unknown): part is Grouped => Array.isArray((part as Partial<Grouped>).paramGroups);

const namesOf = ({ paramGroups }: Grouped): string[] =>
  paramGroups.flatMap((group) => Object.keys(group)).filter((name) => !NOT_TUNED.includes(name));

const takers = (name: string, optimizers: readonly Grouped[]): Grouped[] =>
  optimizers.filter((optimizer) => namesOf(optimizer).includes(name));

/** The schedulers of an optimizer, also where one of the two is wrapped. */
const schedulersOf = ({ paramGroups }: Grouped, schedulers: readonly LRScheduler[]): LRScheduler[] =>
  schedulers.filter(({ optimizer }) => optimizer.paramGroups === paramGroups);

function problemsOf(name: string, optimizers: readonly Grouped[], schedulers: readonly LRScheduler[]): string[] {
  const found = takers(name, optimizers);
  if (found.length === 0) {
    const known = [...new Set(optimizers.flatMap(namesOf))];
    const where = optimizers.length === 0 ? "no optimizer is among the parts" : `known: ${known.join(", ")}`;
    return [`${name} is no option of an optimizer (${where})`];
  }
  return found.flatMap((optimizer) => {
    const its = schedulersOf(optimizer, schedulers);
    if (name === "lr" && its.length === 0 && optimizer.paramGroups.some(({ initialLr }) => initialLr !== undefined))
      return ["lr is set by a scheduler that is not among the parts"];
    return its
      .filter(({ course }) =>
        name === "lr"
          ? course.initialLr !== undefined
          : course.momentum !== undefined && ["momentum", "betas"].includes(name),
      )
      .map((scheduler) => `${name} is set by ${scheduler.constructor.name}, which has bounds of its own for it`);
  });
}

function write(name: string, value: unknown, optimizer: Grouped, schedulers: readonly LRScheduler[]): void {
  const its = schedulersOf(optimizer, schedulers);
  if (name === "lr" && its.length > 0) rebase(value as number, optimizer, its);
  else
    for (const group of optimizer.paramGroups)
      if (Object.hasOwn(group, name)) Object.assign(group, { [name]: Array.isArray(value) ? [...value] : value });
}

/** Lets the schedules of an optimizer, where they stand, start from another initial rate. */
function rebase(lr: number, { paramGroups }: Grouped, schedulers: readonly LRScheduler[]): void {
  // The last one of a chain also sets the groups' initialLr.
  for (const scheduler of schedulers) scheduler.loadStateDict(withBase(scheduler.stateDict(), lr));
  for (const [i, group] of paramGroups.entries())
    group.lr = schedulers.reduce((rate, scheduler) => scheduler.rateAt(scheduler.place, i, rate), lr);
  // What they set last is what they are asked for.
  for (const scheduler of schedulers) scheduler.loadStateDict(scheduler.stateDict());
}

const withBase = (dict: ScheduleStateDict, lr: number): ScheduleStateDict => ({
  ...dict,
  baseLrs: dict.baseLrs.map(() => lr),
  ...(dict.schedulers && { schedulers: dict.schedulers.map((part) => withBase(part, lr)) }),
});

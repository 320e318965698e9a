import { ArgumentError, Generator, type GeneratorState, StateDictError } from "@descent/core";
import { type Check, type Checks, callable, checked, count, fraction, oneOf, optional, shown } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import { FACTORS, type Factors } from "./domains.ts";
import { type Lineage, type LineageRow, lineageProblems } from "./lineage.ts";
import { type Member, MemberError } from "./member.ts";
import { type Mode, type Plan, ranking, type Selection, successors } from "./selection.ts";
import { given, rejectNoSpace, type Space, sampled } from "./space.ts";

/** Options of `PopulationBasedTraining`. */
export interface PopulationOptions<H extends object> {
  /** Whether the best score is the largest or the smallest. */
  readonly mode: Mode;
  /** The part of the population that copies as many of the best, up to 0.5. With 0 nobody does: a random search. Default 0.25. */
  readonly quantile?: number;
  /** How often a hyperparameter of a copy is drawn anew instead of perturbed. Default 0.25. */
  readonly resampleProbability?: number;
  /** What numbers are multiplied by, each with probability ½. Default [0.8, 1.2]. */
  readonly factors?: Factors;
  /** The seed of all decisions. Default 0. */
  readonly seed?: number;
  /** The hyperparameters of generation 0, for each member. Default: drawn from the space. */
  readonly initial?: readonly H[];
}

/** Options of `PopulationBasedTraining.run`. */
export interface RunOptions<H extends object> {
  /** Is called after every generation, with its rows; it may return a promise, as to write a checkpoint. */
  readonly onGeneration?: (rows: Lineage<H>) => unknown;
}

/** Where a population stands. Plain data, but for what members saved. */
export interface PopulationCheckpoint<H extends object, C> {
  readonly members: readonly C[];
  readonly lineage: Lineage<H>;
  readonly generator: GeneratorState;
}

type Settings<H extends object> = Selection & { readonly seed: number; readonly initial?: readonly H[] };

const list: Check = { expected: "a list", test: Array.isArray };
const half: Check = {
  expected: "a number in [0, 0.5]",
  test: (value) => typeof value === "number" && value >= 0 && value <= 0.5,
};
const twoFactors: Check = {
  expected: "two numbers > 0",
  test: (value) => Array.isArray(value) && value.length === 2 && value.every((x) => Number.isFinite(x) && x > 0),
};
const CHECKS: Checks<Settings<object>> = {
  mode: oneOf("max", "min"),
  quantile: half,
  resampleProbability: fraction,
  factors: twoFactors,
  seed: { expected: "an integer", test: Number.isSafeInteger },
  initial: optional(list),
};
const DEFAULTS = { quantile: 0.25, resampleProbability: 0.25, factors: FACTORS, seed: 0 };
const NAME = "PopulationBasedTraining";
const AS_BEFORE = "the population is as it was before";

/**
 * Population-based training (Jaderberg et al. 2017): members train side by side; after every interval the worst take over weights,
 * optimizer state and hyperparameters of the best, and change the hyperparameters. So a schedule of them is found in one training.
 *
 * Generations are synchronous, and all decisions come from one seed, in the order of the members: the lineage depends neither on who is
 * first to finish nor on where members live. The copies are made at the beginning of a generation, so that in between every member is what
 * its score was given for.
 */
export class PopulationBasedTraining<H extends object, C> {
  readonly #members: readonly Member<H, C>[];
  readonly #space: Space<H>;
  readonly #settings: Settings<H>;
  readonly #generator: Generator;
  #lineage: Lineage<H> = [];
  #isBusy = false;

  /** Throws where there are less than two members, or something is wrong with space or options. */
  constructor(members: readonly Member<NoInfer<H>, C>[], space: Space<H>, options: PopulationOptions<NoInfer<H>>) {
    if (!Array.isArray(members) || members.length < 2)
      throw new ArgumentError(
        NAME,
        Array.isArray(members) ? `a population of ${members.length}` : `the members are ${shown(members)}`,
        "pass a list of two members or more",
      );
    for (const [i, member] of members.entries()) rejectNoMember(member, i, members);
    rejectNoSpace(NAME, space);
    this.#members = [...members];
    this.#space = { ...space };
    this.#settings = settled<Settings<H>>(NAME, options, DEFAULTS as Settings<H>, CHECKS as Checks<Settings<H>>);
    const { initial, seed } = this.#settings;
    if (initial !== undefined && initial.length !== members.length)
      throw new ArgumentError(NAME, `initial has ${initial.length} entries for ${members.length} members`);
    for (const [i, hyperparameters] of (initial ?? []).entries()) given(NAME, space, hyperparameters, `initial[${i}].`);
    this.#generator = new Generator(seed);
  }

  /** The number of members, which never changes. */
  get size(): number {
    return this.#members.length;
  }

  /** The number of generations that are over. */
  get generation(): number {
    return this.#lineage.length / this.size;
  }

  /** What every member did in every generation: the log, as plain data. */
  get lineage(): Lineage<H> {
    return this.#lineage;
  }

  /** The row of the best member of the last generation; `null` before the first one. */
  get best(): LineageRow<H> | null {
    const rows = this.#lastRows();
    const scores = rows.map(({ score }) => score);
    return rows[ranking(scores, this.#settings.mode)[0] ?? -1] ?? null;
  }

  /**
   * One generation: the worst of the last one copy the best and explore, all train one interval side by side, and their rows are logged.
   * Where a member throws, those that were under way are waited for, everybody goes back to where they were, and a `MemberError` says who
   * it was.
   */
  step(): Promise<Lineage<H>> {
    return this.#alone("step", async () => {
      const decided = this.#generator.getState();
      const before = await this.#all("step", "save", (member) => member.save());
      try {
        const plans = this.#plans();
        await this.#copy(plans, before);
        const rows = await this.#train(plans);
        this.#lineage = [...this.#lineage, ...rows];
        return rows;
      } catch (error) {
        this.#generator.setState(decided);
        await this.#restore("step", before);
        throw error;
      }
    });
  }

  /** Trains some generations more, and gives the row of the best member of the last one. */
  async run(generations: number, options: RunOptions<H> = {}): Promise<LineageRow<H> | null> {
    checked(`${NAME}.run`, { generations, ...options }, { generations: count, onGeneration: optional(callable) });
    for (let i = 0; i < generations; i++) {
      const rows = await this.step();
      await options.onGeneration?.(rows);
    }
    return this.best;
  }

  /** Where the population stands. */
  save(): Promise<PopulationCheckpoint<H, C>> {
    return this.#alone("save", async () => ({
      members: await this.#all("save", "save", (member) => member.save()),
      lineage: this.#lineage,
      generator: this.#generator.getState(),
    }));
  }

  /** Goes on where `save()` was called, with the same members, space and options. Throws with all that does not fit, before anything changes. */
  load(checkpoint: PopulationCheckpoint<H, C>): Promise<void> {
    return this.#alone("load", async () => {
      const { members, lineage, generator } = this.#verified(checkpoint);
      const before = await this.#all("load", "save", (member) => member.save());
      try {
        await this.#all("load", "load", (member, i) => member.load(members[i]!));
      } catch (error) {
        await this.#restore("load", before);
        throw error;
      }
      this.#generator.setState(generator);
      this.#lineage = [...lineage];
    });
  }

  #lastRows(): readonly LineageRow<H>[] {
    return this.#lineage.slice(-this.size);
  }

  /** What everybody begins the next generation with. */
  #plans(): Plan<H>[] {
    const { initial, ...selection } = this.#settings;
    const space = this.#space;
    if (this.#lineage.length > 0) return successors(this.#lastRows(), space, selection, this.#generator);
    return this.#members.map((_, i) => ({
      parent: null,
      ...(initial === undefined ? sampled(space, this.#generator) : given(NAME, space, initial[i]!, "")),
    }));
  }

  async #copy(plans: readonly Plan<H>[], checkpoints: readonly C[]): Promise<void> {
    await this.#all("step", "load", async (member, i) => {
      const { parent } = plans[i]!;
      if (parent !== null) await member.load(checkpoints[parent]!);
    });
  }

  async #train(plans: readonly Plan<H>[]): Promise<LineageRow<H>[]> {
    const { generation } = this;
    const scores = await this.#all("step", "train", async (member, i) => {
      const score: unknown = await member.train({ ...plans[i]!.hyperparameters }, generation);
      if (typeof score === "number") return score;
      throw new ArgumentError("Member.train", `the score is ${shown(score)}, expected a number`);
    });
    return plans.map((plan, member) => {
      const score = scores[member]!;
      return { generation, member, ...plan, score: Number.isFinite(score) ? score : null };
    });
  }

  #verified(checkpoint: PopulationCheckpoint<H, C>): PopulationCheckpoint<H, C> {
    const { members, lineage, generator } = (checkpoint ?? {}) as Partial<PopulationCheckpoint<H, C>>;
    const problems: string[] = [];
    if (!Array.isArray(members)) problems.push(`members is ${shown(members)}, expected a list`);
    else if (members.length !== this.size)
      problems.push(`the checkpoint has ${members.length} members, the population ${this.size}`);
    else problems.push(...lineageProblems(lineage as Lineage<H>, this.size, this.#space));
    if (!Number.isSafeInteger(generator?.seed) || !count.test(generator?.counter))
      problems.push(`generator is ${shown(generator)}, expected { seed, counter }`);
    if (problems.length > 0)
      throw new StateDictError(
        `${NAME}.load`,
        `the checkpoint does not fit:\n  ${problems.join("\n  ")}\n`,
        "make the population as it was when the checkpoint was saved, with the same space",
      );
    return checkpoint;
  }

  /** Asks all members for something at once. Where some throw, waits for the others, and throws for the first in order. */
  async #all<T>(
    op: string,
    task: MemberError["task"],
    fn: (member: Member<H, C>, i: number) => T | Promise<T>,
    remedy = AS_BEFORE,
  ): Promise<T[]> {
    const results = await Promise.allSettled(this.#members.map(async (member, i) => fn(member, i)));
    return results.map((result, i) => {
      if (result.status === "fulfilled") return result.value;
      throw new MemberError(`${NAME}.${op}`, i, this.generation, task, result.reason, remedy);
    });
  }

  /** Puts all members back to where they were. */
  async #restore(op: string, checkpoints: readonly C[]): Promise<void> {
    const remedy = "it could not be put back after another failure; load() a checkpoint";
    await this.#all(op, "load", (member, i) => member.load(checkpoints[i]!), remedy);
  }

  async #alone<T>(op: string, fn: () => Promise<T>): Promise<T> {
    if (this.#isBusy)
      throw new ArgumentError(`${NAME}.${op}`, "the population is under way", "await what was called before");
    this.#isBusy = true;
    try {
      return await fn();
    } finally {
      this.#isBusy = false;
    }
  }
}

function rejectNoMember(member: unknown, i: number, members: readonly unknown[]): void {
  const { train, save, load } = (member ?? {}) as Partial<Member<object, unknown>>;
  if (![train, save, load].every(callable.test))
    throw new ArgumentError(NAME, `members[${i}] is ${shown(member)}`, "pass localMember(…), or { train, save, load }");
  const first = members.indexOf(member);
  if (first < i)
    throw new ArgumentError(NAME, `members[${i}] is members[${first}] again`, "make a member for each place");
}

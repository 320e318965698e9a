import { ArgumentError, Generator, type GeneratorState, StateDictError } from "@descent/core";
import { type Check, type Checks, checked, count, fraction, oneOf, shown } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import type { Lineage, LineageRow, Origin } from "./lineage.ts";
import type { Member } from "./member.ts";
import type { Hyperparameters, Space } from "./space.ts";

/** Options of `PopulationBasedTraining`. */
export interface PopulationOptions<H> {
  /** The share of members that is replaced after a generation, at most half. 0 replaces nobody: a random search. Default 0.25. */
  readonly quantile?: number;
  /** How often a hyperparameter is drawn anew instead of perturbed. Default 0.25. */
  readonly resampleProbability?: number;
  /** What perturbed numbers are multiplied with, one of them. Default [0.8, 1.2]. */
  readonly factors?: readonly number[];
  /** Whether great scores are good ("max", default) or small ones. */
  readonly mode?: "max" | "min";
  /** Hyperparameters to begin with, member by member. Default: drawn from the space. */
  readonly start?: readonly H[] | null;
  /** The seed of all decisions. Default 0. */
  readonly seed?: number;
}

/** What a population is, between two generations. */
export interface PopulationState<H, C> {
  readonly generator: GeneratorState;
  readonly lineage: Lineage<H>;
  readonly members: readonly C[];
}

/** How a member enters a generation. */
type Entry<H> = Omit<LineageRow<H>, "score">;

/**
 * Population-based training (Jaderberg et al. 2017, algorithm 1): members train side by side; before each generation but the first, the worst
 * ones become copies of good ones (truncation selection) and change what they copied (perturb or resample).
 *
 * Generations are synchronous: all decisions are drawn from one generator in the order of the members, and depend on nobody's speed.
 */
export class PopulationBasedTraining<S extends Space, C> {
  readonly #members: readonly Member<Hyperparameters<S>, C>[];
  readonly #space: S;
  readonly #options: Required<PopulationOptions<Hyperparameters<S>>>;
  readonly #generator: Generator;
  #lineage: Lineage<Hyperparameters<S>> = [];
  #isStepping = false;

  constructor(
    members: readonly Member<Hyperparameters<S>, C>[],
    space: S,
    options: PopulationOptions<Hyperparameters<S>> = {},
  ) {
    if (!Array.isArray(members) || members.length < 2)
      throw new ArgumentError(
        OP,
        `a population needs two members at least, got ${shown(members)}`,
        "pass more members",
      );
    rejectNoSpace(space);
    this.#members = members;
    this.#space = space;
    this.#options = settled<Required<PopulationOptions<Hyperparameters<S>>>>(OP, options, DEFAULTS, CHECKS);
    const { start, seed } = this.#options;
    if (start !== null) {
      if (start.length !== members.length)
        throw new ArgumentError(
          OP,
          `start has ${start.length} entries for ${members.length} members`,
          "give each member its own",
        );
      for (const [i, hyperparameters] of start.entries()) this.#rejectMisfit(OP, `start[${i}]`, hyperparameters);
    }
    this.#generator = new Generator(seed);
  }

  /** Generations that are over. */
  get generation(): number {
    return this.#lineage.length / this.#members.length;
  }

  /** What every member did in every generation. */
  get lineage(): Lineage<Hyperparameters<S>> {
    return this.#lineage;
  }

  /** The member with the best score after the last generation. Throws before the first one. */
  get best(): LineageRow<Hyperparameters<S>> {
    const [row] = this.#ranked();
    if (row === undefined) throw new ArgumentError(`${OP}.best`, "there was no generation", "await step() first");
    return row;
  }

  /**
   * One generation: the worst members are replaced, and all of them train. Where a member fails, all are put back to where they were, and its
   * error is thrown.
   */
  async step(): Promise<Lineage<Hyperparameters<S>>> {
    if (this.#isStepping) throw new ArgumentError(`${OP}.step`, "the last generation is not over", "await step()");
    this.#isStepping = true;
    const randomness = this.#generator.getState();
    const before = await this.#save().catch((error: unknown) => {
      this.#isStepping = false;
      throw error;
    });
    try {
      const entries = this.#entries();
      await allOf(entries, async ({ member, parent }) => {
        if (parent !== null) await this.#members[member]!.load(before[parent]!);
      });
      const rows = await allOf(entries, async (entry) => ({ ...entry, score: await this.#train(entry) }));
      this.#lineage = [...this.#lineage, ...rows];
      return rows;
    } catch (error) {
      this.#generator.setState(randomness);
      await this.#load(before);
      throw error;
    } finally {
      this.#isStepping = false;
    }
  }

  /** Makes some generations; `onGeneration` sees the rows of each when it is over. Returns the best row of the last one. */
  async run(
    generations: number,
    { onGeneration }: { readonly onGeneration?: (rows: Lineage<Hyperparameters<S>>) => void } = {},
  ): Promise<LineageRow<Hyperparameters<S>>> {
    checked(`${OP}.run`, { generations }, { generations: count });
    for (let k = 0; k < generations; k++) {
      const rows = await this.step();
      onGeneration?.(rows);
    }
    return this.best;
  }

  /** All members and the log. Asynchronous, because members may live elsewhere. */
  async stateDict(): Promise<PopulationState<Hyperparameters<S>, C>> {
    return { generator: this.#generator.getState(), lineage: this.#lineage, members: await this.#save() };
  }

  /** Goes on as the population that `stateDict()` was called of, bit for bit. Throws before anything changes where the state does not fit. */
  async loadStateDict({ generator, lineage, members }: PopulationState<Hyperparameters<S>, C>): Promise<void> {
    const op = `${OP}.loadStateDict`;
    const size = this.#members.length;
    if (members.length !== size || lineage.length % size !== 0)
      throw new StateDictError(
        op,
        `the state is of ${members.length} members with ${lineage.length} rows, the population has ${size} members`,
        "load it into a population of the same size",
      );
    for (const [i, row] of lineage.entries()) this.#rejectMisfit(op, `lineage[${i}]`, row.hyperparameters);
    new Generator().setState(generator);
    const before = await this.#save();
    try {
      await this.#load(members);
    } catch (error) {
      await this.#load(before);
      throw error;
    }
    this.#generator.setState(generator);
    this.#lineage = lineage;
  }

  #save(): Promise<C[]> {
    return allOf(this.#members, async (member) => member.save());
  }

  async #load(checkpoints: readonly C[]): Promise<void> {
    await allOf(this.#members, async (member, i) => member.load(checkpoints[i]!));
  }

  async #train({ member, hyperparameters, generation }: Entry<Hyperparameters<S>>): Promise<number> {
    const score: unknown = await this.#members[member]!.train(hyperparameters, generation);
    if (typeof score === "number") return score;
    throw new ArgumentError(`${OP}.step`, `member ${member} returned ${shown(score)} as its score`, "return a number");
  }

  /** The rows of the last generation, best first; equals by their place, and what is no number last. */
  #ranked(): LineageRow<Hyperparameters<S>>[] {
    const sign = this.#options.mode === "max" ? -1 : 1;
    const key = ({ score }: { score: number }): number =>
      Number.isNaN(score) ? Number.POSITIVE_INFINITY : sign * score;
    return this.#lineage.slice(-this.#members.length).sort((a, b) => (key(a) === key(b) ? 0 : key(a) - key(b)));
  }

  /** How all members enter the next generation. */
  #entries(): Entry<Hyperparameters<S>>[] {
    const { generation } = this;
    const places = this.#members.map((_, member) => member);
    if (generation === 0)
      return places.map((member) => ({
        generation,
        member,
        parent: null,
        ...this.#first(this.#options.start?.[member]),
      }));
    const ranked = this.#ranked();
    const replaced = Math.min(Math.ceil(this.#options.quantile * ranked.length), Math.floor(ranked.length / 2));
    const worst = new Set(ranked.slice(ranked.length - replaced).map(({ member }) => member));
    const last = this.#lineage.slice(-places.length);
    return places.map((member) => {
      if (!worst.has(member)) {
        const { hyperparameters } = last[member]!;
        return { generation, member, parent: null, hyperparameters, origins: this.#each(() => "kept") };
      }
      const { member: parent, hyperparameters } = ranked[Math.floor(this.#generator.uniform() * replaced)]!;
      return { generation, member, parent, ...this.#explored(hyperparameters) };
    });
  }

  #first(given: Hyperparameters<S> | undefined): Pick<Entry<Hyperparameters<S>>, "hyperparameters" | "origins"> {
    if (given !== undefined) return { hyperparameters: given, origins: this.#each(() => "given") };
    const hyperparameters = this.#each((name) => this.#space[name]!.sample(this.#generator)) as Hyperparameters<S>;
    return { hyperparameters, origins: this.#each(() => "sampled") };
  }

  #explored(from: Hyperparameters<S>): Pick<Entry<Hyperparameters<S>>, "hyperparameters" | "origins"> {
    const { resampleProbability, factors } = this.#options;
    const origins = this.#each(
      (): Origin => (this.#generator.uniform() < resampleProbability ? "resampled" : "perturbed"),
    );
    const hyperparameters = this.#each((name) => {
      const domain = this.#space[name]!;
      return origins[name] === "resampled"
        ? domain.sample(this.#generator)
        : domain.perturb(from[name], factors, this.#generator);
    }) as Hyperparameters<S>;
    return { hyperparameters, origins };
  }

  /** Something for every hyperparameter. */
  #each<T>(fn: (name: keyof S) => T): { [K in keyof S]: T } {
    return Object.fromEntries(Object.keys(this.#space).map((name) => [name, fn(name)])) as { [K in keyof S]: T };
  }

  #rejectMisfit(op: string, where: string, hyperparameters: object): void {
    const problems = Object.entries(this.#space).flatMap(([name, domain]) => {
      const value = (hyperparameters as Record<string, unknown>)[name];
      return domain.accepts(value) ? [] : [`${where}.${name} is ${shown(value)}, expected ${domain.expected}`];
    });
    if (problems.length > 0) throw new ArgumentError(op, problems.join("; "));
  }
}

const OP = "PopulationBasedTraining";

function rejectNoSpace(space: unknown): void {
  const domains = typeof space === "object" && space !== null ? Object.entries(space) : [];
  const wrong = domains.find(([, domain]) => typeof domain?.sample !== "function");
  if (domains.length > 0 && wrong === undefined) return;
  const problem = wrong
    ? `${wrong[0]} is ${shown(wrong[1])}, which is no domain`
    : "the space of hyperparameters is empty";
  throw new ArgumentError(OP, problem, "pass domains by name, such as { lr: logUniform(1e-4, 1) }");
}

/** What `fn` makes of all items, when all have come to an end: so nothing runs on where one of them fails. */
async function allOf<T, R>(items: readonly T[], fn: (item: T, i: number) => Promise<R>): Promise<R[]> {
  const settledOnes = await Promise.allSettled(items.map(fn));
  return settledOnes.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

const DEFAULTS = {
  quantile: 0.25,
  resampleProbability: 0.25,
  factors: [0.8, 1.2],
  mode: "max" as const,
  start: null,
  seed: 0,
};
const half: Check = {
  expected: "a number from 0 to ½",
  test: (value) => typeof value === "number" && value >= 0 && value <= 0.5,
};
const CHECKS: Checks<Required<PopulationOptions<object>>> = {
  quantile: half,
  resampleProbability: fraction,
  factors: {
    expected: "a list of numbers > 0",
    test: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((x) => typeof x === "number" && x > 0 && x < Number.POSITIVE_INFINITY),
  },
  mode: oneOf("max", "min"),
  start: { expected: "a list of hyperparameters, or null", test: (value) => value === null || Array.isArray(value) },
  seed: { expected: "a safe integer", test: Number.isSafeInteger },
};

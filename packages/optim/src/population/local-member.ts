import { ArgumentError, detach, Generator, type GeneratorState, getRngState, setRngState, Tensor } from "@descent/core";
import type { AnyOptimizer } from "../base/any-optimizer.ts";
import type { Member } from "./member.ts";

/** Something with a state to save: a module, an optimizer, a scheduler. */
export interface Stateful {
  stateDict(): object;
  loadStateDict(dict: never): unknown;
}

/** What `LocalMember` is made of. */
export interface LocalMemberOptions<H> {
  /** All that training changes, by name: modules, optimizers, schedulers, and generators that training draws from. */
  readonly parts: Readonly<Record<string, Stateful | Generator>>;
  /** Trains for one interval, and returns the score. */
  readonly train: (hyperparameters: H, generation: number) => number | Promise<number>;
  /**
   * Makes hyperparameters take effect, before an interval. Default: each is an option of the part that is named `optimizer`, as in
   * `setHyperparameters`.
   */
  readonly apply?: (hyperparameters: H) => void;
  /** Where the default generator begins for this member. Default 0. */
  readonly seed?: number;
}

/** The state of all parts, and of the default generator. */
export interface LocalCheckpoint {
  readonly parts: Readonly<Record<string, unknown>>;
  readonly randomness: GeneratorState;
}

/**
 * A member that lives in this process.
 *
 * Members of one process train one after the other, in the order in which they are asked to, and each draws from a default generator of its
 * own: what a member does depends on no other.
 */
export class LocalMember<H extends object> implements Member<H, LocalCheckpoint> {
  readonly #options: LocalMemberOptions<H>;
  #randomness: GeneratorState;

  constructor(options: LocalMemberOptions<H>) {
    if (typeof options?.train !== "function")
      throw new ArgumentError(
        "LocalMember",
        "there is no function train(hyperparameters, generation)",
        "pass one that returns the score",
      );
    this.#options = options;
    this.#randomness = new Generator(options.seed ?? 0).getState();
  }

  train(hyperparameters: H, generation: number): Promise<number> {
    return alone(async () => {
      const outside = getRngState();
      setRngState(this.#randomness);
      try {
        this.#apply(hyperparameters);
        const score = await this.#options.train(hyperparameters, generation);
        this.#randomness = getRngState();
        return score;
      } finally {
        setRngState(outside);
      }
    });
  }

  save(): LocalCheckpoint {
    const saved = Object.entries(this.#options.parts).map(([name, part]) => {
      return [name, part instanceof Generator ? part.getState() : snapshot(part.stateDict())];
    });
    return { parts: Object.fromEntries(saved), randomness: this.#randomness };
  }

  load({ parts, randomness }: LocalCheckpoint): void {
    for (const [name, part] of Object.entries(this.#options.parts)) {
      const saved = parts[name];
      if (part instanceof Generator) part.setState(saved as GeneratorState);
      else part.loadStateDict(snapshot(saved) as never);
    }
    this.#randomness = randomness;
  }

  #apply(hyperparameters: H): void {
    const { apply, parts } = this.#options;
    if (apply !== undefined) {
      apply(hyperparameters);
      return;
    }
    const optimizer = parts.optimizer as Partial<AnyOptimizer> | undefined;
    if (!Array.isArray(optimizer?.paramGroups))
      throw new ArgumentError(
        "LocalMember",
        "no part named optimizer could take the hyperparameters",
        "name it so, or pass apply(hyperparameters)",
      );
    setHyperparameters(optimizer as AnyOptimizer, hyperparameters);
  }
}

/** Writes options such as `lr` and `weightDecay` into all groups of an optimizer. Throws where it has no such option. */
export function setHyperparameters(optimizer: Pick<AnyOptimizer, "paramGroups">, hyperparameters: object): void {
  const names = Object.keys(hyperparameters);
  for (const group of optimizer.paramGroups) {
    const unknown = names.filter((name) => name === "params" || !(name in group));
    if (unknown.length > 0)
      throw new ArgumentError(
        "setHyperparameters",
        `the optimizer has no option ${unknown.join(", ")}`,
        `it has ${Object.keys(group)
          .filter((name) => name !== "params")
          .join(", ")}; pass apply() to LocalMember for others`,
      );
  }
  for (const group of optimizer.paramGroups) Object.assign(group, hyperparameters);
}

/** The end of what members of this process were asked to do so far. */
let last: Promise<unknown> = Promise.resolve();

/** Runs `fn` when nothing that was asked for before runs any more. */
function alone<T>(fn: () => Promise<T>): Promise<T> {
  const result = last.then(fn);
  last = result.catch(() => undefined);
  return result;
}

/** The same state in tensors that nobody else changes. */
function snapshot(state: unknown): unknown {
  if (state instanceof Tensor) return detach(state);
  if (Array.isArray(state)) return state.map(snapshot);
  if (typeof state !== "object" || state === null || Object.getPrototypeOf(state) !== Object.prototype) return state;
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, snapshot(value)]));
}

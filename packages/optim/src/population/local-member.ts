import {
  ArgumentError,
  defaultGenerator,
  type GeneratorState,
  getRngState,
  StateDictError,
  setRngState,
} from "@descent/core";
import { seedFrom } from "../base/seed.ts";
import { type Check, callable, optional, orNull, reject, shown } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import { type Setters, writeHyperparameters } from "./hyperparameters.ts";
import type { Member } from "./member.ts";
import { snapshot } from "./plain-tensors.ts";

/** What has a state dict: a model, an optimizer, a scheduler. */
export interface Stateful {
  stateDict(): object;
  loadStateDict(dict: never): unknown;
}

/** A generator of random numbers. */
export interface RandomStream {
  getState(): GeneratorState;
  setState(state: GeneratorState): void;
}

/** Options of `localMember`. */
export interface LocalMemberOptions<H extends object> {
  /** All that training changes, by names of your choice: the model, its optimizer, a scheduler, generators. */
  readonly parts: Readonly<Record<string, Stateful | RandomStream>>;
  /** Trains one interval, and gives the score, where nothing evaluates. */
  readonly train: (hyperparameters: H, generation: number) => unknown;
  /** Gives the score after each interval. */
  readonly evaluate?: (hyperparameters: H, generation: number) => number | Promise<number>;
  /** Functions for hyperparameters that are not options of the optimizer, or are to be written in another way; `null` for what only `train` reads. */
  readonly set?: Setters<H>;
  /** Where the default generator begins, as this member sees it. Default: drawn from the default generator. */
  readonly seed?: number;
}

/** What a member of this process saves. */
export interface LocalCheckpoint {
  /** Where the default generator stands, as the member sees it. */
  readonly random: GeneratorState;
  /** State dicts and states of generators, by the names of the parts. */
  readonly parts: Readonly<Record<string, object>>;
}

const NAME = "localMember";
const setter = orNull(callable);
const record: Check = {
  expected: "an object",
  test: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

/**
 * A member of a population in this process, from a model, its optimizer and a function that trains one interval.
 *
 * Before each interval, hyperparameters are written into all parameter groups of the optimizers that have an option of that name. Beside
 * a scheduler, `lr` is the rate that its schedule starts from; where the schedule stands stays. A checkpoint holds snapshots of all parts.
 *
 * Members of one process train one after the other, also where `train` is asynchronous, and each with a default generator of its own: so
 * dropout and shuffled batches are the same whoever else is there.
 */
export function localMember<H extends object>(options: LocalMemberOptions<H>): Member<H, LocalCheckpoint> {
  const { parts, train, evaluate, set, seed } = settled<Settings<H>>(NAME, options, DEFAULTS as Settings<H>, {
    parts: record,
    train: callable,
    evaluate: optional(callable),
    set: record,
    seed: optional({ expected: "an integer", test: Number.isSafeInteger }),
  });
  rejectParts(parts);
  reject(
    NAME,
    Object.entries(set).flatMap(([name, fn]) =>
      setter.test(fn) ? [] : [`set.${name} is ${shown(fn)}, expected ${setter.expected}`],
    ),
  );
  let random: GeneratorState = { seed: seed ?? seedFrom(defaultGenerator), counter: 0 };

  /** Runs `fn` with the default generator where the member left it. */
  async function drawing<T>(fn: () => Promise<T>): Promise<T> {
    const outside = getRngState();
    setRngState(random);
    try {
      return await fn();
    } finally {
      random = getRngState();
      setRngState(outside);
    }
  }

  return {
    train: (hyperparameters, generation) =>
      inTurn(() =>
        drawing(async () => {
          writeHyperparameters(NAME, hyperparameters, Object.values(parts), set);
          const score = await train(hyperparameters, generation);
          // The population rejects what is no number.
          return evaluate === undefined ? (score as number) : await evaluate(hyperparameters, generation);
        }),
      ),
    save: () => ({
      random,
      parts: Object.fromEntries(
        Object.entries(parts).map(([name, part]) => [
          name,
          snapshot(isStream(part) ? part.getState() : part.stateDict()) as object,
        ]),
      ),
    }),
    load(checkpoint) {
      rejectOther(Object.keys(parts), checkpoint);
      for (const [name, part] of Object.entries(parts)) {
        const state = snapshot(checkpoint.parts[name]);
        if (isStream(part)) part.setState(state as GeneratorState);
        else part.loadStateDict(state as never);
      }
      random = checkpoint.random;
    },
  };
}

type Settings<H extends object> = LocalMemberOptions<H> & Required<Pick<LocalMemberOptions<H>, "set">>;

const DEFAULTS = { set: {} };

/** The end of what was begun last by a member of this process, which has one default generator. */
let turn: Promise<unknown> = Promise.resolve();

/** Runs `fn` when everything before it is over. */
function inTurn<T>(fn: () => Promise<T>): Promise<T> {
  const result = turn.then(fn);
  turn = result.catch(() => {});
  return result;
}

const isStream = (part: Stateful | RandomStream): part is RandomStream => "getState" in part && "setState" in part;

/** Throws where a checkpoint is not that of a member with the same parts. */
function rejectOther(names: readonly string[], { parts }: LocalCheckpoint): void {
  const saved = Object.keys(parts);
  if (saved.length !== names.length || names.some((name) => !saved.includes(name)))
    throw new StateDictError(
      `${NAME}.load`,
      `the checkpoint has ${saved.join(", ")}, the member ${names.join(", ")}`,
      "load what a member with the same parts saved",
    );
}

function rejectParts(parts: Readonly<Record<string, unknown>>): void {
  if (Object.keys(parts).length === 0)
    throw new ArgumentError(NAME, "there are no parts", "pass all that training changes: { model, optimizer }");
  const isPart = (part: unknown): boolean => {
    const { stateDict, loadStateDict, getState, setState } = Object(part) as Partial<Stateful & RandomStream>;
    return [stateDict, loadStateDict].every(callable.test) || [getState, setState].every(callable.test);
  };
  reject(
    NAME,
    Object.entries(parts)
      .filter(([, part]) => !isPart(part))
      .map(([name, part]) => `parts.${name} is ${shown(part)}, expected what has a stateDict(), or a Generator`),
  );
}

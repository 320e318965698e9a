import { ArgumentError, type Generator } from "@descent/core";
import { type Check, flag, shown } from "../checks.ts";
import { settled } from "../tools/arguments.ts";

/** What a hyperparameter may be: plain data, so that a log in JSON holds it. */
export type Plain = number | string | boolean | null | readonly Plain[];

/** What numbers are multiplied by: one of the two, each with probability ½. */
export type Factors = readonly [down: number, up: number];

/** @internal The factors of Jaderberg et al. (2017). */
export const FACTORS: Factors = [0.8, 1.2];

/** The values that a hyperparameter may have, and how it moves among them. */
export interface Domain<T> extends Check {
  /** A value of the prior. */
  sample(generator: Generator): T;
  /** A value near another one, and as much a value of the domain. Default factors: 0.8 and 1.2. */
  perturb(value: T, generator: Generator, factors?: Factors): T;
}

/** Numbers evenly distributed over `[low, high]`. Perturbed ones are multiplied by a factor and stay between the ends. */
export function uniform(low: number, high: number): Domain<number> {
  rejectBounds("uniform", low, high);
  return numbers(low, high, (u) => low + u * (high - low));
}

/** Numbers in `[low, high]`, `low > 0`, whose logarithms are evenly distributed. Perturbed as those of `uniform` are. */
export function logUniform(low: number, high: number): Domain<number> {
  rejectBounds("logUniform", low, high);
  rejectNotPositive("logUniform", low);
  return numbers(low, high, (u) => low * (high / low) ** u);
}

/** Options of `integer`. */
export interface IntegerOptions {
  /** Whether logarithms are evenly distributed, which needs `low > 0`. Default false. */
  readonly log?: boolean;
}

/**
 * Integers from `low` to `high`, both included. Perturbed ones are multiplied by a factor and truncated; where that changes nothing, as
 * with small ones, they go one further in the factor's direction. They stay between the ends.
 */
export function integer(low: number, high: number, options: IntegerOptions = {}): Domain<number> {
  const { log } = settled("integer", options, { log: false }, { log: flag });
  rejectBounds("integer", low, high);
  for (const [name, value] of Object.entries({ low, high }))
    if (!Number.isInteger(value)) throw new ArgumentError("integer", `${name} is ${value}, expected an integer`);
  if (log) rejectNotPositive("integer", low);
  const clip = clipped(low, high);
  return {
    expected: `an integer in [${low}, ${high}]`,
    test: (value) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
    sample(generator) {
      const u = generator.uniform();
      return clip(Math.floor(log ? low * ((high + 1) / low) ** u : low + u * (high + 1 - low)));
    },
    perturb(value, generator, factors = FACTORS) {
      const factor = one(factors, generator);
      const next = Math.trunc(value * factor);
      const onward = Math.sign(value * factor - value) || Math.sign(factor - 1);
      return clip(next === value ? value + onward : next);
    },
  };
}

/**
 * One of some values, in their order: perturbed, it becomes one of its two neighbours; at an end, where one is missing, it may stay.
 * Values are plain data: numbers, strings, booleans, null, and lists of these such as `betas`.
 */
export function choice<const T extends Plain>(values: readonly T[]): Domain<T> {
  if (!Array.isArray(values) || values.length === 0)
    throw new ArgumentError("choice", `expected a list of at least one value, got ${shown(values)}`);
  const keys = values.map((value) => JSON.stringify(value));
  for (const [i, value] of values.entries()) {
    if (!isPlain(value))
      throw new ArgumentError(
        "choice",
        `values[${i}] is ${shown(value)}, expected a finite number, a string, true, false, null, or a list of these`,
      );
    const first = keys.indexOf(keys[i]!);
    if (first < i)
      throw new ArgumentError("choice", `values[${i}] is ${shown(value)}, as is values[${first}]`, "list values once");
  }
  const indexOf = (value: unknown): number => (isPlain(value) ? keys.indexOf(JSON.stringify(value)) : -1);
  return {
    expected: `one of ${values.map(shown).join(", ")}`,
    test: (value) => indexOf(value) >= 0,
    sample: (generator) => values[Math.floor(generator.uniform() * values.length)]!,
    perturb(value, generator) {
      const step = generator.uniform() < 0.5 ? -1 : 1;
      return values[clipped(0, values.length - 1)(indexOf(value) + step)]!;
    },
  };
}

/** Real numbers between two ends; `place` takes [0, 1) there. */
function numbers(low: number, high: number, place: (u: number) => number): Domain<number> {
  const clip = clipped(low, high);
  return {
    expected: `a number in [${low}, ${high}]`,
    test: (value) => typeof value === "number" && value >= low && value <= high,
    sample: (generator) => clip(place(generator.uniform())),
    perturb: (value, generator, factors = FACTORS) => clip(value * one(factors, generator)),
  };
}

const one = (factors: Factors, generator: Generator): number => factors[generator.uniform() < 0.5 ? 0 : 1];

const clipped =
  (low: number, high: number) =>
  (value: number): number =>
    Math.min(Math.max(value, low), high);

/** Whether a value comes back from JSON as it went in. */
const isPlain = (value: unknown): value is Plain =>
  value === null ||
  typeof value === "string" ||
  typeof value === "boolean" ||
  Number.isFinite(value) ||
  (Array.isArray(value) && value.every(isPlain));

function rejectBounds(op: string, low: number, high: number): void {
  if (!Number.isFinite(low) || !Number.isFinite(high) || low >= high)
    throw new ArgumentError(op, `low is ${shown(low)} and high is ${shown(high)}, expected finite numbers, low < high`);
}

function rejectNotPositive(op: string, low: number): void {
  if (low <= 0) throw new ArgumentError(op, `low is ${low}, which has no logarithm; expected a number > 0`);
}

import { ArgumentError, type Generator } from "@descent/core";
import { shown } from "../checks.ts";

/** What a hyperparameter may be, and how it is explored. */
export interface Domain<T> {
  /** Completes "expected …". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  readonly sample: (generator: Generator) => T;
  /** A value near `value`: a number times one of the `factors`, within its range; a choice's neighbour in its list. */
  readonly perturb: (value: T, factors: readonly number[], generator: Generator) => T;
}

/** Hyperparameters by name. */
export type Space = Readonly<Record<string, Domain<unknown>>>;

/** A value for every hyperparameter of a space. */
export type Hyperparameters<S extends Space> = { readonly [K in keyof S]: S[K] extends Domain<infer T> ? T : never };

/** One of some values, each as likely as the others. */
const oneOf = <T>(values: readonly T[], generator: Generator): T =>
  values[Math.floor(generator.uniform() * values.length)]!;

function range(
  op: string,
  low: number,
  high: number,
  problem: (low: number, high: number) => boolean,
  remedy: string,
): void {
  if (!Number.isFinite(low) || !Number.isFinite(high) || low >= high || problem(low, high))
    throw new ArgumentError(op, `the range from ${shown(low)} to ${shown(high)} is empty or not allowed`, remedy);
}

const numeric = (low: number, high: number, sample: (generator: Generator) => number): Domain<number> => ({
  expected: `a number from ${low} to ${high}`,
  accepts: (value) => typeof value === "number" && value >= low && value <= high,
  sample,
  perturb: (value, factors, generator) => Math.min(high, Math.max(low, value * oneOf(factors, generator))),
});

/** Numbers from `low` to `high`, all as likely. */
export function uniform(low: number, high: number): Domain<number> {
  range("uniform", low, high, () => false, "pass two numbers, the lower one first");
  return numeric(low, high, (generator) => low + (high - low) * generator.uniform());
}

/** Numbers from `low` to `high`, their logarithms all as likely: for learning rates and weight decays. */
export function logUniform(low: number, high: number): Domain<number> {
  range("logUniform", low, high, (from) => from <= 0, "pass two positive numbers, the lower one first");
  return numeric(low, high, (generator) => Math.min(high, low * (high / low) ** generator.uniform()));
}

/** Integers from `low` to `high`, both included. Perturbed ones are rounded down, and move by one at least where there is room. */
export function integer(low: number, high: number): Domain<number> {
  range(
    "integer",
    low,
    high,
    (from, to) => !Number.isInteger(from) || !Number.isInteger(to),
    "pass two integers, the lower one first",
  );
  return {
    expected: `an integer from ${low} to ${high}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
    sample: (generator) => low + Math.floor(generator.uniform() * (high - low + 1)),
    perturb(value, factors, generator) {
      const factor = oneOf(factors, generator);
      const moved = Math.trunc(value * factor);
      return Math.min(high, Math.max(low, moved === value ? value + Math.sign(factor - 1) : moved));
    },
  };
}

/** One of a list. Perturbed ones move to a neighbour in it. */
export function choice<const T extends string | number | boolean>(values: readonly T[]): Domain<T> {
  if (!Array.isArray(values) || values.length === 0)
    throw new ArgumentError("choice", `there is nothing to choose from in ${shown(values)}`, "pass a list of values");
  return {
    expected: `one of ${values.map(shown).join(", ")}`,
    accepts: (value) => (values as readonly unknown[]).includes(value),
    sample: (generator) => oneOf(values, generator),
    perturb(value, _, generator) {
      const at = values.indexOf(value) + oneOf([-1, 1], generator);
      return values[Math.min(values.length - 1, Math.max(0, at))]!;
    },
  };
}

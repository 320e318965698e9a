import { ArgumentError, type Generator } from "@descent/core";
import { callable, rejectNonObject, shown } from "../checks.ts";
import type { Domain, Factors } from "./domains.ts";

/** A domain for every hyperparameter. */
export type Space<H extends object> = { readonly [K in keyof H]: Domain<H[K]> };

/** How a hyperparameter came to its value: in generation 0 the first two, later the others. */
export type Origin = "sampled" | "given" | "kept" | "perturbed" | "resampled";

/** Hyperparameters, and how each came to its value. */
export interface Draw<H extends object> {
  readonly hyperparameters: H;
  readonly origins: { readonly [K in keyof H]: Origin };
}

/** How hyperparameters that were copied change. */
export interface Exploration {
  /** How often one is drawn anew instead of perturbed. */
  readonly resampleProbability: number;
  readonly factors: Factors;
}

/** Columns of `schedule()`, which no hyperparameter may take. */
const RESERVED: readonly string[] = ["generation", "member", "start", "end", "score"];

/** Throws where a space is none. */
export function rejectNoSpace(op: string, space: object): void {
  if (typeof space !== "object" || space === null || Array.isArray(space))
    throw new ArgumentError(op, `the space is ${shown(space)}`, "pass domains by name, such as { lr: logUniform(…) }");
  const entries = Object.entries(space as Readonly<Record<string, unknown>>);
  if (entries.length === 0)
    throw new ArgumentError(op, "the space is empty", "name what is to be found, such as { lr: logUniform(…) }");
  for (const [name, domain] of entries) {
    if (RESERVED.includes(name))
      throw new ArgumentError(op, `${name} is the name of a column of the log`, "give the hyperparameter another one");
    const { test, sample, perturb } = (domain ?? {}) as Partial<Domain<unknown>>;
    if (![test, sample, perturb].every(callable.test))
      throw new ArgumentError(
        op,
        `the domain of ${name} is ${shown(domain)}`,
        "pass uniform(…), logUniform(…), integer(…) or choice(…)",
      );
  }
}

/** All that is wrong with hyperparameters, in sentences; `prefix` says where they stand. */
export function misfits<H extends object>(space: Space<H>, hyperparameters: H, prefix = ""): string[] {
  const names = Object.keys(space) as (keyof H & string)[];
  const unknown = Object.keys(hyperparameters).filter((name) => !Object.hasOwn(space, name));
  const wrong = names.filter((name) => !space[name].test(hyperparameters[name]));
  return [
    ...unknown.map((name) => `${prefix}${name} is not in the space, which has ${names.join(", ")}`),
    ...wrong.map((name) => `${prefix}${name} is ${shown(hyperparameters[name])}, expected ${space[name].expected}`),
  ];
}

/** Hyperparameters as somebody chose them. Throws where they are none of the space. */
export function given<H extends object>(op: string, space: Space<H>, hyperparameters: H, prefix: string): Draw<H> {
  rejectNonObject(op, hyperparameters, space);
  const problems = misfits(space, hyperparameters, prefix);
  if (problems.length > 0) throw new ArgumentError(op, problems.join("; "));
  return draw(space, (name) => [hyperparameters[name], "given"]);
}

/** Hyperparameters of the prior. */
export const sampled = <H extends object>(space: Space<H>, generator: Generator): Draw<H> =>
  draw(space, (name) => [space[name].sample(generator), "sampled"]);

/** The same hyperparameters again. */
export const kept = <H extends object>(space: Space<H>, hyperparameters: H): Draw<H> =>
  draw(space, (name) => [hyperparameters[name], "kept"]);

/** Hyperparameters near others: each is drawn anew or perturbed. */
export const explored = <H extends object>(
  space: Space<H>,
  hyperparameters: H,
  { resampleProbability, factors }: Exploration,
  generator: Generator,
): Draw<H> =>
  draw(space, (name) =>
    generator.uniform() < resampleProbability
      ? [space[name].sample(generator), "resampled"]
      : [space[name].perturb(hyperparameters[name], generator, factors), "perturbed"],
  );

function draw<H extends object>(
  space: Space<H>,
  value: <K extends keyof H & string>(name: K) => readonly [H[K], Origin],
): Draw<H> {
  const entries = (Object.keys(space) as (keyof H & string)[]).map((name) => [name, value(name)] as const);
  const each = (i: 0 | 1) => Object.fromEntries(entries.map(([name, pair]) => [name, pair[i]]));
  return { hyperparameters: each(0) as H, origins: each(1) as Draw<H>["origins"] };
}

import { ArgumentError, Tensor } from "@descent/core";

/** What an option may be. */
export interface Check {
  /** Completes "expected …". */
  readonly expected: string;
  test(value: unknown): boolean;
}

/** A check for every option: one that is forgotten does not compile. */
export type Checks<O extends object> = { readonly [K in keyof O]-?: Check };

const number = (expected: string, test: (value: number) => boolean): Check => ({
  expected,
  test: (value) => typeof value === "number" && test(value),
});

/** Any number but NaN and the infinities. */
export const finite = number("a finite number", Number.isFinite);
/** Zero or more. */
export const nonNegative = number("a number ≥ 0", (value) => value >= 0 && value < Number.POSITIVE_INFINITY);
/** More than zero. */
export const positive = number("a number > 0", (value) => value > 0 && value < Number.POSITIVE_INFINITY);
/** 0, 1, 2, … */
export const count = number("an integer ≥ 0", (value) => Number.isInteger(value) && value >= 0);
/** 1, 2, 3, … */
export const positiveInteger = number("an integer ≥ 1", (value) => Number.isInteger(value) && value >= 1);
/** 2, 3, … */
export const atLeastTwo = number("an integer ≥ 2", (value) => Number.isInteger(value) && value >= 2);
/** Zero to one. */
export const fraction = number("a number in [0, 1]", (value) => value >= 0 && value <= 1);
/** More than zero, to one. */
export const positiveFraction = number("a number in (0, 1]", (value) => value > 0 && value <= 1);
/** Between zero and one. */
export const properFraction = number("a number in (0, 1)", (value) => value > 0 && value < 1);
/** One or more, `Infinity` too. */
export const atLeastOne = number("a number ≥ 1", (value) => value >= 1);
/** `true` or `false`. */
export const flag: Check = { expected: "true or false", test: (value) => typeof value === "boolean" };
/** A function. */
export const callable: Check = { expected: "a function", test: (value) => typeof value === "function" };
/** The decay rate of a moving average. */
export const decayRate = number("a number in [0, 1)", (value) => value >= 0 && value < 1);
/** The decay rates of two moving averages. */
export const betas: Check = {
  expected: "two numbers in [0, 1)",
  test: (value) => Array.isArray(value) && value.length === 2 && value.every(decayRate.test),
};
/** Steps at which something happens. */
export const milestones: Check = {
  expected: "integers ≥ 0 in increasing order",
  test: (value) =>
    Array.isArray(value) && value.every((step, i) => count.test(step) && (i === 0 || step >= value[i - 1])),
};
/** What a check accepts, or nothing. */
export const optional = (check: Check): Check => ({
  expected: check.expected,
  test: (value) => value === undefined || check.test(value),
});
/** What a check accepts, or `null`. */
export const orNull = (check: Check): Check => ({
  expected: `${check.expected}, or null`,
  test: (value) => value === null || check.test(value),
});
/** One of some values. */
export const oneOf = (...values: readonly unknown[]): Check => ({
  expected: values.map(shown).join(" or "),
  test: (value) => values.includes(value),
});
/** One for every parameter group. */
export const listOf = (check: Check, length: number): Check => ({
  expected: `a list of ${length}, each ${check.expected}`,
  test: (value) => Array.isArray(value) && value.length === length && value.every(check.test),
});

/** Names that no check is for, in sentences; `prefix` says where they stand. */
export const unknownNames = (options: object, checks: object, prefix = ""): string[] =>
  Object.keys(options)
    .filter((name) => !Object.hasOwn(checks, name))
    .map((name) => `${prefix}${name} is unknown (known: ${Object.keys(checks).join(", ")})`);

/** Values that their checks do not accept, in sentences. */
export function badValues<O extends object>(options: O, checks: Checks<O>, prefix = ""): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(checks) as (keyof O & string)[])
    if (!checks[name].test(options[name]))
      problems.push(`${prefix}${name} is ${shown(options[name])}, expected ${checks[name].expected}`);
  return problems;
}

/** Hands on options that are right, and throws with all that is wrong with others. */
export function checked<O extends object>(op: string, options: O, checks: Checks<O>): O {
  rejectNonObject(op, options, checks);
  reject(op, [...unknownNames(options, checks), ...badValues(options, checks)]);
  return options;
}

/** Throws where something else stands in the place of options, such as a bare learning rate. */
export function rejectNonObject(op: string, options: unknown, checks: object): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new ArgumentError(op, `expected options { ${Object.keys(checks).join(", ")} }, got ${shown(options)}`);
}

/** Throws if there are problems. */
export function reject(op: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new ArgumentError(op, problems.join("; "));
}

/** Throws where something else stands in the place of a closure that calls `backward()`. */
export function rejectNoClosure(op: string, closure: unknown): void {
  if (typeof closure !== "function") throw new ArgumentError(op, `${shown(closure)} is no closure`, BACKWARD_CLOSURE);
}

/** What to pass where a closure is needed. */
export const BACKWARD_CLOSURE = "pass a function that computes the loss, calls backward() and returns the loss";

/** A value as messages show it. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (value instanceof Promise) return "a promise";
  if (value instanceof Tensor) return `a tensor of shape [${value.shape.join(",")}]`;
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

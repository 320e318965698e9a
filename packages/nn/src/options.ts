import { ArgumentError, show } from "@descent/core";

/** One number for the axis of a sequence, alone or in a list. */
export type Size1 = number | readonly [length: number];
/** One number for both axes of an image, or one for each. */
export type Size2 = number | readonly [height: number, width: number];
/** One number for all axes of a volume, or one for each. */
export type Size3 = number | readonly [depth: number, height: number, width: number];
/** One number for all axes, or one for each. */
export type Size = number | readonly number[];

/** The given options over the defaults. Names that are no option are rejected, and so is what is no object. */
export function withDefaults<O extends object>(op: string, given: O, defaults: Required<O>): Required<O> {
  if (typeof given !== "object" || given === null)
    throw new ArgumentError(
      op,
      `expected an object of options, got ${given}`,
      `write { ${Object.keys(defaults)[0]}: … } for ${Object.keys(defaults).join(", ")}`,
    );
  const merged = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name))
      throw new ArgumentError(
        op,
        `there is no option "${name}"`,
        `the options are ${Object.keys(defaults).join(", ")}`,
      );
    if (value !== undefined) merged[name as keyof O] = value;
  }
  return merged;
}

/** Throws unless `value` is one of the words. */
export function oneOf<T>(op: string, name: string, value: T, words: readonly T[]): T {
  if (!words.includes(value))
    throw new ArgumentError(op, `unknown ${name} "${value}"`, `use one of ${words.map((w) => `"${w}"`).join(", ")}`);
  return value;
}

/** Throws unless all sizes are integers of at least `least`. */
export function checkSizes(op: string, sizes: Readonly<Record<string, number | readonly number[]>>, least = 1): void {
  for (const [name, size] of Object.entries(sizes))
    if (![size].flat().every((n) => Number.isInteger(n) && n >= least))
      throw new ArgumentError(
        op,
        `${name} must be ${least > 0 ? "a positive" : "a non-negative"} integer, got ${Array.isArray(size) ? show(size) : size}`,
      );
}

/** Throws unless `value` lies in `[0, 1]`. */
export function checkFraction(op: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new ArgumentError(op, `${name} must lie in [0, 1], got ${value}`);
}

/** Sizes by name, each as a list of one integer for each of `n` axes. Padding may be 0, the others are positive. */
export function sizes<K extends string>(
  op: string,
  n: number,
  given: Readonly<Record<K, Size>>,
): Readonly<Record<K, readonly number[]>> {
  const lists = Object.entries<Size>(given).map(([name, size]) => {
    checkSizes(op, { [name]: size }, /padding/i.test(name) ? 0 : 1);
    return [name, spread(op, name, size, n)];
  });
  return Object.fromEntries(lists);
}

/** What is given for all of `n` axes, or for each, as a list. */
export function spread<T>(op: string, name: string, value: T | readonly T[], n: number): readonly T[] {
  if (!Array.isArray(value)) return Array<T>(n).fill(value as T);
  if (value.length !== n)
    throw new ArgumentError(op, `${name} must be a number or [${NAMES.slice(-n).join(", ")}], got [${value}]`);
  return value;
}

const NAMES = ["depth", "height", "width"];

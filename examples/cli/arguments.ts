import { parseArgs } from "node:util";
import { TensorError } from "descent";

/** A command line that nobody can mean; its message is for people. */
export class UsageError extends Error {}

/** From here on, a bad command line ends the program with one line and exit code 2, an error of the library with its message alone and exit code 1. */
export function reportErrors(program: string): void {
  process.on("uncaughtException", (error) => {
    const known = error instanceof UsageError || error instanceof TensorError;
    console.error(known ? `${program}: ${error.message}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  });
}

/** Ends the program with a text. */
export function exitWith(text: string): never {
  console.log(text);
  process.exit(0);
}

/** The options that a command line gives, as texts and flags, or a UsageError. */
export function parse<T extends string, F extends string>(
  args: readonly string[],
  texts: readonly T[],
  flags: readonly F[],
): { readonly [K in T]?: string } & { readonly [K in F]?: boolean } {
  const typed = (names: readonly string[], type: "string" | "boolean") =>
    names.map((name) => [name, { type }] as const);
  const options = Object.fromEntries([...typed(texts, "string"), ...typed(flags, "boolean")]);
  try {
    return parseArgs({ args: [...args], options }).values as never;
  } catch (error) {
    const [problem] = (error as Error).message.split(/\.\s/);
    throw new UsageError(`${problem}; ${HINT}`);
  }
}

/** The number that `--name` gives, if it is given. */
export function number(name: string, text: string | undefined, expected: string, fits: (x: number) => boolean) {
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return fits(value) ? value : reject(name, expected, text);
}

/** The integer that `--name` gives, if it is given. */
export function integer(name: string, text: string | undefined, min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return number(name, text, `an integer ${range}`, (x) => Number.isInteger(x) && x >= min && x <= max);
}

const HINT = "--help lists the options";

/** Throws a UsageError for a value that `--name` cannot have. */
export function reject(name: string, expected: string, got: string): never {
  throw new UsageError(`--${name} must be ${expected}, got "${got}"; ${HINT}`);
}

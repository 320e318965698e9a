import { parseArgs } from "node:util";
import { type Backend, cpu, getBackend, getNumThreads, setBackend, setNumThreads, TensorError, wasm } from "descent";

/** What a backend is, how it is made, and how much work suits its speed. */
export interface Choice {
  readonly about: string;
  readonly make: () => Backend | Promise<Backend>;
  readonly epochs: number;
  readonly trainSize: number;
}

/** The backends that `--backend` names. */
export const BACKENDS: Readonly<Record<string, Choice>> = {
  wasm: { about: "WebAssembly with SIMD and threads", make: wasm, epochs: 5, trainSize: 60_000 },
  cpu: { about: "plain TypeScript, one thread", make: cpu, epochs: 2, trainSize: 6_000 },
};

/** What the command line asks for. */
export interface Options {
  readonly epochs: number;
  readonly trainSize: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  readonly backend: string;
  /** Default: what the backend takes. */
  readonly threads: number | null;
  readonly json: boolean;
  readonly help: boolean;
}

/** A command line that nobody can mean; its message is for people. */
export class UsageError extends Error {}

/**
 * Reads the command line and makes the backend it names the current one. A bad value ends the program with one line and exit code 2;
 * from here on, an error of the library ends it with its message alone and exit code 1.
 */
export async function readOptions(args = process.argv.slice(2)): Promise<Options> {
  process.on("uncaughtException", (error) => {
    const known = error instanceof UsageError || error instanceof TensorError;
    console.error(known ? `mnist-lenet: ${error.message}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  });
  const options = parseOptions(args);
  if (options.help) {
    console.log(HELP);
    process.exit(0);
  }
  setBackend(await BACKENDS[options.backend]!.make());
  if (options.threads !== null && options.threads !== getNumThreads()) setNumThreads(options.threads);
  return options;
}

/** The options in a command line, or a UsageError. */
export function parseOptions(args: readonly string[]): Options {
  const given = parse(args);
  const { backend = DEFAULT_BACKEND, json = false, help = false } = given;
  const choice = Object.hasOwn(BACKENDS, backend) ? BACKENDS[backend] : undefined;
  if (choice === undefined) return reject("backend", `one of ${Object.keys(BACKENDS).join(", ")}`, backend);
  return {
    epochs: integer("epochs", given.epochs, 1) ?? choice.epochs,
    trainSize: integer("train-size", given["train-size"], 1, 60_000) ?? choice.trainSize,
    batchSize: integer("batch-size", given["batch-size"], 1, 60_000) ?? 64,
    lr: number("lr", given.lr, "a positive number", (x) => x > 0 && x < Infinity) ?? 0.03,
    seed: integer("seed", given.seed, 0) ?? 0,
    backend,
    threads: integer("threads", given.threads, 1) ?? null,
    json,
    help,
  };
}

/** The one that the library chose. */
const DEFAULT_BACKEND = getBackend().name;

const HELP = `Trains LeNet-5 on MNIST, tests it, and saves its weights.

  npm start -- [options]

  --epochs N        how often every training image is seen (default: ${defaults(({ epochs }) => epochs)})
  --train-size N    how many of the 60,000 training images are used (default: ${defaults(({ trainSize }) => trainSize)})
  --batch-size N    images per step (default: 64)
  --lr X            learning rate (default: 0.03)
  --seed N          the same seed gives the same weights (default: 0)
  --backend NAME    what computes: ${Object.keys(BACKENDS).join(", ")} (default: ${DEFAULT_BACKEND})
  --threads N       how many threads share the work (default: one per core; the weights do not depend on it)
  --json            end with one line of JSON
  --help            show this`;

function defaults(value: (choice: Choice) => number): string {
  return Object.entries(BACKENDS)
    .map(([name, choice]) => `${value(choice)} on ${name}`)
    .join(", ");
}

function parse(args: readonly string[]) {
  const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;
  const options = {
    epochs: text,
    "train-size": text,
    "batch-size": text,
    lr: text,
    seed: text,
    backend: text,
    threads: text,
  } as const;
  try {
    return parseArgs({ args: [...args], options: { ...options, json: flag, help: flag } }).values;
  } catch (error) {
    const [problem] = (error as Error).message.split(/\.\s/);
    throw new UsageError(`${problem}; ${HINT}`);
  }
}

function number(name: string, text: string | undefined, expected: string, fits: (x: number) => boolean) {
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return fits(value) ? value : reject(name, expected, text);
}

function integer(name: string, text: string | undefined, min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return number(name, text, `an integer ${range}`, (x) => Number.isInteger(x) && x >= min && x <= max);
}

const HINT = "--help lists the options";
function reject(name: string, expected: string, got: string): never {
  throw new UsageError(`--${name} must be ${expected}, got "${got}"; ${HINT}`);
}

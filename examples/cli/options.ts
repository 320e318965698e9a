import { type Backend, cpu, getBackend, getNumThreads, setBackend, setNumThreads, wasm } from "descent";
import { exitWith, integer, number, parse, reject, reportErrors } from "./arguments.ts";

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
  // Loaded when it is asked for: it brings native code.
  gpu: {
    about: "shaders, through WebGPU",
    make: async () => (await import("./gpu.ts")).webGpu(),
    epochs: 5,
    trainSize: 60_000,
  },
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

/**
 * Reads the command line and makes the backend it names the current one. A bad value ends the program with one line and exit code 2;
 * from here on, an error of the library ends it with its message alone and exit code 1.
 */
export async function readOptions(args = process.argv.slice(2)): Promise<Options> {
  reportErrors("mnist-lenet");
  const options = parseOptions(args);
  if (options.help) exitWith(HELP);
  setBackend(await BACKENDS[options.backend]!.make());
  if (options.threads !== null && options.threads !== getNumThreads()) setNumThreads(options.threads);
  return options;
}

/** The options in a command line, or a UsageError. */
export function parseOptions(args: readonly string[]): Options {
  const given = parse(args, TEXTS, ["json", "help"]);
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

const TEXTS = ["epochs", "train-size", "batch-size", "lr", "seed", "backend", "threads"] as const;

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

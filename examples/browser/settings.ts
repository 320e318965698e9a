/** What can compute, and how it is introduced on the page. */
export const BACKENDS = {
  wasm: { title: "WebAssembly", about: "SIMD and threads", needs: "a browser of 2021 or later" },
  webgpu: { title: "WebGPU", about: "shaders", needs: "a browser with WebGPU, and https or localhost" },
  webgl2: { title: "WebGL2", about: "shaders", needs: "hardware acceleration, switched on in the browser" },
  cpu: { title: "CPU", about: "the reference, in plain TypeScript: slow", needs: "nothing" },
} as const;
export type BackendName = keyof typeof BACKENDS;

/** What takes the steps, with a learning rate that suits it. */
export const OPTIMIZERS = {
  sgd: { title: "SGD, momentum 0.9", lr: 0.03 },
  adam: { title: "Adam", lr: 0.001 },
} as const;
export type OptimizerName = keyof typeof OPTIMIZERS;

/** What a training run is asked for. */
export interface Settings {
  readonly backend: BackendName;
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly batchSize: number;
  /** Training images, and test images. */
  readonly images: number;
  readonly tests: number;
  /** After which training ends by itself. */
  readonly steps: number;
}

/** A setting that nobody can mean; its message is a sentence for people. */
export class SettingError extends Error {}

/** The settings in a form or in the query of an address. An empty field, or none, means the default. */
export function readSettings(fields: Iterable<readonly [name: string, value: unknown]>): Settings {
  const given = Object.fromEntries(Array.from(fields, ([name, value]) => [name, String(value).trim()]));
  const optimizer = word("optimizer", given.optimizer, OPTIMIZERS, "sgd");
  return {
    backend: word("backend", given.backend, BACKENDS, "wasm"),
    optimizer,
    lr: number("learning rate", given.lr, OPTIMIZERS[optimizer].lr, "a positive number", (x) => x > 0 && x < Infinity),
    batchSize: integer("batch size", given.batchSize, 64, 1000),
    images: integer("number of training images", given.images, 60_000, 60_000),
    tests: integer("number of test images", given.tests, 1000, 10_000),
    steps: integer("number of steps", given.steps, Infinity, Infinity),
  };
}

function word<T extends string>(name: string, text: string | undefined, table: Record<T, unknown>, usual: T): T {
  if (!text) return usual;
  if (Object.hasOwn(table, text)) return text as T;
  throw new SettingError(`The ${name} must be one of ${Object.keys(table).join(", ")}, and is “${text}”.`);
}

function number(name: string, text: string | undefined, usual: number, kind: string, fits: (x: number) => boolean) {
  if (!text) return usual;
  if (fits(Number(text))) return Number(text);
  throw new SettingError(`The ${name} must be ${kind}, and is “${text}”.`);
}

function integer(name: string, text: string | undefined, usual: number, max: number): number {
  const kind = max === Infinity ? "a whole number of at least 1" : `a whole number from 1 to ${max}`;
  return number(name, text, usual, kind, (x) => Number.isInteger(x) && x >= 1 && x <= max);
}

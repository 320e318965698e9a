/** What the main thread tells a worker. */
export type Message =
  | { readonly kind: "start"; readonly thread: number; readonly memory: unknown; readonly pool: unknown }
  | { readonly kind: "module"; readonly module: unknown; readonly entries: readonly string[] };

/** How often an idle worker looks for work before it sleeps, some hundred microseconds: longer than the gaps between the ops of a step. */
const WORKER_SPINS = 200_000;

/**
 * The program of a worker, for workers_threads and browsers alike: JavaScript, because it has to run where nobody translates TypeScript.
 *
 * It keeps a table of kernels with the numbers that they have on the main thread, and takes part in the work between messages.
 */
export const workerSource = (modulesAddress: number): string => `
const port = globalThis.process?.getBuiltinModule("node:worker_threads").parentPort ?? self;
const table = new WebAssembly.Table({ element: "anyfunc", initial: 0 });
let env, words, thread, pool, modules = 0;
port.onmessage = ({ data }) => {
  if (data.kind === "start") {
    env = { memory: data.memory, table };
    words = new Int32Array(data.memory.buffer, ${modulesAddress}, 1);
    thread = data.thread;
    pool = new WebAssembly.Instance(data.pool, { env }).exports;
  } else {
    const { exports } = new WebAssembly.Instance(data.module, { env });
    const first = table.grow(data.entries.length);
    data.entries.forEach((name, i) => table.set(first + i, exports[name]));
    modules++;
  }
  if (Atomics.load(words, 0) === modules) pool.work(thread, modules, table.length, ${WORKER_SPINS});
  if (Atomics.load(words, 0) < 0) port.close();
};
`;

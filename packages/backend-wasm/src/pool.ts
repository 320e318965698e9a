import { builtin, type Engine, host, type WasmFunction, type WasmModule, type WasmTable } from "./engine.ts";
import { EPOCH, MODULES } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { poolModule } from "./pool-module.ts";
import { type Message, workerSource } from "./worker.ts";

/** A worker of Node or of a browser, as far as it is used. */
interface Worker {
  postMessage(message: Message): void;
  terminate(): unknown;
}
interface NodeWorker extends Worker {
  on(event: "error", listener: (error: unknown) => void): void;
  on(event: "exit", listener: () => void): void;
  unref(): void;
}
interface WebWorker extends Worker {
  onerror: ((event: { readonly message?: string }) => void) | null;
}
interface Globals {
  readonly Worker?: new (url: string) => WebWorker;
  readonly Blob: new (parts: string[], options: { type: string }) => unknown;
  readonly URL: { createObjectURL(blob: unknown): string };
  readonly document?: unknown;
  readonly console?: { warn(message: string): void };
}
const globals = host as unknown as Globals;

/** Looks of the main thread for the last chunks before it sleeps. */
const SPINS = 100_000;
/** How often it sleeps (ten milliseconds) before it takes a worker for dead; where it must not sleep, how often it begins to look again. */
const NAPS = { sleeping: 1000, spinning: 200_000 };

/** Threads beside the main one, which start when they are first needed and do not keep the process alive. */
export class ThreadPool {
  readonly #engine: Engine;
  readonly #memory: Memory;
  readonly #run: WasmFunction;
  readonly #module: WasmModule;
  /** Everything that a new worker has to be sent. */
  readonly #sent: Message[] = [];
  readonly #canSleep = globals.document === undefined;
  readonly #naps: number;
  #workers: Worker[] = [];
  #size: number;

  constructor(engine: Engine, memory: Memory, table: WasmTable, threads: number, naps?: number) {
    this.#engine = engine;
    this.#naps = naps ?? (this.#canSleep ? NAPS.sleeping : NAPS.spinning);
    this.#memory = memory;
    this.#module = new engine.api.Module(poolModule(engine));
    const { exports } = new engine.api.Instance(this.#module, { env: { memory: memory.wasm, table } });
    this.#run = exports.run!;
    this.#size = threads;
  }

  /** Threads that share the work, the main one included. */
  get size(): number {
    return this.#size;
  }

  /** Ends all workers; as many as are needed for the new size start with the next kernel that is worth it. */
  resize(threads: number): void {
    this.#stop();
    this.#size = this.#engine.shared ? threads : 1;
  }

  /** Gives the workers a module, whose entries go into their tables as they went into the main thread's. */
  add(module: WasmModule, entries: readonly string[]): void {
    const message: Message = { kind: "module", module, entries };
    this.#sent.push(message);
    for (const worker of this.#workers) worker.postMessage(message);
    Atomics.store(this.#memory.i32, MODULES >> 2, this.#sent.length);
    this.#wake();
  }

  /** Runs the chunks of a kernel on all threads; `false` where a worker took some and never finished them. */
  run(kernel: number, chunks: number): boolean {
    if (this.#workers.length === 0) this.#start();
    if (this.#run(kernel, chunks, SPINS, this.#naps, Number(this.#canSleep)) === 0) return true;
    this.#fail("a worker stopped in the middle of a kernel");
    return false;
  }

  /** @internal The workers that were started, for tests. */
  get workers(): readonly Worker[] {
    return this.#workers;
  }

  #start(): void {
    try {
      for (let thread = 1; thread < this.#size; thread++) {
        const worker = this.#create();
        this.#workers.push(worker);
        worker.postMessage({ kind: "start", thread, memory: this.#memory.wasm, pool: this.#module });
        for (const message of this.#sent) worker.postMessage(message);
      }
    } catch (error) {
      this.#fail(`a worker could not start (${error})`);
    }
  }

  #create(): Worker {
    const source = workerSource(MODULES);
    const node = builtin<{ Worker: new (source: string, options: object) => NodeWorker }>("node:worker_threads");
    if (node !== undefined) {
      const worker = new node.Worker(source, { eval: true, execArgv: [], env: {} });
      worker.on("error", (error) => this.#lost(worker, `a worker failed (${error})`));
      worker.on("exit", () => this.#lost(worker, "a worker ended"));
      worker.unref();
      return worker;
    }
    if (globals.Worker === undefined) throw new Error("there are no workers here");
    const url = globals.URL.createObjectURL(new globals.Blob([source], { type: "text/javascript" }));
    const worker = new globals.Worker(url);
    worker.onerror = ({ message }) => this.#lost(worker, `a worker failed (${message ?? "no message"})`);
    return worker;
  }

  #lost(worker: Worker, why: string): void {
    if (this.#workers.includes(worker)) this.#fail(why);
  }

  /** Goes on with the main thread alone, and says so. */
  #fail(why: string): void {
    this.#stop();
    this.#size = 1;
    globals.console?.warn(`backend-wasm: ${why}; going on with one thread`);
  }

  #stop(): void {
    const workers = this.#workers;
    this.#workers = [];
    for (const worker of workers) worker.terminate();
  }

  #wake(): void {
    Atomics.add(this.#memory.i32, EPOCH >> 2, 1);
    if (this.#engine.shared) Atomics.notify(this.#memory.i32, EPOCH >> 2);
  }
}

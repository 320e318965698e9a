import { type Block, Pager, type PagerOptions } from "@descent/core";
import type { FunctionBuilder } from "./assembler/index.ts";
import type { Engine, WasmFunction, WasmTable } from "./engine.ts";
import { KernelModule, type Parameters, type Range, TABLE_SUFFIX, type Values } from "./kernel-module.ts";
import { HEAP, LAUNCH, PARAMETERS } from "./layout.ts";
import { Memory } from "./memory.ts";
import { ThreadPool } from "./pool.ts";

/** A compiled kernel. */
export interface Kernel {
  /** Does the items from `begin` to `end` on the calling thread: `run(begin, end, scratch, …parameters)`. */
  readonly run: WasmFunction;
  /** The same with parameters that lie at an address: `entry(parameters, begin, end, scratch)`. */
  readonly entry: WasmFunction;
  /** Where workers find `entry`. */
  readonly index: number;
}

/** When work is shared between threads. */
export interface Sharing {
  /** Nanoseconds of work that are worth waking somebody for. */
  readonly worthwhile: number;
  /** Nanoseconds that a chunk should take at least. */
  readonly chunk: number;
  /** How often the main thread looks for the last chunks before it takes a worker for dead. */
  readonly naps?: number;
}
/**
 * Bytes at the start of the heap that are always scratch memory, so that it stays in the caches and costs no allocation; kernels that need
 * more get a block. What nobody touches is only an address.
 */
const SCRATCH = 32 * 2 ** 20;
const SHARING: Sharing = { worthwhile: 20_000, chunk: 5_000 };
/** How many chunks there are for each thread, so that none has to wait long for another one's last. */
const CHUNKS_PER_THREAD = 8;

/** Compiles kernels and runs them: memory, threads, and who needs what of them. */
export class Runtime {
  readonly memory: Memory;
  readonly pager: Pager;
  readonly pool: ThreadPool;
  readonly #table: WasmTable;

  constructor(
    readonly engine: Engine,
    threads: number,
    options: PagerOptions = {},
    readonly sharing: Sharing = SHARING,
  ) {
    this.memory = new Memory(engine);
    this.pager = new Pager(this.memory, { ...options, base: HEAP + SCRATCH });
    this.#table = new engine.api.Table({ element: "anyfunc", initial: 0 });
    this.pool = new ThreadPool(engine, this.memory, this.#table, engine.shared ? threads : 1, sharing.naps);
  }

  /** Compiles a module of kernels. */
  compile<Name extends string>(define: (m: KernelModule<Name>) => void): Record<Name, Kernel> {
    const builder = new KernelModule<Name>(this.engine, this.engine.tileRows);
    define(builder);
    const module = new this.engine.api.Module(builder.bytes());
    const env = { memory: this.memory.wasm, table: this.#table };
    const { exports } = new this.engine.api.Instance(module, { env });
    const entries = builder.names.map((name) => name + TABLE_SUFFIX);
    const first = this.#table.grow(entries.length);
    for (const [i, entry] of entries.entries()) this.#table.set(first + i, exports[entry]);
    if (this.engine.shared) this.pool.add(module, entries);
    return Object.fromEntries(
      builder.names.map((name, i): [Name, Kernel] => [
        name,
        { run: exports[name]!, entry: exports[name + TABLE_SUFFIX]!, index: first + i },
      ]),
    ) as Record<Name, Kernel>;
  }

  /** Compiles a kernel that has a module to itself. */
  kernel<P extends Parameters>(
    params: P,
    build: (f: FunctionBuilder, values: Values<P>, range: Range) => void,
  ): Kernel {
    return this.compile<"kernel">((m) => m.kernel("kernel", params, build)).kernel;
  }

  /** Whether so many items, each of which takes about `cost` nanoseconds, are worth waking other threads for. */
  isWorthSharing(items: number, cost: number): boolean {
    return items * cost >= this.sharing.worthwhile && items > 1 && this.pool.size > 1;
  }

  /**
   * Runs a kernel over `items`, each of which takes about `cost` nanoseconds: on all threads where that is worth it. `integers` and
   * `floats` say which parameters are what; a kernel's integers come first.
   */
  launch(
    kernel: Kernel,
    items: number,
    cost: number,
    integers: readonly number[],
    floats: readonly number[] = [],
    scratch: Scratch = NO_SCRATCH,
  ): void {
    const { pool, sharing } = this;
    const { i32, f32 } = this.memory;
    // Through memory, also where the work is not shared: a call with so many arguments from a list takes as long as the work on few elements.
    const at = PARAMETERS >> 2;
    for (let i = 0; i < integers.length; i++) i32[at + i] = integers[i]!;
    for (let i = 0; i < floats.length; i++) f32[at + integers.length + i] = floats[i]!;
    if (this.isWorthSharing(items, cost)) {
      const least = Math.max(1, Math.ceil(sharing.chunk / cost));
      const grain = Math.max(least, Math.ceil(items / (pool.size * CHUNKS_PER_THREAD)));
      i32[LAUNCH.items >> 2] = items;
      i32[LAUNCH.grain >> 2] = grain;
      i32[LAUNCH.scratch >> 2] = scratch.address;
      i32[LAUNCH.scratchStride >> 2] = scratch.stride;
      if (pool.run(kernel.index, Math.ceil(items / grain))) return;
    }
    kernel.entry(PARAMETERS, 0, items, scratch.address);
  }

  /**
   * Runs a whole op: `body` gets the addresses of `operands`, of new blocks of `sizes` bytes, and scratch memory of `scratchBytes` for each
   * thread. What it made is freed where it throws, scratch memory always.
   */
  run(
    op: string,
    operands: readonly Block[],
    sizes: readonly number[],
    scratchBytes: number,
    body: (operands: readonly number[], results: readonly number[], scratch: Scratch) => void,
  ): Block[] {
    const stride = scratchBytes === 0 ? 0 : roundUp(scratchBytes);
    const bytes = this.pool.size * stride;
    if (bytes <= SCRATCH)
      return this.pager.run(op, operands, sizes, (from, to) => body(from, to, { address: HEAP, stride }));
    const blocks = this.pager.run(op, operands, [...sizes, bytes], (from, to) =>
      body(from, to, { address: to[sizes.length]!, stride }),
    );
    this.pager.free(blocks.pop()!);
    return blocks;
  }
}

/** A cache line more than needed keeps the threads' scratch at distances that are no multiple of 4096. */
const roundUp = (bytes: number): number => (Math.ceil(bytes / 64) + 1) * 64;

/** Memory that a kernel uses meanwhile, `stride` bytes for every thread. */
export interface Scratch {
  readonly address: number;
  readonly stride: number;
}
const NO_SCRATCH: Scratch = { address: HEAP, stride: 0 };

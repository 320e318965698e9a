import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { I32 } from "./assembler/index.ts";
import { detectEngine } from "./engine.ts";
import type { KernelModule } from "./kernel-module.ts";
import { Memory } from "./memory.ts";
import { ThreadPool } from "./pool.ts";
import { Runtime } from "./runtime.ts";

const engine = detectEngine({ relaxedSimd: true, threads: true });
const ITEMS = 1000;
/** Nanoseconds that make an item worth a thread. */
const COSTLY = 10_000;
/** No thread but the main one has its scratch memory here. */
const SCRATCH = { address: 2048, stride: 64 };

function define(m: KernelModule<"squares" | "whose" | "stuck">): void {
  m.kernel("squares", { to: I32 }, (f, { to }, { begin, end }) => {
    f.for(begin, end, 1, (i) => f.store(to.add(i.shl(2)), i.mul(i)));
  });
  m.kernel("whose", { to: I32 }, (f, { to }, { begin, end, scratch }) => {
    f.for(begin, end, 1, (i) => {
      f.for(0, 10_000, 1, (k) => f.store(scratch, k)); // time for another thread to take part
      f.store(to.add(i.shl(2)), scratch);
    });
  });
  // As a worker that the system has stopped.
  m.kernel("stuck", { to: I32 }, (f, { to }, { begin, end, scratch }) => {
    f.if(scratch.ne(SCRATCH.address), () => f.loop((again) => again(I32.const(1))));
    f.for(begin, end, 1, (i) => {
      f.for(0, 10_000, 1, (k) => f.store(scratch, k));
      f.store(to.add(i.shl(2)), i.add(1));
    });
  });
}

/** Runs a kernel and returns what it wrote. */
function results(runtime: Runtime, kernel: "squares" | "whose" | "stuck", kernels = runtime.compile(define)): number[] {
  const [block] = runtime.run(kernel, [], [4 * ITEMS], 0, (_, [to]) =>
    runtime.launch(kernels[kernel], ITEMS, COSTLY, [to!], [], SCRATCH),
  );
  runtime.pager.begin("read");
  runtime.pager.use(block!);
  const at = runtime.pager.address(block!) / 4;
  return Array.from(runtime.memory.i32.subarray(at, at + ITEMS));
}
const squares = Array.from({ length: ITEMS }, (_, i) => i * i);

/** Waits until the workers have come up; they take part as soon as they have. */
const untilWorkersHelp = async (runtime: Runtime): Promise<void> => {
  const kernels = runtime.compile(define);
  await vi.waitUntil(() => new Set(results(runtime, "whose", kernels)).size > 1, { timeout: 25_000 });
};

/** A browser does not tell when a worker ends; a dead one claims no chunks. */
const isBrowser = "document" in globalThis;

let warnings: string[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((message: string) => void warnings.push(message));
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("threads", () => {
  test.each([1, 2, 3])("%i of them give the same", async (threads) => {
    const runtime = new Runtime(engine, threads);
    expect(results(runtime, "squares")).toEqual(squares);
    if (threads > 1) await untilWorkersHelp(runtime);
    expect(results(runtime, "squares")).toEqual(squares);
    expect(runtime.pool.size).toBe(threads);
    runtime.pool.resize(1);
    expect(warnings).toEqual([]);
  });

  test("none is started before a kernel is worth it", () => {
    const runtime = new Runtime(engine, 2);
    const kernels = runtime.compile(define);
    runtime.run("squares", [], [64], 0, (_, [to]) => runtime.launch(kernels.squares, 4, 1, [to!]));
    expect(runtime.pool.workers).toEqual([]);
    results(runtime, "squares", kernels);
    expect(runtime.pool.workers.length).toBe(1);
    runtime.pool.resize(1);
  });

  test("their number changes at any time", () => {
    const runtime = new Runtime(engine, 1);
    for (const threads of [2, 1, 3, 2]) {
      runtime.pool.resize(threads);
      expect(results(runtime, "squares")).toEqual(squares);
    }
    runtime.pool.resize(1);
    expect(warnings).toEqual([]);
  });

  test("kernels that are compiled later reach workers that run", async () => {
    const runtime = new Runtime(engine, 2);
    await untilWorkersHelp(runtime);
    await untilWorkersHelp(runtime);
    runtime.pool.resize(1);
  });

  test("without shared memory there is one", () => {
    const runtime = new Runtime({ ...engine, shared: false }, 4);
    expect(runtime.pool.size).toBe(1);
    runtime.pool.resize(4);
    expect(runtime.pool.size).toBe(1);
    expect(results(runtime, "squares")).toEqual(squares);
  });
});

describe("a worker that fails leaves one thread, the right results and a warning", () => {
  test.skipIf(isBrowser)("when it dies while nothing runs", async () => {
    const runtime = new Runtime(engine, 2);
    await untilWorkersHelp(runtime);
    await runtime.pool.workers[0]!.terminate();
    await vi.waitFor(() => expect(runtime.pool.size).toBe(1));
    expect(results(runtime, "squares")).toEqual(squares);
    expect(warnings).toEqual(["backend-wasm: a worker ended; going on with one thread"]);
  });

  test("when it dies and nobody has noticed", async () => {
    const runtime = new Runtime(engine, 2);
    await untilWorkersHelp(runtime);
    void runtime.pool.workers[0]!.terminate();
    for (let i = 0; i < 50; i++) expect(results(runtime, "squares")).toEqual(squares);
    runtime.pool.resize(1);
  });

  test("when it stops in the middle of a kernel", async () => {
    const runtime = new Runtime(engine, 2, {}, { worthwhile: 0, chunk: 0, naps: 20 });
    await untilWorkersHelp(runtime);
    const kernels = runtime.compile(define);
    const expected = Array.from({ length: ITEMS }, (_, i) => i + 1);
    // On a busy machine the main thread may be done before the worker wakes: it stops in the first run in which it takes part.
    await vi.waitUntil(
      () => {
        expect(results(runtime, "stuck", kernels)).toEqual(expected);
        return runtime.pool.size === 1;
      },
      { timeout: 25_000 },
    );
    expect(warnings).toEqual(["backend-wasm: a worker stopped in the middle of a kernel; going on with one thread"]);
    expect(results(runtime, "squares")).toEqual(squares);
  });

  test("when it cannot start", () => {
    // Memory that is not shared cannot be sent to a worker.
    const unshared = { ...engine, shared: false };
    const memory = new Memory(unshared);
    const table = new engine.api.Table({ element: "anyfunc", initial: 0 });
    const pool = new ThreadPool(unshared, memory, table, 2);
    expect(pool.run(0, 0)).toBe(true);
    expect(pool.size).toBe(1);
    expect(warnings).toEqual([
      expect.stringMatching(/^backend-wasm: a worker could not start \(DataCloneError.*; going on with one thread$/),
    ]);
  });
});

import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { createContext, runInNewContext, Script } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PagedMemory } from "./addresses.ts";
import { ArgumentError, OutOfMemoryError } from "./errors.ts";
import { type Block, type Collector, Pager, type PagerOptions } from "./pager.ts";

/** Collects garbage at once, as `backend-wasm` has Node do it. */
const collector: Collector = (() => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const job = createContext({}, { microtaskMode: "afterEvaluate" });
  const nothing = new Script("0");
  const collect = (): void => {
    nothing.runInContext(job);
    gc();
  };
  return { collect, now: () => 0 };
})();

const KIB = 1024;
const POISON = 0xdb;

/** A device of `capacity` bytes whose memory loses what was moved out of it, so that nothing survives there by luck. */
class Device implements PagedMemory {
  bytes = new Uint8Array(0);

  constructor(readonly capacity = Number.POSITIVE_INFINITY) {}

  copyOut(address: number, bytes: number): Uint8Array {
    const host = this.bytes.slice(address, address + bytes);
    this.bytes.fill(POISON, address, address + bytes);
    return host;
  }

  copyIn(address: number, host: Uint8Array): void {
    this.bytes.set(host, address);
  }

  grow(end: number): boolean {
    if (end > this.capacity) return false;
    const grown = new Uint8Array(end).fill(POISON);
    grown.set(this.bytes);
    this.bytes = grown;
    return true;
  }
}

function setup(options: PagerOptions, capacity?: number) {
  const device = new Device(capacity);
  const pager = new Pager(device, options);
  const write = (bytes: number, value: number): Block =>
    pager.run("write", [], [bytes], (_, [y]) => device.bytes.fill(value, y, y! + bytes))[0]!;
  const read = (block: Block): Uint8Array => {
    pager.begin("read");
    pager.use(block);
    const address = pager.address(block);
    return device.bytes.slice(address, address + block.bytes);
  };
  return { device, pager, write, read };
}

describe("random programs", () => {
  const size = fc.oneof(fc.nat(4 * KIB), fc.integer({ min: 4 * KIB + 1, max: 12 * KIB }));
  const kernel = fc.record({
    uses: fc.array(fc.nat(), { maxLength: 3 }),
    sizes: fc.array(size, { maxLength: 2 }),
    inPlace: fc.boolean(),
    throws: fc.integer({ min: 1, max: 8 }).map((n) => n === 1),
  });
  const step = fc.oneof({ weight: 4, arbitrary: kernel }, { weight: 1, arbitrary: fc.nat() });
  const program = fc.array(step, { minLength: 40, maxLength: 80 });
  const budget = fc.integer({ min: 16 * KIB, max: 48 * KIB });

  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
  const contents = (bytes: number, seed: number) => {
    const values = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) values[i] = seed * 31 + i * 7;
    return values;
  };
  /** What a block costs at most: a page of its own. */
  const pageBytes = (bytes: number) => Math.max(4 * KIB, Math.ceil(bytes / KIB) * KIB);
  const bug = new Error("the kernel throws");

  /** Runs the program on a pager and on a Map of arrays; returns how often memory ran out. */
  function run(
    program: readonly Step[],
    options: Required<Omit<PagerOptions, "collector">> & PagerOptions,
    capacity?: number,
  ): number {
    const { device, pager } = setup(options, capacity);
    const model = new Map<Block, Uint8Array>();
    const pick = (n: number) => [...model.keys()][n % model.size]!;
    let outOfMemory = 0;

    const expectContents = (address: number, expected: Uint8Array) =>
      expect(Buffer.compare(device.bytes.subarray(address, address + expected.length), expected)).toBe(0);

    for (const [seed, step] of program.entries()) {
      if (typeof step === "number") {
        if (model.size === 0) continue;
        const block = pick(step);
        pager.free(block);
        model.delete(block);
      } else {
        const operands = model.size === 0 ? [] : step.uses.map(pick);
        const results = step.sizes.map((bytes, i) => contents(bytes, seed + i));
        try {
          const blocks = pager.run("kernel", operands, step.sizes, (from, to) => {
            for (const [i, address] of to.entries()) device.bytes.set(results[i]!, address);
            for (const [i, address] of from.entries()) expectContents(address, model.get(operands[i]!)!);
            for (const [i, address] of to.entries()) expectContents(address, results[i]!);
            if (step.throws) throw bug;
            if (!step.inPlace || operands.length === 0) return;
            const written = contents(operands[0]!.bytes, seed + 7);
            device.bytes.set(written, from[0]!);
            model.set(operands[0]!, written);
          });
          for (const [i, block] of blocks.entries()) model.set(block, results[i]!);
        } catch (error) {
          if (error === bug) continue;
          if (!(error instanceof OutOfMemoryError)) throw error;
          outOfMemory++;
          const [needed, held, max] = error.problem.match(/\d+/g)!.map(Number);
          const pages = [...new Set(operands)].map((block) => block.bytes).concat(step.sizes);
          if (capacity === undefined) {
            expect(needed! + held!).toBeGreaterThan(max!);
            expect(max).toBe(options.maxBudget);
            expect(pages.reduce((sum, bytes) => sum + pageBytes(bytes), 0)).toBeGreaterThan(options.maxBudget);
          }
        }
      }
      expect(pager.stats.live).toBe(model.size);
      expect(pager.stats.resident).toBeLessThanOrEqual(pager.stats.budget);
      expect(pager.stats.budget).toBeLessThanOrEqual(options.maxBudget);
    }
    expect(pager.stats.peak).toBeLessThanOrEqual(pager.stats.budget);
    for (const [block, expected] of model) pager.run("read", [block], [], ([x]) => expectContents(x!, expected));
    for (const block of model.keys()) pager.free(block);
    expect(pager.stats.live).toBe(0);
    return outOfMemory;
  }

  test("keep their contents where garbage is collected on the way", () => {
    fc.assert(
      fc.property(program, budget, (steps, budget) => {
        run(steps, { budget, maxBudget: budget, base: 0, collector });
      }),
      { numRuns: 10 },
    );
  });

  test("keep their contents within a fixed budget, and run out only where a kernel needs more", () => {
    let outOfMemory = 0;
    fc.assert(
      fc.property(program, budget, (program, budget) => {
        outOfMemory += run(program, { budget, maxBudget: budget, base: 100 });
      }),
    );
    expect(outOfMemory).toBeGreaterThan(100);
  });

  test("keep their contents within a budget that grows", () => {
    fc.assert(
      fc.property(program, budget, (program, budget) => {
        run(program, { budget, maxBudget: 3 * budget, base: 0 });
      }),
    );
  });

  test("keep their contents on a device that is smaller than the budget", () => {
    let outOfMemory = 0;
    fc.assert(
      fc.property(program, budget, (program, budget) => {
        outOfMemory += run(program, { budget, maxBudget: 2 * budget, base: 0 }, budget);
      }),
    );
    expect(outOfMemory).toBeGreaterThan(100);
  });
});

describe("pages", () => {
  test("small blocks of one class share a page, large ones have their own", () => {
    const { pager, write } = setup({ budget: 64 * KIB });
    for (let i = 0; i < 64; i++) write(33 + (i % 32), i);
    expect(pager.stats.resident).toBe(4 * KIB);
    write(65, 0);
    expect(pager.stats.resident).toBe(8 * KIB);
    write(4 * KIB + 1, 0);
    expect(pager.stats.resident).toBe(13 * KIB);
  });

  test("a freed slot is taken again, also in a page that was full", () => {
    const { pager, write } = setup({ budget: 64 * KIB });
    const blocks = Array.from({ length: 8 }, (_, i) => write(512, i));
    pager.free(blocks[3]!);
    pager.free(blocks[5]!);
    write(512, 8);
    write(512, 9);
    expect(pager.stats.resident).toBe(4 * KIB);
    write(512, 10);
    expect(pager.stats.resident).toBe(8 * KIB);
  });

  test("a page for which others had to leave is filled before the next one", () => {
    const { pager, write } = setup({ budget: 16 * KIB });
    write(16 * KIB, 1);
    for (let i = 0; i < 64; i++) write(64, i);
    expect(pager.stats.resident).toBe(4 * KIB);
  });

  test("a page whose blocks were all freed leaves first and without a copy", () => {
    const { pager, write } = setup({ budget: 16 * KIB });
    const kept = write(64, 1);
    for (const block of [write(2 * KIB, 2), write(2 * KIB, 2)]) pager.free(block);
    write(8 * KIB, 3);
    write(4 * KIB, 4);
    expect(pager.isResident(kept)).toBe(true);
    expect(pager.stats).toMatchObject({ resident: 16 * KIB, evictions: 0, evictedBytes: 0 });
  });

  test("the budget sets the size of a page, up to 64 KiB", () => {
    const resident = (options: PagerOptions) => {
      const { pager, write } = setup(options);
      write(4, 1);
      return pager.stats.resident;
    };
    expect(resident({ budget: 300 * KIB })).toBe(16 * KIB);
    expect(resident({})).toBe(64 * KIB);
  });

  test("addresses start at base and are multiples of 64", () => {
    const { pager } = setup({ base: 100 });
    for (const bytes of [1, 70, 5000, 5000])
      expect(addressOf(pager, bytes)).toSatisfy((at: number) => at >= 128 && at % 64 === 0);
  });

  test("freed neighbours are merged", () => {
    const { device, pager, write } = setup({ budget: 64 * KIB });
    const blocks = Array.from({ length: 8 }, (_, i) => write(8 * KIB, i));
    for (const i of [0, 2, 1, 6, 5, 7]) pager.free(blocks[i]!);
    write(24 * KIB, 0);
    write(24 * KIB, 0);
    expect(device.bytes.length).toBe(64 * KIB);
    expect(pager.stats.evictions).toBe(0);
  });

  function addressOf(pager: Pager, bytes: number): number {
    pager.begin("test");
    return pager.address(pager.allocate(bytes));
  }
});

describe("eviction", () => {
  test("takes the least recently used, a quarter of the budget at once, and brings them back when they are used", () => {
    const { pager, write, read } = setup({ budget: 64 * KIB });
    const blocks = Array.from({ length: 8 }, (_, i) => write(8 * KIB, i + 1));
    read(blocks[0]!);
    write(8 * KIB, 9);
    expect(blocks.map((block) => pager.isResident(block))).toEqual([true, false, false, true, true, true, true, true]);
    expect(pager.stats).toMatchObject({ evictions: 2, evictedBytes: 16 * KIB, reloads: 0 });
    expect(read(blocks[1]!)).toEqual(new Uint8Array(8 * KIB).fill(2));
    expect(pager.stats).toMatchObject({ evictions: 2, reloads: 1, reloadedBytes: 8 * KIB });
  });

  test("counts the budget from base", () => {
    const { pager, write } = setup({ budget: 32 * KIB, base: 64 * KIB });
    for (let i = 0; i < 4; i++) write(8 * KIB, i);
    expect(pager.stats.evictions).toBe(0);
  });

  test("takes no more than 32 MiB at once", () => {
    const nothing = { copyOut: () => new Uint8Array(0), copyIn: () => {}, grow: () => true };
    const pager = new Pager(nothing, { budget: 256 * 2 ** 20 });
    for (let i = 0; i < 17; i++) pager.run("write", [], [16 * 2 ** 20], () => {});
    expect(pager.stats.evictions).toBe(2);
  });

  test("brings back a small block without its neighbours", () => {
    const { pager, write, read } = setup({ budget: 16 * KIB });
    const blocks = Array.from({ length: 64 }, (_, i) => write(64, i));
    write(14 * KIB, 0);
    expect(blocks.some((block) => pager.isResident(block))).toBe(false);
    expect(read(blocks[7]!)).toEqual(new Uint8Array(64).fill(7));
    expect(blocks.filter((block) => pager.isResident(block))).toEqual([blocks[7]]);
    expect(pager.stats).toMatchObject({ reloads: 1, reloadedBytes: 64 });
  });

  test("spares what the running kernel has used or allocated, whose addresses stay", () => {
    const { pager, write } = setup({ budget: 32 * KIB });
    const x = write(8 * KIB, 1);
    const others = [write(8 * KIB, 2), write(8 * KIB, 3)];
    pager.begin("kernel");
    pager.use(x);
    const address = pager.address(x);
    const y = pager.allocate(16 * KIB);
    expect([x, y].map((block) => pager.isResident(block))).toEqual([true, true]);
    expect(others.some((block) => pager.isResident(block))).toBe(false);
    expect(pager.address(x)).toBe(address);
  });

  test("makes room where what is free is split, rather than take more addresses", () => {
    const { device, pager, write } = setup({ budget: 32 * KIB });
    const blocks = Array.from({ length: 4 }, (_, i) => write(8 * KIB, i));
    for (const i of [0, 2]) pager.free(blocks[i]!);
    write(16 * KIB, 4);
    expect(pager.stats.evictions).toBe(2);
    expect(device.bytes.length).toBe(32 * KIB);
  });

  test("goes beyond the end of the budget where pinned operands split the addresses", () => {
    const { device, pager, write } = setup({ budget: 32 * KIB });
    const blocks = Array.from({ length: 4 }, (_, i) => write(8 * KIB, i));
    pager.run("kernel", [blocks[1]!], [24 * KIB], () => {});
    expect(device.bytes.length).toBe(40 * KIB);
    expect(pager.stats.peak).toBe(32 * KIB);
  });

  test("that fails leaves everything in place", () => {
    const { device, pager, write, read } = setup({ budget: 32 * KIB });
    const blocks = [64, 8 * KIB, 8 * KIB, 4 * KIB, 4 * KIB].map(write);
    const copyOut = device.copyOut;
    let copies = 0;
    device.copyOut = function (address, bytes) {
      if (++copies === 2) throw new RangeError("Array buffer allocation failed");
      return copyOut.call(this, address, bytes);
    };
    expect(() => write(24 * KIB, 9)).toThrow("Array buffer allocation failed");
    expect(blocks.map((block) => pager.isResident(block))).toEqual([false, true, true, true, true]);
    blocks.push(write(64, 5));
    for (const [i, block] of blocks.entries()) expect(read(block)).toEqual(new Uint8Array(block.bytes).fill(i));
  });
});

describe("budget", () => {
  const cycle = (options: PagerOptions, count: number) => {
    const { pager, write, read } = setup(options);
    const blocks = Array.from({ length: count }, (_, i) => write(8 * KIB, i));
    for (let i = 0; i < 20; i++) blocks.forEach(read);
    return pager.stats;
  };

  test("doubles while more than a tenth of what leaves comes back, up to its maximum", () => {
    expect(cycle({ budget: 32 * KIB, maxBudget: 512 * KIB }, 6).budget).toBe(64 * KIB);
    expect(cycle({ budget: 32 * KIB, maxBudget: 512 * KIB }, 12).budget).toBe(128 * KIB);
    expect(cycle({ budget: 32 * KIB, maxBudget: 40 * KIB }, 6).budget).toBe(40 * KIB);
  });

  test("stays where it was given", () => {
    const stats = cycle({ budget: 32 * KIB }, 6);
    expect(stats.budget).toBe(32 * KIB);
    expect(stats.reloads).toBeGreaterThan(100);
  });

  test("stays where nothing comes back", () => {
    const { pager, write } = setup({ budget: 32 * KIB, maxBudget: 512 * KIB });
    for (let i = 0; i < 100; i++) write(8 * KIB, i);
    expect(pager.stats.budget).toBe(32 * KIB);
    expect(pager.stats.evictions).toBeGreaterThan(90);
  });

  test("does not double again before anything else has left", () => {
    const { pager, write, read } = setup({ budget: 32 * KIB, maxBudget: 512 * KIB });
    const blocks = Array.from({ length: 8 }, (_, i) => write(8 * KIB, i));
    blocks.slice(0, 5).forEach(read);
    expect(pager.stats).toMatchObject({ budget: 64 * KIB, resident: 64 * KIB, reloads: 5 });
    write(8 * KIB, 8);
    expect(pager.stats.budget).toBe(64 * KIB);
  });

  test("grows at once for a kernel that needs more", () => {
    const { pager, write } = setup({ budget: 32 * KIB, maxBudget: 512 * KIB });
    write(100 * KIB, 1);
    expect(pager.stats.budget).toBe(128 * KIB);
  });

  test("is compared with the peak, which stays", () => {
    const { pager, write } = setup({ budget: 32 * KIB });
    pager.free(write(24 * KIB, 1));
    write(8 * KIB, 2);
    expect(pager.stats).toMatchObject({ resident: 8 * KIB, peak: 24 * KIB });
  });

  test("is 64 MiB, up to 1 GiB, where none is given", () => {
    const { pager } = setup({}, 0);
    expect(pager.stats.budget).toBe(2 ** 26);
    expect(() => pager.allocate(2 ** 30 + 1)).toThrow("and the budget is 1073741824");
    expect(() => pager.allocate(2 ** 30)).toThrow("and the device has no more");
  });

  test("must hold four pages", () => {
    expect(() => new Pager(new Device(), { budget: 16383 })).toThrow(
      new ArgumentError("Pager", "expected 16384 ≤ budget ≤ maxBudget, got 16383 and 16383 bytes"),
    );
    expect(() => new Pager(new Device(), { budget: Number.NaN })).toThrow(ArgumentError);
    expect(() => new Pager(new Device(), { maxBudget: 2 ** 20 })).toThrow("got 67108864 and 1048576 bytes");
  });
});

describe("running out of memory", () => {
  test("names the op, what it needs, what its operands hold, the budget, and the remedy", () => {
    const { pager, write, read } = setup({ budget: 32 * KIB });
    const [a, b, c] = [1, 2, 3].map((value) => write(12 * KIB, value)) as [Block, Block, Block];
    expect(() => pager.run("matmul", [a, b], [4 * KIB, 8 * KIB], () => {})).toThrow(
      new OutOfMemoryError(
        "matmul",
        "needs 8192 bytes of device memory more than the 28672 that its operands hold, and the budget is 32768",
        "raise the budget or use smaller batches",
      ),
    );
    for (const [i, block] of [a, b, c].entries()) expect(read(block)).toEqual(new Uint8Array(12 * KIB).fill(i + 1));
    expect(pager.stats.live).toBe(3);
  });

  test("says so where it is the device that ends", () => {
    const { pager, write } = setup({ budget: 64 * KIB }, 24 * KIB);
    for (let i = 0; i < 10; i++) write(12 * KIB, i);
    expect(() => pager.run("pad", [write(12 * KIB, 0)], [16 * KIB], () => {})).toThrow(
      "pad: needs 16384 bytes of device memory more than the 12288 that its operands hold, and the device has no more; use smaller batches",
    );
  });
});

describe("misuse", () => {
  test("freeing or using a freed block", () => {
    const { pager, write } = setup({ budget: 16 * KIB });
    for (const block of [write(64, 1), write(8 * KIB, 1)]) {
      pager.free(block);
      expect(() => pager.free(block)).toThrow("Pager.free: this block has been freed before");
      pager.begin("add");
      expect(() => pager.use(block)).toThrow("Pager.use: add uses a block that has been freed");
      expect(() => pager.address(block)).toThrow("Pager.address: add has not used this block");
      expect(pager.isResident(block)).toBe(false);
    }
    expect(pager.stats).toMatchObject({ live: 0 });
  });

  test("freeing an evicted block twice", () => {
    const { pager, write } = setup({ budget: 16 * KIB });
    const blocks = [write(64, 1), write(8 * KIB, 1)];
    write(16 * KIB, 2);
    for (const block of blocks) {
      expect(pager.isResident(block)).toBe(false);
      pager.free(block);
      expect(() => pager.free(block)).toThrow("freed before");
    }
    expect(pager.stats).toMatchObject({ live: 1, resident: 16 * KIB });
  });

  test("asking for the address of a block that the kernel has not used", () => {
    const { pager, write } = setup({ budget: 16 * KIB });
    const block = write(8 * KIB, 1);
    pager.begin("add");
    expect(() => pager.address(block)).toThrow("Pager.address: add has not used this block");
    pager.use(block);
    expect(pager.address(block)).toBe(0);
  });
});

describe("garbage", () => {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  /** Lets finalizers run, which takes a collection and a macrotask after it. */
  const settle = async () => {
    for (let i = 0; i < 3; i++) {
      gc();
      await setImmediate();
    }
  };

  test("large blocks that were dropped are freed, without a copy, once the event loop turns", async () => {
    const { pager, write, read } = setup({ budget: 64 * KIB });
    const kept = write(8 * KIB, 1);
    (() => {
      for (let i = 0; i < 3; i++) write(8 * KIB, i);
    })();
    await settle();
    expect(pager.stats).toMatchObject({ resident: 8 * KIB, live: 1, evictions: 0 });
    expect(read(kept)).toEqual(new Uint8Array(8 * KIB).fill(1));
  });

  test("so are those that were evicted and came back, or follow one that was freed", async () => {
    const { pager, write, read } = setup({ budget: 32 * KIB });
    const freed: Block[] = [];
    (() => {
      const block = write(8 * KIB, 1);
      freed.push(write(32 * KIB, 2));
      pager.free(freed[0]!);
      read(block);
      write(8 * KIB, 3);
    })();
    expect(pager.stats).toMatchObject({ resident: 16 * KIB, live: 2, reloads: 1 });
    await settle();
    expect(pager.stats).toMatchObject({ resident: 0, live: 0 });
    expect(freed.map((block) => pager.isResident(block))).toEqual([false]);
  });

  test("the death of a freed block is nobody else's", async () => {
    const { pager, write, read } = setup({ budget: 32 * KIB });
    (() => pager.free(write(8 * KIB, 1)))();
    const next = write(8 * KIB, 2);
    await settle();
    expect(pager.stats).toMatchObject({ resident: 8 * KIB, live: 1 });
    expect(read(next)).toEqual(new Uint8Array(8 * KIB).fill(2));
  });

  test("a host copy lives as long as a block that leads to it", async () => {
    const { device, pager, write, read } = setup({ budget: 16 * KIB });
    const copies: WeakRef<Uint8Array>[] = [];
    const copyOut = device.copyOut;
    device.copyOut = function (address, bytes) {
      const host = copyOut.call(this, address, bytes);
      copies.push(new WeakRef(host));
      return host;
    };
    const kept = [write(64, 1), write(8 * KIB, 2)];
    (() => {
      for (let i = 0; i < 100; i++) write(i % 2 === 0 ? 4 * KIB : 5 * KIB, i);
    })();
    const filler = write(16 * KIB, 0);
    expect(copies.length).toBeGreaterThan(50);
    await settle();
    expect(copies.filter((copy) => copy.deref() !== undefined)).toHaveLength(2);
    expect(read(kept[0]!)).toEqual(new Uint8Array(64).fill(1));
    expect(read(kept[1]!)).toEqual(new Uint8Array(8 * KIB).fill(2));
    pager.free(filler);
  });

  test("a synchronous loop that frees nothing stays flat, on the device and on the host", () => {
    const { pager, write } = setup({ budget: 1024 * KIB });
    const hostBytes = () => {
      gc();
      gc(); // waits for the sweep of the first, which counts array buffers in the background
      return process.memoryUsage().arrayBuffers;
    };
    const before = hostBytes();
    for (let i = 1; i <= 2000; i++) {
      write(64 * KIB, i);
      write(4 * KIB, i);
      if (i % 500 === 0) expect(hostBytes() - before).toBeLessThan(2 * 1024 * KIB);
    }
    expect(pager.stats.evictedBytes).toBeGreaterThan(100 * 1024 * KIB);
    expect(pager.stats.peak).toBeLessThanOrEqual(1024 * KIB);
  });
});

describe("where garbage can be collected at once", () => {
  const setupCollecting = (options: PagerOptions = {}) => setup({ budget: 64 * KIB, collector, ...options });

  test("dead large blocks make room without a copy, within one job", () => {
    const { pager, write } = setupCollecting();
    for (let i = 0; i < 100; i++) write(10 * KIB, i);
    expect(pager.stats).toMatchObject({ evictions: 0, budget: 64 * KIB });
    expect(pager.stats.collections).toBeGreaterThan(10);
    expect(pager.stats.collectedBytes).toBeGreaterThan(900 * KIB);
    expect(pager.stats.live).toBeLessThanOrEqual(6);
  });

  test("live ones stay, and are copied out where nothing else makes room", () => {
    const { pager, write, read } = setupCollecting();
    const kept: Block[] = [];
    for (let i = 0; i < 40; i++) {
      kept.push(write(10 * KIB, i));
      write(10 * KIB, 0xff);
    }
    expect(pager.stats.evictions).toBeGreaterThan(20);
    for (const [i, block] of kept.entries()) expect(new Set(read(block))).toEqual(new Set([i]));
  });

  test("blocks of the running kernel stay, also those of which only the address is left", () => {
    const { device, pager, write } = setupCollecting();
    const address = (() => {
      pager.begin("kernel");
      return pager.address(pager.allocate(10 * KIB));
    })();
    device.bytes.fill(7, address, address + 10 * KIB);
    for (let i = 0; i < 5; i++) pager.allocate(10 * KIB);
    expect(() => pager.allocate(10 * KIB)).toThrow(OutOfMemoryError);
    expect(pager.stats.collections).toBe(1);
    expect(device.bytes[address]).toBe(7);
    write(60 * KIB, 1);
    expect(pager.stats.live).toBe(1);
  });

  /** A collector whose clock goes on by some milliseconds in every collection, and otherwise between two looks. */
  function timed(took: number, between: number): Collector {
    let [time, looks] = [0, 0];
    return {
      collect: collector.collect,
      now: () => {
        time += looks++ % 2 === 0 ? between : took;
        return time;
      },
    };
  }

  test("collections that take longer than copies would become rare", () => {
    const { pager, write } = setupCollecting({ collector: timed(1000, 1e6) });
    for (let i = 0; i < 500; i++) write(20 * KIB, i);
    expect(pager.stats.evictions).toBeGreaterThan(100);
    expect(pager.stats.collections).toBeLessThan(12);
  });

  test("collections that take too much of the time make the budget grow, unless it is fixed", () => {
    const budgets = [0.01, 1].map((between) => {
      const { pager, write } = setupCollecting({ maxBudget: 1024 * KIB, collector: timed(0.01, between) });
      for (let i = 0; i < 300; i++) write(10 * KIB, i);
      expect(pager.stats.evictions).toBe(0);
      return pager.stats.budget / KIB;
    });
    expect(budgets[0]).toBeGreaterThanOrEqual(512);
    expect(budgets[1]).toBe(64);
    const { pager, write } = setupCollecting({ collector: timed(0.01, 0.01) });
    for (let i = 0; i < 100; i++) write(10 * KIB, i);
    expect(pager.stats.budget).toBe(64 * KIB);
  });

  test("the finalizers of what was collected find nothing to do", async () => {
    const { pager, write } = setupCollecting();
    for (let i = 0; i < 100; i++) write(10 * KIB, i);
    const { live, resident } = pager.stats;
    collector.collect();
    await setImmediate();
    await setImmediate();
    expect(pager.stats.live).toBeLessThanOrEqual(live);
    expect(pager.stats.live).toBeGreaterThanOrEqual(0);
    expect(pager.stats.resident).toBeLessThanOrEqual(resident);
    expect(pager.stats.resident).toBeGreaterThanOrEqual(0);
  });
});

import { cpu } from "@descent/backend-cpu";
import { ArgumentError, arange, Generator, manualSeed, setBackend, type Tensor } from "@descent/core";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { DataLoader, type DataLoaderOptions } from "./data-loader.ts";
import { type Dataset, TensorDataset } from "./dataset.ts";

setBackend(cpu());

/** Samples that are their own index, and batches that are lists of them. */
const numbers = (length: number): Dataset<number, number[]> => ({
  length,
  get: (i) => i,
  batch: (indices) => [...indices],
});
const load = (length: number, options: DataLoaderOptions): DataLoader<number, number[]> =>
  new DataLoader(numbers(length), options);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

const size = fc.integer({ min: 1, max: 40 });
const seed = fc.maxSafeInteger();

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("DataLoader", () => {
  test("visits every sample once per epoch, in batches of one size but the last", () => {
    fc.assert(
      fc.property(size, size, fc.boolean(), seed, (length, batchSize, shuffle, seed) => {
        const loader = load(length, { batchSize, shuffle, generator: new Generator(seed) });
        for (let epoch = 0; epoch < 2; epoch++) {
          const batches = [...loader];
          expect(batches.length).toBe(loader.length);
          expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
          expect(batches.at(-1)!.length).toBe(length % batchSize || batchSize);
          const visited = batches.flat();
          expect(shuffle ? ascending(visited) : visited).toEqual(upTo(length));
        }
      }),
    );
  });

  test("leaves out only the smaller last batch with dropLast", () => {
    fc.assert(
      fc.property(size, size, seed, (batchSize, extra, seed) => {
        const length = batchSize + extra;
        const epoch = (dropLast: boolean) => {
          const loader = load(length, { batchSize, dropLast, shuffle: true, generator: new Generator(seed) });
          const batches = [...loader];
          expect(batches.length).toBe(loader.length);
          return batches;
        };
        expect(epoch(true)).toEqual(epoch(false).filter((batch) => batch.length === batchSize));
      }),
    );
  });

  test("draws an order that depends on the generator alone: neither on the batch size nor on the kind of loop", async () => {
    await fc.assert(
      fc.asyncProperty(size, size, size, seed, async (length, a, b, seed) => {
        const epochs = async (batchSize: number, wait: boolean): Promise<number[][]> => {
          const loader = load(length, { batchSize, shuffle: true, generator: new Generator(seed) });
          const orders: number[][] = [];
          for (let epoch = 0; epoch < 2; epoch++) {
            const order: number[] = [];
            if (wait) for await (const batch of loader) order.push(...batch);
            else for (const batch of loader) order.push(...batch);
            orders.push(order);
          }
          return orders;
        };
        expect(await epochs(b, false)).toEqual(await epochs(a, false));
        expect(await epochs(b, true)).toEqual(await epochs(b, false));
      }),
      { numRuns: 30 },
    );
  });

  test("goes through another order each epoch, and through the same one from the same state", () => {
    const generator = new Generator(1);
    const loader = load(100, { batchSize: 10, shuffle: true, generator });
    const first = [...loader];
    const state = generator.getState();
    const second = [...loader];
    expect(second).not.toEqual(first);
    generator.setState(state);
    expect([...loader]).toEqual(second);
  });

  test("shuffles with the default generator where none is named, and draws nothing where it does not shuffle", () => {
    const shuffled = load(50, { batchSize: 50, shuffle: true });
    manualSeed(3);
    [...load(50, {})];
    const [order] = shuffled;
    expect([...load(50, { batchSize: 50, shuffle: true, generator: new Generator(3) })][0]).toEqual(order);
  });

  test("keeps loops apart that run at the same time", () => {
    const loader = load(20, { batchSize: 4, shuffle: true, generator: new Generator(0) });
    const [a, b] = [loader[Symbol.iterator](), loader[Symbol.iterator]()];
    const orders: [number[], number[]] = [[], []];
    for (let i = 0; i < loader.length; i++) {
      orders[0].push(...a.next().value!);
      orders[1].push(...b.next().value!);
    }
    for (const order of orders) expect(ascending(order)).toEqual(upTo(20));
  });

  test("lets the event loop turn between the batches of for await", async () => {
    let turns = 0;
    const count = (): void => {
      turns++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const seen: number[] = [];
    for await (const _ of load(4, {})) seen.push(turns);
    clearImmediate(next);
    expect(seen.every((turn, i) => i === 0 || turn > seen[i - 1]!)).toBe(true);
  });

  test("does so where there is no setImmediate, as in browsers", async () => {
    let turned = false;
    const next = setImmediate(() => {
      turned = true;
    });
    vi.stubGlobal("setImmediate", undefined);
    const seen: number[] = [];
    for await (const batch of load(20, {})) seen.push(...batch);
    clearImmediate(next);
    expect([seen, turned]).toEqual([upTo(20), true]);
  });

  test("fetches no batch ahead of the loop, and stops when the loop does", async () => {
    const asked: number[] = [];
    const data: Dataset<number, number> = { length: 9, get: (i) => i, batch: ([i]) => asked.push(i!) };
    for (const _ of new DataLoader(data)) if (asked.length === 2) break;
    for await (const _ of new DataLoader(data)) if (asked.length === 4) break;
    expect(asked).toEqual([0, 1, 0, 1]);
  });

  test("makes batches by the function given, else by the data set, else by stacking samples", () => {
    const given = new DataLoader(numbers(4), { batchSize: 2, collate: (samples) => samples.join("+") });
    const own = new DataLoader(new TensorDataset(arange(3), arange(3, 6)), { batchSize: 2 });
    const stacked = new DataLoader({ length: 3, get: (i: number) => [i, i > 0] as const }, { batchSize: 2 });
    const words: string[] = [...given];
    expect(words).toEqual(["0+1", "2+3"]);
    const values = (batch: readonly Tensor[]): unknown => batch.map((x) => x.toArray());
    expect([...own].map(values)).toEqual([
      [
        [0, 1],
        [3, 4],
      ],
      [[2], [5]],
    ]);
    expect([...stacked].map(values)).toEqual([
      [
        [0, 1],
        [0, 1],
      ],
      [[2], [1]],
    ]);
  });

  test("rejects what leaves it nothing to do", () => {
    for (const batchSize of [0, -1, 1.5, Number.NaN, Infinity])
      expect(() => load(3, { batchSize })).toThrow(
        new ArgumentError("DataLoader", `the batch size must be a positive integer, got ${batchSize}`),
      );
    expect(() => load(0, {})).toThrow(
      new ArgumentError("DataLoader", "the data set is empty (length 0)", "give it at least one sample"),
    );
    expect(() => load(3, { batchSize: 4, dropLast: true })).toThrow(
      new ArgumentError(
        "DataLoader",
        "dropLast leaves no batch: 3 samples, batch size 4",
        "lower the batch size or keep the last batch",
      ),
    );
  });
});

import { cpu } from "@descent/backend-cpu";
import { Buffer, Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, COCOB, findLearningRate, findLearningRateAsync, SGD } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const made = (...values: number[]): Parameter => new Parameter(tensor(values));
/** A bowl of curvature 1 that gradient descent leaves at rates above 2. */
const bowl = (p: Parameter) => (): Tensor => p.square().sum().mul(0.5);

describe("findLearningRate", () => {
  test("goes through the rates that were asked for, in equal factors or differences", () => {
    const rates = fc.record({
      startLr: fc.constantFrom(1e-8, 1e-5, 1e-3),
      ratio: fc.constantFrom(2, 10, 1e4),
      steps: fc.integer({ min: 2, max: 20 }),
      mode: fc.constantFrom("exponential" as const, "linear" as const),
    });
    fc.assert(
      fc.property(rates, ({ startLr, ratio, steps, mode }) => {
        const p = made(1);
        const optimizer = new SGD([p]);
        const endLr = startLr * ratio;
        const settings = { startLr, endLr, steps, mode, divergence: Number.POSITIVE_INFINITY };
        const seen: number[] = [];
        const { lrs, losses, diverged } = findLearningRate(
          optimizer,
          () => {
            seen.push(optimizer.paramGroups[0]!.lr);
            return p.sum().mul(0).add(1);
          },
          settings,
        );
        expect(seen).toEqual(lrs);
        expect(losses).toEqual(lrs.map(() => 1));
        expect(diverged).toBe(false);
        expect(lrs).toHaveLength(steps);
        expect(lrs[0]).toBe(startLr);
        expect(lrs.at(-1)! / endLr).toBeCloseTo(1, 12);
        const gap = (i: number): number => (mode === "linear" ? lrs[i]! - lrs[i - 1]! : lrs[i]! / lrs[i - 1]!);
        for (let i = 2; i < steps; i++) expect(gap(i) / gap(1)).toBeCloseTo(1, 9);
      }),
      { numRuns: 40 },
    );
  });

  test("records the loss before each step, and its average without bias", () => {
    const p = made(4);
    const { lrs, losses, smoothed } = findLearningRate(new SGD([p]), bowl(p), { steps: 30, endLr: 1, smoothing: 0.8 });
    let [x, average] = [4, 0];
    for (const [i, lr] of lrs.entries()) {
      expect(losses[i]! / (x ** 2 / 2)).toBeCloseTo(1, 4);
      average = 0.8 * average + 0.2 * losses[i]!;
      expect(smoothed[i]).toBeCloseTo(average / (1 - 0.8 ** (i + 1)), 9);
      x -= lr * x;
    }
    expect(losses).toHaveLength(30);
  });

  test("stops where the loss diverges, and suggests rates that train", () => {
    const p = made(1, -1, 2);
    const curve = findLearningRate(new SGD([p]), bowl(p), { startLr: 1e-4, endLr: 1e4, smoothing: 0 });
    const { lrs, losses, diverged, suggestion } = curve;
    expect(diverged).toBe(true);
    expect(lrs.length).toBeLessThan(100);
    expect(losses.at(-1)! / Math.min(...losses)).toBeGreaterThan(4);
    expect(suggestion.minimumOverTen).toBe(lrs[losses.indexOf(Math.min(...losses))]! / 10);
    for (const lr of [suggestion.steepest!, suggestion.minimumOverTen!]) {
      expect(lr).toBeGreaterThan(1e-3);
      expect(lr).toBeLessThan(2);
    }
  });

  test("a loss that rises from below zero diverges by its distance from the least", () => {
    const losses = [-1, -2, -1.5, -3, 7, -3];
    const p = made(0);
    const settings = { steps: 6, smoothing: 0 };
    const evaluate = (i: number): Tensor => p.sum().mul(0).add(losses[i]!);
    expect(findLearningRate(new SGD([p]), evaluate, settings).losses).toEqual([-1, -2, -1.5, -3, 7]);
    expect(findLearningRate(new SGD([p]), evaluate, { ...settings, divergence: 5 }).losses).toEqual(losses);
  });

  test("ends at a loss that is not finite, which is not part of the curve", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const p = made(1);
      const evaluate = (i: number): Tensor =>
        p
          .square()
          .sum()
          .add(i === 7 ? bad : 0);
      const { losses, diverged } = findLearningRate(new SGD([p]), evaluate);
      expect(losses).toHaveLength(7);
      expect(diverged).toBe(true);
      expect(findLearningRate(new SGD([p]), () => p.sum().add(bad))).toEqual({
        lrs: [],
        losses: [],
        smoothed: [],
        diverged: true,
        suggestion: { steepest: null, minimumOverTen: null },
      });
    }
  });

  test("the steepest fall is looked for behind the first tenth, and the lowest loss everywhere", () => {
    const p = made(0);
    const losses = [9, 1, ...new Array<number>(8).fill(5), 4.5, ...new Array<number>(9).fill(2)];
    const evaluate = (i: number): Tensor => p.sum().mul(0).add(losses[i]!);
    const settings = { steps: 20, smoothing: 0, divergence: 10 };
    const { lrs, suggestion } = findLearningRate(new SGD([p]), evaluate, settings);
    expect(suggestion).toEqual({ steepest: lrs[10], minimumOverTen: lrs[1]! / 10 });
  });

  test("where the loss never falls there is no steepest fall", () => {
    const p = made(0);
    const { suggestion } = findLearningRate(
      new SGD([p]),
      (i) =>
        p
          .sum()
          .mul(0)
          .add(i + 1),
      { steps: 4, divergence: 9 },
    );
    expect(suggestion).toEqual({ steepest: null, minimumOverTen: 1e-8 });
  });
});

describe("afterwards all is as it was, to the bit", () => {
  const trained = () => {
    const [p, q] = [made(0.1, 0.7), made(1 / 3)];
    const optimizer = new Adam([{ params: p }, { params: q, lr: 0.3 }], { lr: 0.01 });
    const loss = (): Tensor => p.square().sum().add(q.exp().sum());
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad();
      loss().backward();
      optimizer.step();
    }
    const state = (): unknown => {
      const { state, paramGroups } = optimizer.stateDict();
      const entries = Object.values(state).map((entry) =>
        Object.entries(entry).map(([name, x]) => [name, typeof x === "object" ? (x as Tensor).toArray() : x]),
      );
      return [p.toArray(), q.toArray(), entries, paramGroups];
    };
    return { p, optimizer, loss, state };
  };

  test("parameters, the optimizer's state and options, and what else is named", () => {
    const { p, optimizer, loss, state } = trained();
    const mean = new Buffer(tensor([5]));
    const before = state();
    const evaluate = (): Tensor => {
      mean.assign(mean.add(1));
      return loss();
    };
    findLearningRate(optimizer, evaluate, { steps: 20, restore: [mean] });
    expect(state()).toEqual(before);
    expect(mean.toArray()).toEqual([5]);
    expect(p.grad).toBeNull();
  });

  test("also where the evaluation or a step throws", () => {
    const { optimizer, loss, state } = trained();
    const before = state();
    const failing = (i: number): Tensor => {
      if (i === 3) throw new RangeError("no more data");
      return loss();
    };
    expect(() => findLearningRate(optimizer, failing)).toThrow("no more data");
    expect(() => findLearningRate(optimizer, (i) => (i === 2 ? (3 as never) : loss()))).toThrow("evaluate returned 3");
    expect(() => findLearningRate(optimizer, (i) => (i === 2 ? loss().detach() : loss()))).toThrow("backward");
    expect(state()).toEqual(before);
  });

  test("also on devices that compute asynchronously", async () => {
    setBackend({ ...cpu(), name: "deferred", synchronous: false });
    const p = made(4);
    const optimizer = new SGD([p], { lr: 0.5, momentum: 0.9 });
    const [value] = await p.data();
    const settings = { steps: 30, startLr: 1e-3, endLr: 1 };
    expect(() => findLearningRate(optimizer, bowl(p), settings)).toThrow("computes asynchronously");
    const curve = await findLearningRateAsync(optimizer, async () => bowl(p)(), settings);
    expect((await p.data())[0]).toBe(value);
    expect(optimizer.paramGroups[0]!.lr).toBe(0.5);
    await expect(findLearningRateAsync(optimizer, () => Promise.reject(new RangeError("lost")))).rejects.toThrow(
      "lost",
    );
    expect((await p.data())[0]).toBe(value);
    expect(optimizer.paramGroups[0]!.lr).toBe(0.5);

    setBackend(cpu());
    const q = made(4);
    expect(findLearningRate(new SGD([q], { momentum: 0.9 }), bowl(q), settings)).toEqual(curve);
  });

  test("and nothing of the search is alive", () => {
    const backend = countingBackend();
    setBackend(backend);
    using initial = tensor([1, 2]);
    const p = new Parameter(initial);
    const optimizer = new SGD([p], { momentum: 0.9 });
    initial.dispose();
    const losses: Tensor[] = [];
    const evaluate = (): Tensor => {
      using square = p.square();
      losses.push(square.sum());
      return losses.at(-1)!;
    };
    for (let i = 0; i < 2; i++) {
      findLearningRate(optimizer, evaluate, { steps: 5 });
      for (const loss of losses) loss.dispose();
      expect(backend.liveBytes).toBe(8 * (i + 1));
      p.grad = tensor([1, 1]);
      optimizer.step();
      p.grad.dispose();
      p.grad = null;
    }
  });
});

test.each<[string, object]>([
  ["findLearningRate: startLr is 0, expected a number > 0", { startLr: 0 }],
  ["findLearningRate: endLr is 1e-8, expected more than startLr 1e-7", { endLr: 1e-8 }],
  ["findLearningRate: steps is 1, expected an integer ≥ 2", { steps: 1 }],
  ['findLearningRate: mode is "cosine", expected "exponential" or "linear"', { mode: "cosine" }],
  ["findLearningRate: smoothing is 1, expected a number in [0, 1)", { smoothing: 1 }],
  ["findLearningRate: divergence is 1, expected a number > 1", { divergence: 1 }],
  ["findLearningRate: restore is 3, expected an iterable of parameters and buffers", { restore: 3 }],
  [
    "findLearningRate: numIter is unknown (known: startLr, endLr, steps, mode, smoothing, divergence, restore)",
    { numIter: 3 },
  ],
])("%s", (message, options) => {
  const p = made(1);
  const find = (): unknown => findLearningRate(new SGD([p]), bowl(p), options);
  expect(find).toThrow(expect.objectContaining({ message }));
});

test("evaluate has to return the loss", () => {
  const p = made(1, 2);
  expect(() => findLearningRate(new SGD([p]), () => p.square())).toThrow(
    "findLearningRate: evaluate returned a tensor of shape [2]; return the loss, a tensor of one element",
  );
});

test("something else in the place of the optimizer or of evaluate is an error that says so, and changes nothing", () => {
  const p = new Parameter(tensor([1]));
  const evaluate = (): Tensor => p.square().sum();
  expect(() => findLearningRate([p] as never, evaluate)).toThrow("findLearningRate: expected an optimizer, got [");
  expect(() => findLearningRate(new SGD([p]), undefined as never)).toThrow(
    "findLearningRate: evaluate is undefined, expected a function",
  );
  const cocob = new COCOB([p]);
  expect(() => findLearningRate(cocob, evaluate)).toThrow(
    "findLearningRate: paramGroups[0].lr is undefined, expected a number",
  );
  expect(cocob.paramGroups[0]).not.toHaveProperty("lr");
});

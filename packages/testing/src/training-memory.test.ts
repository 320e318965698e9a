import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  getRngState,
  manualSeed,
  randint,
  randn,
  setRngState,
  type Tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import {
  BatchNorm1d,
  Conv2d,
  CrossEntropyLoss,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  Tanh,
} from "@descent/nn";
import { Adam, SGD } from "@descent/optim";
import { describe, expect, test } from "vitest";
import { countingBackend } from "./counting-backend.ts";
import { pagedBackend } from "./paged-backend.ts";

const lenet = (): Sequential =>
  new Sequential(
    new Conv2d(1, 6, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(6, 16, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(400, 120),
    new ReLU(),
    new Dropout(0.2),
    new Linear(120, 84),
    new ReLU(),
    new Linear(84, 10),
  );

const mlp = (): Sequential =>
  new Sequential(new Linear(6, 16), new BatchNorm1d(16), new Tanh(), new Dropout(0.3), new Linear(16, 3));

interface Training {
  readonly model: Sequential;
  readonly optimizer: SGD | Adam;
  /** One step on random numbers; nothing is disposed. */
  readonly step: () => Tensor;
}

type Forward = (model: Sequential, x: Tensor) => Tensor;
const whole: Forward = (model, x) => model.call(x);
/** A `Sequential` frees what its layers hand on; this leaves it to the collector, as models do that are no `Sequential`. */
const byLayers: Forward = (model, x) => [...model].reduce((y, layer) => layer.call(y), x);

function training(
  model: Sequential,
  optimizer: SGD | Adam,
  sample: () => [x: Tensor, y: Tensor],
  forward: Forward = byLayers,
): Training {
  const loss = new CrossEntropyLoss();
  const step = (): Tensor => {
    const [x, y] = sample();
    optimizer.zeroGrad();
    const value = loss.call(forward(model, x), y);
    value.backward();
    optimizer.step();
    return value;
  };
  return { model, optimizer, step };
}

const trainMlp = (model = mlp()): Training =>
  training(model, new Adam(model.parameters(), { lr: 0.01, amsgrad: true }), () => [randn([8, 6]), randint(0, 3, [8])]);

/** Tensors of 8 KiB each, of which a budget of 48 KiB holds what one op needs and little more. */
const trainWide = (forward?: Forward): Training => {
  const model = new Sequential(new Linear(32, 64), new Tanh(), new Dropout(0.3), new Linear(64, 32));
  return training(model, new Adam(model.parameters()), () => [randn([32, 32]), randint(0, 32, [32])], forward);
};

const trainLenet = (forward?: Forward): Training => {
  const model = lenet();
  const optimizer = new SGD(model.parameters(), { lr: 0.03, momentum: 0.9, nesterov: true });
  return training(model, optimizer, () => [randn([4, 1, 28, 28]), randint(0, 10, [4])], forward);
};

const elements = (dict: Record<string, Tensor>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(dict).map(([name, x]) => [name, [...x.dataSync()]]));

/** The state of a model after some steps from seed 1. */
const trained = (backend: Backend, make: () => Training, steps: number): Record<string, number[]> =>
  withBackend(backend, () => {
    manualSeed(1);
    const { model, step } = make();
    for (let i = 0; i < steps; i++) step();
    return elements(model.stateDict());
  });

describe("one seed, one result", () => {
  test("the same seed gives bit-equal weights twice", () => {
    expect(trained(cpu(), trainLenet, 3)).toEqual(trained(cpu(), trainLenet, 3));
    expect(trained(cpu(), trainMlp, 5)).toEqual(trained(cpu(), trainMlp, 5));
  });

  test("what was saved after step k and restored gives bit-equal weights at step n", () => {
    withBackend(cpu(), () => {
      for (const k of [0, 1, 7]) {
        manualSeed(3);
        const whole = trainMlp();
        for (let i = 0; i < k; i++) whole.step();
        const saved = { model: whole.model.stateDict(), optimizer: whole.optimizer.stateDict(), random: getRngState() };
        for (let i = k; i < 12; i++) whole.step();

        manualSeed(99);
        const resumed = trainMlp();
        resumed.step();
        resumed.model.loadStateDict(saved.model);
        resumed.optimizer.loadStateDict(saved.optimizer as never);
        setRngState(saved.random);
        for (let i = k; i < 12; i++) resumed.step();
        expect(elements(resumed.model.stateDict())).toEqual(elements(whole.model.stateDict()));
      }
    });
  });
});

describe("memory without management", () => {
  test("a budget so small that every op evicts gives bit-equal weights", () => {
    const paged = pagedBackend({ budget: 1_000_000 });
    expect(trained(paged, trainLenet, 3)).toEqual(trained(cpu(), trainLenet, 3));
    expect(paged.pager.stats.evictions).toBeGreaterThan(100);
    const tiny = pagedBackend({ budget: 49_152 });
    expect(trained(tiny, trainWide, 5)).toEqual(trained(cpu(), trainWide, 5));
    // About one eviction per kernel.
    expect(tiny.pager.stats.evictions).toBeGreaterThan(200);
    expect(tiny.pager.stats.reloads).toBeGreaterThan(100);
  });

  test("so it does where a Sequential frees what its layers hand on, which need not be evicted then", () => {
    const [left, freed] = [byLayers, whole].map((forward) => {
      const paged = pagedBackend({ budget: 1_000_000 });
      expect(trained(paged, () => trainLenet(forward), 3)).toEqual(trained(cpu(), () => trainLenet(whole), 3));
      const tiny = pagedBackend({ budget: 49_152 });
      expect(trained(tiny, () => trainWide(forward), 5)).toEqual(trained(cpu(), () => trainWide(whole), 5));
      return paged.pager.stats.evictedBytes + tiny.pager.stats.evictedBytes;
    });
    expect(freed).toBeLessThan(left!);
  });

  test("an op that does not fit into the budget names itself, and the library goes on", () => {
    const paged = pagedBackend({ budget: 65_536 });
    withBackend(paged, () => {
      const small = randn([64]);
      const before = [...small.dataSync()];
      expect(() => randn([20_000])).toThrow(/needs \d+ bytes of device memory/);
      expect([...small.dataSync()]).toEqual(before);
      expect(small.add(1).numel()).toBe(64);
    });
  });

  test("what stays alive from step to step does not grow", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      manualSeed(1);
      const { model, optimizer } = trainMlp();
      const loss = new CrossEntropyLoss();
      const [x, y] = [randn([8, 6]), randint(0, 3, [8])];
      const alive = Array.from({ length: 5 }, () => {
        optimizer.zeroGrad();
        const hidden = model.call(x);
        const value = loss.call(hidden, y);
        value.backward();
        optimizer.step();
        value.dispose();
        hidden.dispose();
        return backend.liveBytes;
      });
      // The first step makes gradients and state.
      expect(new Set(alive.slice(1)).size).toBe(1);
    });
  });

  test("10,000 steps in one synchronous loop stay flat in heap, external memory and on the device", () => {
    const paged = pagedBackend({ budget: 262_144 });
    const grown = growth(paged, 1000, 10_000);
    // That many bytes went through the host; what a collection has not swept yet is a fraction of it.
    expect(paged.pager.stats.evictedBytes).toBeGreaterThan(20e6);
    expect(grown).toBeLessThan(8e6);
    expect(paged.pager.stats.peak).toBeLessThanOrEqual(262_144);
  }, 120_000);

  test("the same holds on the reference backend, whose memory is the collector's", () => {
    expect(growth(cpu(), 1000, 10_000)).toBeLessThan(8e6);
  }, 120_000);
});

/** Bytes that the process grew by between two steps of a loop that disposes of nothing. */
function growth(backend: Backend, from: number, to: number): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = (): number => {
    // The second collection waits for the array buffers that the first one found dead.
    collect();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  return withBackend(backend, () => {
    manualSeed(1);
    const { step } = trainMlp();
    for (let i = 0; i < from; i++) step();
    const early = used();
    for (let i = from; i < to; i++) step();
    return used() - early;
  });
}

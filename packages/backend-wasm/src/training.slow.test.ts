import { manualSeed, randint, randn, type Tensor, withBackend } from "@descent/core";
import "@descent/core/methods";
import { Conv2d, CrossEntropyLoss, functional as F, Linear, Module } from "@descent/nn";
import { SGD } from "@descent/optim";
import { expect, test } from "vitest";
import { type WasmBackend, wasm } from "./index.ts";

const MIB = 2 ** 20;
const STEPS = 10_000;

/** LeNet-5 as a module of its own, which sees what goes from layer to layer: all of it is left to the collector, as in a `Sequential` it is not. */
class LeNet extends Module {
  readonly conv1 = new Conv2d(1, 6, 5, { padding: 2 });
  readonly conv2 = new Conv2d(6, 16, 5);
  readonly fc1 = new Linear(400, 120);
  readonly fc2 = new Linear(120, 84);
  readonly fc3 = new Linear(84, 10);

  forward(x: Tensor): Tensor {
    let y = F.maxPool2d(this.conv1.call(x).relu(), 2);
    y = F.maxPool2d(this.conv2.call(y).relu(), 2);
    y = this.fc1.call(y.flatten(1)).relu();
    return this.fc3.call(this.fc2.call(y).relu());
  }
}

/** Trains LeNet-5 in one synchronous loop in which nothing is disposed, and returns its weights. */
function train(
  backend: WasmBackend,
  batch: number,
  watch: (step: number) => void = () => {},
): Record<string, number[]> {
  return withBackend(backend, () => {
    manualSeed(0);
    const model = new LeNet();
    const loss = new CrossEntropyLoss();
    const optimizer = new SGD(model.parameters(), { lr: 0.003, momentum: 0.9 });
    const batches = Array.from({ length: 8 }, (): [Tensor, Tensor] => [
      randn([batch, 1, 28, 28]),
      randint(0, 10, [batch]),
    ]);
    for (let step = 0; step < STEPS; step++) {
      const [x, y] = batches[step % batches.length]!;
      optimizer.zeroGrad();
      loss.call(model.call(x), y).backward();
      optimizer.step();
      watch(step);
    }
    return Object.fromEntries(Object.entries(model.stateDict()).map(([name, x]) => [name, [...x.dataSync()]]));
  });
}

test("10,000 steps in one synchronous loop: memory stays flat", () => {
  const backend = wasm({ budget: 128 * MIB }); // fixed, for one that grows would show
  const peaks = [0, 0];
  train(backend, 64, (step) => {
    // What the engine and the budget need until they have settled does not count.
    if (step < STEPS / 5 || step % 50 !== 0) return;
    const half = Number(step >= 0.6 * STEPS);
    peaks[half] = Math.max(peaks[half]!, process.memoryUsage.rss());
  });
  const [before, after] = peaks.map((bytes) => bytes / MIB) as [number, number];
  console.log(`peak of the process: ${before.toFixed(0)} MiB in the first half, ${after.toFixed(0)} MiB in the second`);
  expect(after).toBeLessThan(1.1 * before);
  expect(backend.memoryStats.peak).toBeLessThanOrEqual(backend.memoryStats.budget);
});

test("10,000 steps with 64 MiB for tensors give the same weights as with all they need, bit for bit", () => {
  const tight = wasm({ budget: 64 * MIB, collect: false }); // what is dropped is moved, not found
  const weights = train(tight, 64);
  expect(tight.memoryStats.evictions).toBeGreaterThan(0);
  expect(train(wasm({ budget: 2048 * MIB }), 64)).toEqual(weights);
});

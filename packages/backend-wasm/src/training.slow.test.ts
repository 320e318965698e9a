import { manualSeed, randint, randn, type Tensor, withBackend } from "@descent/core";
import "@descent/core/methods";
import { CrossEntropyLoss } from "@descent/nn";
import { SGD } from "@descent/optim";
import { lenet } from "@descent/testing";
import { expect, test } from "vitest";
import { type WasmBackend, wasm } from "./index.ts";

const MIB = 2 ** 20;
const STEPS = 10_000;

/** Trains LeNet-5 in one synchronous loop in which nothing is disposed, and returns its weights. */
function train(
  backend: WasmBackend,
  batch: number,
  watch: (step: number) => void = () => {},
): Record<string, number[]> {
  return withBackend(backend, () => {
    manualSeed(0);
    const model = lenet();
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
  const backend = wasm();
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
  const tight = wasm({ budget: 64 * MIB });
  const weights = train(tight, 64);
  expect(tight.memoryStats.evictions).toBeGreaterThan(0);
  expect(train(wasm({ budget: 2048 * MIB }), 64)).toEqual(weights);
});

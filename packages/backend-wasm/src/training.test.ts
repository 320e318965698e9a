import { type Backend, manualSeed, randint, randn, withBackend } from "@descent/core";
import "@descent/core/methods";
import { BatchNorm2d, Conv2d, CrossEntropyLoss, Dropout, Flatten, Linear, ReLU, Sequential } from "@descent/nn";
import { Adam } from "@descent/optim";
import { describeTraining, lenet } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { wasm } from "./index.ts";
import { highBackend } from "./testing/high-backend.ts";
import { hostileBackend } from "./testing/hostile-backend.ts";

describeTraining("wasm", () => wasm({ threads: 1 }));
describeTraining("wasm with two threads that do all work twice", hostileBackend);

/** Has a convolution by Winograd's algorithm, batch statistics and random numbers. */
const residual = (): Sequential =>
  new Sequential(
    new Conv2d(1, 16, 3, { stride: 2, padding: 1 }),
    new Conv2d(16, 16, 3, { padding: 1, bias: false }),
    new BatchNorm2d(16),
    new ReLU(),
    new Dropout(0.1),
    new Flatten(),
    new Linear(16 * 14 * 14, 10),
  );

/** The weights after three steps with batches of 64. */
function trained(backend: Backend, make: () => Sequential): Record<string, number[]> {
  return withBackend(backend, () => {
    manualSeed(1);
    const model = make();
    const optimizer = new Adam(model.parameters());
    const loss = new CrossEntropyLoss();
    for (let step = 0; step < 3; step++) {
      optimizer.zeroGrad();
      loss.call(model.call(randn([64, 1, 28, 28])), randint(0, 10, [64])).backward();
      optimizer.step();
    }
    return Object.fromEntries(Object.entries(model.stateDict()).map(([name, x]) => [name, [...x.dataSync()]]));
  });
}

describe("one seed, one result", () => {
  test.each([
    ["LeNet-5", lenet],
    ["a net with batch normalisation and dropout", residual],
  ])(
    "%s: weights are bit-equal for any number of threads, however often work is done, and wherever tensors are",
    (_, make) => {
      const weights = trained(wasm({ threads: 1 }), make);
      for (const threads of [2, 3]) {
        const backend = wasm({ threads });
        expect(trained(backend, make)).toEqual(weights);
        backend.setNumThreads(1);
      }
      expect(trained(hostileBackend(), make)).toEqual(weights);
      expect(trained(highBackend(), make)).toEqual(weights);
    },
  );
});

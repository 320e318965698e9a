import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { type Backend, manualSeed, randint, randn, setBackend, type Tensor } from "@descent/core";
import "@descent/core/methods";
import { CrossEntropyLoss, type Sequential } from "@descent/nn";
import * as optim from "@descent/optim";
import { expectClose, lenet } from "@descent/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { type GpuBackend, gpu } from "./index.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

let device: GpuBackend;
beforeAll(async () => {
  await provideWebGpu();
  device = await gpu({ mode: "webgpu" });
});

interface Trained {
  readonly losses: number[];
  readonly weights: Map<string, Tensor>;
}

/** Trains LeNet-5 from one seed, and calls `after` when a step has been computed. */
async function train(
  backend: Backend,
  steps: number,
  batch: number,
  after: (step: number) => void = () => {},
): Promise<Trained> {
  setBackend(backend);
  manualSeed(1);
  const model = lenet();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    losses.push(await trainStep(model, optimizer, batch));
    after(step);
  }
  return { losses, weights: new Map(Object.entries(model.stateDict())) };
}

async function trainStep(model: Sequential, optimizer: optim.SGD, batch: number): Promise<number> {
  optimizer.zeroGrad();
  const loss = new CrossEntropyLoss().call(model.call(randn([batch, 1, 28, 28])), randint(0, 10, [batch]));
  loss.backward();
  optimizer.step();
  return (await loss.data())[0]!;
}

describe("LeNet-5", () => {
  test("20 steps from one seed are the same on the CPU, on WebAssembly and on the GPU", {
    timeout: 120_000,
  }, async () => {
    const STEPS = 20;
    const reference = await train(cpu(), STEPS, 4);
    for (const backend of [wasm({ threads: 1 }), device]) {
      const { losses, weights } = await train(backend, STEPS, 4);
      const shape = [STEPS];
      expectClose({ shape, data: losses }, { shape, data: reference.losses }, 1e-4, `losses on ${backend.name}`);
      for (const [name, w] of weights)
        expectClose(
          { shape: w.shape, data: await w.data() },
          { shape: w.shape, data: reference.weights.get(name)!.dataSync() },
          { rtol: 1e-4, atol: 1e-4 },
          `${name} on ${backend.name}`,
        );
    }
    expect(reference.losses).toHaveLength(STEPS);
  });

  test("a second step compiles nothing, and as many shaders are launched in each", async () => {
    const fresh = await gpu({ mode: "webgpu" });
    const seen: { launches: number; compilations: number; live: number }[] = [];
    await train(fresh, 3, 2, () => seen.push(fresh.describe()));
    const compilations = seen.map((s) => s.compilations);
    expect(compilations[0]).toBeGreaterThan(0);
    expect(compilations).toEqual(compilations.map(() => compilations[0]));
    const launches = seen.map((s, i) => s.launches - (seen[i - 1]?.launches ?? 0));
    console.log(`LeNet-5: ${launches[1]} launches per step, ${compilations[0]} shaders`);
    // The first step also makes the state of the optimizer: zeros for ten parameters.
    expect(launches).toEqual([launches[1]! + 10, launches[1], launches[1]]);
    expect(launches[1]).toBeLessThanOrEqual(75);
  });

  test("a smaller last batch compiles nothing", async () => {
    const fresh = await gpu({ mode: "webgpu" });
    setBackend(fresh);
    manualSeed(1);
    const model = lenet();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
    await trainStep(model, optimizer, 3);
    const { compilations } = fresh.describe();
    await trainStep(model, optimizer, 2);
    expect(fresh.describe().compilations).toBe(compilations);
  });
});

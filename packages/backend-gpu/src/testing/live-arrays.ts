import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { manualSeed, randint, randn, setBackend, type Tensor } from "@descent/core";
import "@descent/core/methods";
import { CrossEntropyLoss, Linear, Module } from "@descent/nn";
import { Adam } from "@descent/optim";
import type { GpuBackend } from "../gpu.ts";

/** A module of its own, which sees what goes from layer to layer: all of it is left to the collector. */
class Net extends Module {
  readonly first = new Linear(6, 16);
  readonly last = new Linear(16, 3);

  forward(x: Tensor): Tensor {
    return this.last.call(this.first.call(x).tanh());
  }
}

/** The number of arrays on the device at ten times in a training in which nothing is disposed. */
export async function liveArrays(backend: GpuBackend, steps: number): Promise<number[]> {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  setBackend(backend);
  manualSeed(0);
  const model = new Net();
  const optimizer = new Adam(model.parameters());
  const loss = new CrossEntropyLoss();
  const live: number[] = [];
  for (let step = 1; step <= steps; step++) {
    optimizer.zeroGrad();
    const value = loss.call(model.call(randn([4, 6])), randint(0, 3, [4]));
    value.backward();
    optimizer.step();
    if (step % 10 === 0) await value.data();
    if (step % (steps / 10) !== 0) continue;
    collect();
    await new Promise((turn) => setTimeout(turn)); // finalizers run when the event loop turns
    await value.data();
    live.push(backend.describe().live);
  }
  return live;
}

import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";

// Optimizers are made where tests are listed, too.
setBackend(cpu());
beforeEach(() => setBackend(cpu()));

const made = (): Parameter => new Parameter(tensor([[1, -2]]));

/** A function for all optimizers, which knows no more of them. */
function trained<O extends optim.AnyOptimizer>(optimizer: O, steps: number): O {
  const [p] = optimizer.paramGroups[0]!.params;
  const loss = (): Tensor => p!.square().sum();
  const closure = (): Tensor => {
    optimizer.zeroGrad();
    const value = loss();
    value.backward();
    return value;
  };
  for (let i = 0; i < steps; i++) optimizer.step(optimizer instanceof optim.SearchingOptimizer ? loss : closure);
  return optimizer;
}

describe("AnyOptimizer", () => {
  const optimizers: (() => optim.AnyOptimizer)[] = [
    () => new optim.SGD([made()]),
    () => new optim.COCOB([made()]),
    () => new optim.Prodigy([made()]),
    () => new optim.LBFGS([made()]),
    () => new optim.SLS([made()]),
    () => new optim.AdamWScheduleFree([made()]),
    () => new optim.Muon([made()]),
    () => new optim.SAM(new optim.Prodigy([made()])),
    () => new optim.Lookahead(new optim.SAM(new optim.Adam([made()]))),
  ];

  test.each(optimizers.map((make) => [make().constructor.name, make] as const))("%s is one", (_, make) => {
    const optimizer = trained(make(), 3);
    const hook = optimizer.registerStepPreHook(({ paramGroups }) => expect(paramGroups).toHaveLength(1));
    const other = make();
    other.loadStateDict(optimizer.stateDict());
    hook();
    other.eval();
    other.train();
    expect(Object.keys(other.stateDict())).toEqual(Object.keys(optimizer.stateDict()));
  });

  test("schedulers and tools take it, and what it was is still known", () => {
    const sgd: optim.AnyOptimizer = new optim.SGD([made()], { lr: 1 });
    new optim.StepLR(sgd, { stepSize: 1, gamma: 0.5 }).step();
    expect(sgd.paramGroups[0]!.lr).toBe(0.5);
    new optim.GradientAccumulator(sgd, { steps: 1 }).step(sgd.paramGroups[0]!.params[0]!.sum());
    expect(trained(new optim.Prodigy([made()]), 2).d).toBeGreaterThan(0);
    expect(trained(new optim.SAM(new optim.Adam([made()])), 1).paramGroups[0]!.betas).toEqual([0.9, 0.999]);
  });
});

import { type Backend, isFloat, sizeOf, type Tensor, tensor, withBackend } from "@descent/core";
import "@descent/core/methods";
import { AvgPool2d, BatchNorm2d, Conv2d, CrossEntropyLoss, Flatten, Linear, ReLU, Sequential, SiLU } from "@descent/nn";
import { Adam, AdamW, CosineAnnealingLR, SGD } from "@descent/optim";
import { describe, expect, test } from "vitest";
import { expectClose, type Tolerance } from "./expect-close.ts";
import { formulaWeights, u } from "./formula.ts";
import { goldenCases } from "./golden.ts";
import { lenet } from "./lenet.ts";

/** A training of training.json. */
export interface TrainingCase {
  readonly model: keyof typeof MODELS;
  readonly inputShape: readonly number[];
  readonly classes: number;
  readonly optimizer: keyof typeof OPTIMIZERS;
  readonly options: object;
  readonly scheduler: string | null;
  readonly losses: readonly number[];
  readonly finalSums: Readonly<Record<string, number>>;
  readonly finalNorms: Readonly<Record<string, number>>;
}

const MODELS = {
  lenet,
  convbn: () =>
    new Sequential(
      new Conv2d(3, 8, 3, { stride: 2, padding: 1, bias: false }),
      new BatchNorm2d(8),
      new ReLU(),
      new Conv2d(8, 16, 3, { padding: 1, groups: 2 }),
      new BatchNorm2d(16),
      new SiLU(),
      new AvgPool2d(2),
      new Flatten(),
      new Linear(256, 5),
    ),
};
const OPTIMIZERS = { SGD, Adam, AdamW };

const floating = (state: Record<string, Tensor>): [string, Tensor][] =>
  Object.entries(state).filter(([, x]) => isFloat(x.dtype));

/** The model with the weights that the formula gives. */
function modelOf(name: keyof typeof MODELS): Sequential {
  const model = MODELS[name]();
  const weights = floating(model.stateDict()).map(
    ([name, { shape }], k) => [name, tensor(formulaWeights(name, shape, k)).reshape(shape)] as const,
  );
  model.loadStateDict({ ...model.stateDict(), ...Object.fromEntries(weights) });
  return model;
}

/** Images and classes of batch `b`. */
export function batch({ inputShape, classes }: TrainingCase, b: number): [x: Tensor, labels: Tensor] {
  const x = Float32Array.from({ length: sizeOf(inputShape) }, (_, i) => 2 * u(i, 1000 + b) - 1);
  const labels = Int32Array.from({ length: inputShape[0]! }, (_, i) => Math.floor(u(i, 2000 + b) * classes));
  return [tensor(x).reshape(inputShape), tensor(labels)];
}

/** The losses before each step, and the model after the last. */
function train(c: TrainingCase): { losses: number[]; model: Sequential } {
  const model = modelOf(c.model);
  const optimizer = new OPTIMIZERS[c.optimizer](model.parameters(), c.options);
  const steps = c.losses.length;
  const scheduler = c.scheduler === null ? null : new CosineAnnealingLR(optimizer, { TMax: steps });
  const loss = new CrossEntropyLoss();
  const losses = c.losses.map((_, b) => {
    const [x, labels] = batch(c, b);
    optimizer.zeroGrad();
    const value = loss.call(model.call(x), labels);
    value.backward();
    optimizer.step();
    scheduler?.step();
    return value.item();
  });
  return { losses, model };
}

const close = (
  actual: readonly number[],
  expected: readonly number[],
  tolerance: Tolerance | number,
  what: string,
): void =>
  expectClose({ shape: [actual.length], data: actual }, { shape: [expected.length], data: expected }, tolerance, what);

/**
 * `3.bias` is followed by batch normalisation, which takes it away again: its gradient is nothing but rounding errors, AdamW makes whole
 * steps of them, and the running mean follows.
 */
const NOISE = ["3.bias", "4.running_mean"];

/** Has a backend train as PyTorch did, on formula weights and formula data: 20 steps, whose losses and final state are compared. */
export function describeTraining(
  name: string,
  make: () => Backend,
  models: readonly TrainingCase["model"][] = ["lenet", "convbn"],
): void {
  const cases = goldenCases<TrainingCase>("training").filter((c) => models.includes(c.model));
  describe(`20 steps follow PyTorch's, on ${name}`, () => {
    test.each(cases.map((c) => ({ ...c, title: `${c.model}, ${c.optimizer}` })))(
      "$title",
      (c) => {
        const { losses, model } = withBackend(make(), () => train(c));
        close(losses.slice(0, 10), c.losses.slice(0, 10), { rtol: 1e-4, atol: 0 }, "the losses of steps 0 to 9");
        close(losses.slice(10), c.losses.slice(10), { rtol: 1e-3, atol: 0 }, "the losses of steps 10 to 19");
        const final = floating(model.stateDict());
        expect(final.map(([name]) => name)).toEqual(Object.keys(c.finalNorms));
        for (const [name, x] of final) {
          const values = [...x.dataSync()];
          const tolerance = c.model === "convbn" && NOISE.includes(name) ? { rtol: 0, atol: 0.1 } : 1e-4;
          const sum = values.reduce((a, b) => a + b, 0);
          close(
            [sum, Math.hypot(...values)],
            [c.finalSums[name]!, c.finalNorms[name]!],
            tolerance,
            `sum and norm of ${name}`,
          );
        }
      },
      60_000,
    );
  });
}

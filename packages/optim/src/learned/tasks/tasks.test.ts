import { cpu } from "@descent/backend-cpu";
import { Generator, grad, Parameter, randn, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { CrossEntropyLoss, functionalCall, Linear, Sequential, Tanh } from "@descent/nn";
import { countingBackend, numbersOf, OPTIMIZER_CASES } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, AdamWScheduleFree, LBFGS, SAM, SGD } from "../../index.ts";
import {
  classification,
  imageSubsets,
  LiMalikOptimizer,
  quadratics,
  runTask,
  type Task,
  type TaskDistribution,
} from "../index.ts";

beforeEach(() => {
  setBackend(cpu());
});

const images = (): TaskDistribution =>
  imageSubsets({
    images: tensor(Array.from({ length: 12 * 4 }, (_, i) => Math.sin(i))).reshape([12, 2, 2]),
    labels: tensor(
      Array.from({ length: 12 }, (_, i) => i % 3),
      { dtype: "int32" },
    ),
    classes: 3,
    size: 8,
    hidden: [3],
    batchSize: 4,
  });
const DISTRIBUTIONS: Readonly<Record<string, () => TaskDistribution>> = {
  quadratics: () => quadratics({ dimensions: 3, batch: 2 }),
  classification: () => classification({ points: 20, hidden: [4, 3], activation: "relu" }),
  imageSubsets: images,
};

describe.each(Object.keys(DISTRIBUTIONS))("%s", (name) => {
  test("draw the same problem with the same generator, another with another, and the loss of a step depends on the step alone", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(50), (seed, t) => {
        const tasks = DISTRIBUTIONS[name]!();
        const [a, b, c] = [seed, seed, seed + 1].map((s) => tasks.sample(new Generator(s))) as [Task, Task, Task];
        expect(numbersOf(a.initial)).toEqual(numbersOf(b.initial));
        expect(numbersOf(a.initial)).not.toEqual(numbersOf(c.initial));
        const loss = a.loss(a.initial, t).item();
        a.loss(a.initial, t + 1);
        expect(a.loss(a.initial, t).item()).toBe(loss);
        expect(b.loss(b.initial, t).item()).toBe(loss);
        expect(c.loss(c.initial, t).item()).not.toBe(loss);
      }),
      { numRuns: 10 },
    );
  });

  test("have gradients at all parameters", () => {
    const task = DISTRIBUTIONS[name]!().sample(new Generator(4));
    const values = task.initial.map((x) => new Parameter(x));
    for (const g of grad(task.loss(values, 0), values)) expect(g.abs().sum().item()).toBeGreaterThan(0);
  });
});

test("float64 is float64 in all that a task computes", () => {
  for (const tasks of [quadratics({ dtype: "float64" }), classification({ dtype: "float64" })]) {
    const task = tasks.sample(new Generator(1));
    expect(task.initial.every((x) => x.dtype === "float64")).toBe(true);
    expect([task.loss(task.initial, 0), (task.fullLoss ?? task.loss)(task.initial, 0)].map((x) => x.dtype)).toEqual([
      "float64",
      "float64",
    ]);
  }
});

test("mini-batches are drawn from all examples, and differ from step to step", () => {
  const task = classification({ points: 30, batchSize: 5 }).sample(new Generator(1));
  const losses = Array.from({ length: 200 }, (_, t) => task.loss(task.initial, t).item());
  expect(new Set(losses).size).toBeGreaterThan(190);
  const mean = losses.reduce((sum, x) => sum + x, 0) / losses.length;
  expect(mean).toBeCloseTo(task.fullLoss!(task.initial).item(), 1);
});

test("problems side by side have the gradients that they have alone", () => {
  const task = quadratics({ dimensions: 2, batch: 3, dtype: "float64" }).sample(new Generator(1));
  const theta = new Parameter(task.initial[0]!);
  const g = grad(task.loss([theta], 0), theta);
  const other = new Parameter(
    theta.add(
      tensor(
        [
          [[0], [0]],
          [[1], [2]],
          [[0], [0]],
        ],
        { dtype: "float64" },
      ),
    ),
  );
  const moved = grad(task.loss([other], 0), other);
  const [before, after] = numbersOf([g, moved]);
  expect([after!.slice(0, 2), after!.slice(4)]).toEqual([before!.slice(0, 2), before!.slice(4)]);
  expect(after!.slice(2, 4)).not.toEqual(before!.slice(2, 4));
});

describe("runTask", () => {
  const tasks = classification({ points: 16, hidden: [3] });
  /** A bowl over a matrix, which every optimizer takes. */
  const flat: TaskDistribution = {
    sample: (generator) => ({
      initial: [randn([3, 3], { generator })],
      loss: ([x], t) =>
        x!
          .sub(1)
          .square()
          .mean()
          .mul(1 + 0.1 * t),
    }),
  };

  test.each([
    ["SGD", (p: readonly Parameter[]) => new SGD(p, { lr: 0.3 })],
    ["Adam", (p: readonly Parameter[]) => new Adam(p, { lr: 0.05 })],
    ["LBFGS", (p: readonly Parameter[]) => new LBFGS(p, { lr: 0.1, maxIter: 2 })],
    ["SAM", (p: readonly Parameter[]) => new SAM(new SGD(p, { lr: 0.3 }), { rho: 0.01 })],
    ["LiMalikOptimizer", (p: readonly Parameter[]) => new LiMalikOptimizer(p)],
  ])("lets %s descend", async (_, make) => {
    const task = tasks.sample(new Generator(1));
    const { losses, finalLoss, parameters } = await runTask(task, make as never, 25);
    expect(losses.length).toBe(25);
    expect(losses[0]).toBe(task.loss(task.initial, 0).item());
    expect(finalLoss).toBe(task.fullLoss!(parameters).item());
    expect(finalLoss).toBeLessThan(losses[0]!);
    expect(await runTask(task, make as never, 25)).toMatchObject({ losses, finalLoss });
  });

  test.each(Object.keys(OPTIMIZER_CASES))("lets %s make its steps, whatever closure it wants", async (name) => {
    const { make, closure } = OPTIMIZER_CASES[name]!;
    const task = flat.sample(new Generator(2));
    const run = () => runTask(task, (p) => make(p as never), 3, { closure: closure ?? "backward" });
    const { losses, finalLoss, parameters } = await run();
    expect(losses).toHaveLength(3);
    expect(losses[0]).toBe(task.loss(task.initial, 0).item());
    expect(finalLoss).toBe(task.loss(parameters, 3).item());
    expect(await run()).toMatchObject({ losses, finalLoss });
    expect(parameters.every((p) => p.requiresGrad)).toBe(true);
  });

  test("ends with the weights to use", async () => {
    const task = flat.sample(new Generator(2));
    let optimizer!: AdamWScheduleFree;
    const { parameters, finalLoss } = await runTask(
      task,
      (p) => (optimizer = new AdamWScheduleFree(p, { lr: 0.1 })),
      5,
    );
    const inUse = numbersOf(parameters);
    expect(task.loss(parameters, 5).item()).toBe(finalLoss);
    optimizer.train();
    expect(numbersOf(parameters)).not.toEqual(inUse);
  });

  test("leaves nothing alive but the parameters and what the task made", async () => {
    const backend = countingBackend();
    setBackend(backend);
    const task = flat.sample(new Generator(2));
    const alive = async (steps: number): Promise<number> => {
      const before = backend.liveBytes;
      await runTask(task, (p) => new SGD(p, { lr: 0.01 }), steps);
      return backend.liveBytes - before;
    };
    expect(await alive(1)).toBe(3 * 3 * 4);
    expect(await alive(6)).toBe(3 * 3 * 4);
  });

  test("has no steps to make where there are none", async () => {
    const task = tasks.sample(new Generator(1));
    const { losses, finalLoss, parameters } = await runTask(task, (p) => new SGD(p), 0);
    expect([losses, finalLoss]).toEqual([[], task.fullLoss!(task.initial).item()]);
    expect(numbersOf(parameters)).toEqual(numbersOf(task.initial));
  });

  test("tells what is wrong", async () => {
    const task = tasks.sample(new Generator(1));
    await expect(runTask(task, null as never, 3)).rejects.toThrow("runTask: optimizer is null, expected a function");
    await expect(runTask(task, (p) => new SGD(p), 1, { closure: "none" } as never)).rejects.toThrow(
      'runTask: closure is "none", expected "backward" or "loss"',
    );
    await expect(runTask(task, (p) => new SGD(p), -1)).rejects.toThrow("runTask: steps is -1, expected an integer ≥ 0");
  });
});

test("a module is a task by functionalCall", async () => {
  const model = new Sequential(new Linear(2, 4), new Tanh(), new Linear(4, 2));
  const names = [...model.namedParameters()].map(([name]) => name);
  const [x, y] = [
    tensor([
      [0, 1],
      [1, 0],
      [1, 1],
      [0, 0],
    ]),
    tensor([1, 1, 0, 0], { dtype: "int32" }),
  ];
  const criterion = new CrossEntropyLoss();
  const task: Task = {
    initial: [...model.parameters()],
    loss: (values: readonly Tensor[]) =>
      criterion.call(functionalCall(model, Object.fromEntries(names.map((name, i) => [name, values[i]!])), x), y),
  };
  const before = numbersOf([...model.parameters()]);
  const { losses, finalLoss } = await runTask(task, (p) => new Adam(p, { lr: 0.1 }), 60);
  expect(finalLoss).toBeLessThan(0.5 * losses[0]!);
  expect(numbersOf([...model.parameters()])).toEqual(before);
});

describe("errors", () => {
  test("options", () => {
    expect(() => quadratics({ dimensions: 0 })).toThrow("quadratics: dimensions is 0, expected an integer ≥ 1");
    expect(() => quadratics({ dtype: "int32" } as never)).toThrow(
      'quadratics: dtype is "int32", expected "float32" or "float64"',
    );
    expect(() => classification({ hidden: [0] })).toThrow(
      "classification: hidden is [0], expected a list of integers ≥ 1",
    );
    expect(() => classification({ activation: "selu" } as never)).toThrow(
      'classification: activation is "selu", expected "tanh" or "relu"',
    );
  });

  test("images and labels", () => {
    const labels = tensor([0, 1], { dtype: "int32" });
    expect(() => imageSubsets({ images: tensor([[1], [2], [3]]), labels })).toThrow(
      "imageSubsets: images [3,1] and labels [2] do not belong together; expected [N, …] and [N]",
    );
    expect(() => imageSubsets({ images: tensor([[1], [2]]), labels })).toThrow(
      "imageSubsets: 256 images are asked for, and there are 2; take fewer",
    );
    expect(() => imageSubsets({ images: tensor([[1], [2]]), labels, size: 2, classes: 1 })).toThrow("imageSubsets: ");
    expect(() => imageSubsets({ labels } as never)).toThrow("imageSubsets: images is undefined, expected a tensor");
  });
});

import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { Generator, randn, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { countingBackend, LEARNED_RULES, numbersOf, rateRule } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, SGD, StepLR } from "../../index.ts";
import { lstmRule } from "../rules/lstm.ts";
import { quadratics } from "../tasks/quadratics.ts";
import type { TaskDistribution } from "../tasks/task.ts";
import { backpropagation, evolutionStrategies } from "./meta-gradient.ts";
import { finalLoss, meanLogLoss, meanLoss } from "./meta-loss.ts";
import { MetaTrainer, type MetaTrainerOptions } from "./meta-trainer.ts";
import { begin, unroll } from "./unroll.ts";

beforeEach(() => {
  setBackend(cpu());
});

const small = { tasks: quadratics({ dimensions: 2 }), innerSteps: 7, window: 3 };
const rule = lstmRule({ units: 2, layers: 1 });
const trainerOf = (options: Partial<MetaTrainerOptions<{ readonly lr: number }>> = {}) =>
  new MetaTrainer(rule, { ...small, ...options });
type Trainer = ReturnType<typeof trainerOf>;
const weightsOf = (trainer: Pick<Trainer, "weights">): number[][] => numbersOf(Object.values(trainer.weights));

describe("a step of meta-training", () => {
  test("moves the weights along the meta-gradient of the window", async () => {
    const trainer = trainerOf({ seed: 5, optimizer: (weights) => new SGD(weights, { lr: 0.5 }) });
    const before = rule.initialize({ generator: new Generator(5) });
    const generator = new Generator(5);
    rule.initialize({ generator });
    const task = small.tasks.sample(new Generator(Math.floor(generator.uniform() * 2 ** 53)));
    const { loss, gradients } = backpropagation(
      (w) => {
        const { losses, end } = unroll(rule, w, task, begin(rule, task), { steps: 3 });
        return { loss: meanLoss(losses), end };
      },
      before,
      generator,
    );
    const step = await trainer.step();
    expect(step).toMatchObject({ step: 1, loss: loss.item(), innerStep: 3, skipped: false });
    const expected = Object.entries(before).map(([name, w]) => w.sub(gradients[name]!.mul(0.5)));
    for (const [i, row] of weightsOf(trainer).entries())
      for (const [k, x] of row.entries()) expect(x).toBeCloseTo(numbersOf([expected[i]!])[0]![k]!, 6);
  });

  test("goes through windows of a problem, the last one shorter, and on to the next problem", async () => {
    const curve = await trainerOf().train(5);
    expect(curve.map(({ innerStep }) => innerStep)).toEqual([3, 6, 7, 3, 6]);
    expect(curve.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  });

  test("averages the gradients of several problems", async () => {
    const sgd = (weights: readonly never[]) => new SGD(weights, { lr: 1 });
    const tasks = [1, 3].map((a) => ({
      initial: [tensor([1])],
      loss: ([x]: readonly [{ square(): { sum(): { mul(a: number): never } } }]) => x.square().sum().mul(a),
    }));
    const gradientOn = async (order: readonly number[], tasksPerStep: number): Promise<number> => {
      let next = 0;
      const distribution = { sample: () => tasks[order[next++ % order.length]!]! } as never as TaskDistribution;
      const trainer = new MetaTrainer(rateRule, {
        tasks: distribution,
        innerSteps: 2,
        window: 2,
        tasksPerStep,
        optimizer: sgd as never,
      });
      const before = trainer.weights.rate!.item();
      await trainer.step();
      return before - trainer.weights.rate!.item();
    };
    const [a, b] = [await gradientOn([0], 1), await gradientOn([1], 1)];
    expect(await gradientOn([0, 1], 2)).toBeCloseTo((a + b) / 2, 5);
    expect(a).not.toBeCloseTo(b, 3);
  });

  test("is limited by clipNorm", async () => {
    const change = async (clipNorm: number | null): Promise<number> => {
      const trainer = trainerOf({ clipNorm, optimizer: (weights) => new SGD(weights, { lr: 1 }) });
      const before = weightsOf(trainer).flat();
      const { gradientNorm } = await trainer.step();
      const norm = Math.hypot(
        ...weightsOf(trainer)
          .flat()
          .map((x, i) => x - before[i]!),
      );
      expect(norm).toBeCloseTo(Math.min(gradientNorm, clipNorm ?? gradientNorm), 4);
      return norm;
    };
    expect(await change(null)).toBeGreaterThan(0.01);
    expect(await change(0.01)).toBeCloseTo(0.01, 5);
  });

  test("is skipped where the loss is not finite, and the problem given up", async () => {
    let drawn = 0;
    const sick: TaskDistribution = {
      sample: (generator) => {
        const task = small.tasks.sample(generator);
        return ++drawn === 2 ? { ...task, loss: (x, t) => task.loss(x, t).mul(Number.NaN) } : task;
      },
    };
    const trainer = trainerOf({ tasks: sick, innerSteps: 3 });
    await trainer.step();
    const before = weightsOf(trainer);
    expect(await trainer.step()).toMatchObject({ skipped: true, loss: Number.NaN });
    expect(weightsOf(trainer)).toEqual(before);
    expect(await trainer.step()).toMatchObject({ skipped: false, innerStep: 3 });
    expect(weightsOf(trainer)).not.toEqual(before);
  });

  test("lets schedules change the learning rate", async () => {
    const trainer = trainerOf({ optimizer: (weights) => new SGD(weights, { lr: 1 }) });
    const schedule = new StepLR(trainer.optimizer, { stepSize: 1, gamma: 0 });
    await trainer.step();
    const before = weightsOf(trainer);
    schedule.step();
    await trainer.step();
    expect(weightsOf(trainer)).toEqual(before);
  });

  test("leaves little of what it needs to the garbage collector", async () => {
    const backend = countingBackend();
    setBackend(backend);
    const trainer = trainerOf({ innerSteps: 60, window: 20 });
    await trainer.step();
    const before = backend.liveBytes;
    backend.resetPeak();
    await trainer.train(2);
    expect((backend.liveBytes - before) / (backend.peakBytes - before)).toBeLessThan(0.1);
  });
});

const ESTIMATES = { backpropagation, "evolution strategies": evolutionStrategies({ sigma: 0.1, pairs: 2 }) };
describe.each(Object.keys(ESTIMATES) as (keyof typeof ESTIMATES)[])("by %s", (name) => {
  const metaGradient = ESTIMATES[name];

  test("one seed gives one result, another seed another", async () => {
    const run = async (seed: number): Promise<unknown> => {
      const trainer = trainerOf({ seed, metaGradient, tasksPerStep: 2 });
      return [await trainer.train(5), weightsOf(trainer)];
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  test.each(Object.keys(LEARNED_RULES))("a checkpoint at any step goes on bit for bit: %s", async (kind) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 99 }), async (steps, seed) => {
        const make = () => new MetaTrainer(LEARNED_RULES[kind]!, { ...small, metaGradient, seed });
        const through = make();
        await through.train(steps);
        const saved = through.stateDict();
        const curve = await through.train(4);
        const resumed = make();
        await resumed.train(2);
        resumed.loadStateDict(saved);
        expect(resumed.stepCount).toBe(steps);
        expect(await resumed.train(4)).toEqual(curve);
        expect(weightsOf(resumed)).toEqual(weightsOf(through));
      }),
      { numRuns: 2 },
    );
  });

  test("the number of threads makes no difference", async () => {
    const run = async (threads: number): Promise<unknown> => {
      setBackend(wasm({ threads }));
      const trainer = trainerOf({ tasks: quadratics({ dimensions: 40, batch: 8 }), metaGradient });
      return [await trainer.train(4), weightsOf(trainer)];
    };
    expect(await run(2)).toEqual(await run(1));
  });

  test("makes the loss smaller", async () => {
    const trainer = new MetaTrainer(rateRule, {
      tasks: quadratics({ dimensions: 3 }),
      innerSteps: 4,
      window: 4,
      tasksPerStep: 8,
      metaLoss: meanLogLoss(),
      metaGradient,
      weights: { rate: tensor(Math.log(1e-3)) },
      optimizer: (weights) => new Adam(weights, { lr: 0.1 }),
    });
    const curve = await trainer.train(30);
    const mean = (steps: typeof curve): number => steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
    expect(mean(curve.slice(-10))).toBeLessThan(mean(curve.slice(0, 10)) - 0.2);
    expect(trainer.weights.rate!.item()).toBeGreaterThan(Math.log(5e-3));
  });
});

describe("evolution strategies", () => {
  test("give the exact directional derivative of a linear function", () => {
    const slopes = tensor([1, -2, 3], { dtype: "float64" });
    const weights = { w: tensor([0.5, 0.5, 0.5], { dtype: "float64" }) };
    const { gradients, loss } = evolutionStrategies({ sigma: 0.3, pairs: 1 })(
      ({ w }) => ({ loss: w!.mul(slopes).sum(), end: null }),
      weights,
      new Generator(9),
    );
    // g = ε (ε · slopes), whatever σ is.
    const noise = randn([3], { dtype: "float64", generator: new Generator(9) });
    const expected = noise.mul(noise.mul(slopes).sum()).toArray<number[]>();
    expect(loss.item()).toBeCloseTo(1, 12);
    for (const [i, x] of gradients.w!.toArray<number[]>().entries()) expect(x).toBeCloseTo(expected[i]!, 12);
  });

  test("come close to the gradient with many pairs", () => {
    const weights = { w: tensor([0.5, -1, 2], { dtype: "float64" }) };
    const { gradients } = evolutionStrategies({ sigma: 0.01, pairs: 4000 })(
      ({ w }) => ({ loss: w!.square().sum(), end: null }),
      weights,
      new Generator(1),
    );
    for (const [i, x] of numbersOf([gradients.w!])[0]!.entries())
      expect(Math.abs(x - 2 * weights.w.toArray<number[]>()[i]!)).toBeLessThan(0.3);
  });
});

test("meta-losses are what their names say", () => {
  const losses = [4, 1, 16].map((x) => tensor(x, { dtype: "float64" }));
  expect(meanLoss(losses).item()).toBeCloseTo(7, 12);
  expect(finalLoss(losses).item()).toBe(16);
  expect(meanLogLoss(0)(losses).item()).toBeCloseTo(Math.log(4), 12);
});

describe("errors", () => {
  const bad = (options: object, message: string) => () =>
    expect(() => new MetaTrainer(rule, options as never)).toThrow(message);
  test("no tasks", bad({}, "MetaTrainer: tasks is undefined, expected a distribution of tasks, such as quadratics()"));
  test("no options", bad(undefined as never, "MetaTrainer: expected options { tasks, innerSteps,"));
  test("an unknown option", bad({ ...small, windw: 3 }, "MetaTrainer: windw is unknown (known: tasks, innerSteps,"));
  test("a window of nothing", bad({ ...small, window: 0 }, "MetaTrainer: window is 0, expected an integer ≥ 1"));
  test(
    "a negative norm",
    bad({ ...small, clipNorm: -1 }, "MetaTrainer: clipNorm is -1, expected a number > 0, or null"),
  );
  test("no seed", bad({ ...small, seed: 0.5 }, "MetaTrainer: seed is 0.5, expected a safe integer"));
  test(
    "options of the rule",
    bad({ ...small, hyper: { lr: -1 } }, "MetaTrainer: hyper.lr is -1, expected a number ≥ 0"),
  );
  test(
    "weights for another architecture",
    bad(
      { ...small, weights: { rate: 1, "output.weight": 2 } },
      'LSTMOptimizer: the weights are for another architecture: "rate" is unknown; "lstm.0.weight_ih" is missing',
    ),
  );
  test("evolution strategies without perturbation", () => {
    expect(() => evolutionStrategies({ sigma: 0 })).toThrow("evolutionStrategies: sigma is 0, expected a number > 0");
    expect(() => evolutionStrategies({ pairs: 0.5 })).toThrow(
      "evolutionStrategies: pairs is 0.5, expected an integer ≥ 1",
    );
  });

  test("two steps at once", async () => {
    const trainer = trainerOf();
    const first = trainer.step();
    await expect(trainer.step()).rejects.toThrow("MetaTrainer.step: the last step is not over; await trainer.step()");
    await first;
    expect((await trainer.step()).step).toBe(2);
  });

  test("a state of other weights, or of other tasks: nothing changes", async () => {
    const trainer = trainerOf();
    await trainer.train(2);
    const before = [trainer.stateDict().generator, weightsOf(trainer)];
    const wider = new MetaTrainer(lstmRule({ units: 3, layers: 1 }), small).stateDict();
    expect(() => trainer.loadStateDict(wider as never)).toThrow(
      'LSTMOptimizer: the weights are for another architecture: "lstm.0.weight_ih" has shape [12,2], expected [8,2]',
    );
    const elsewhere = trainerOf({ tasks: quadratics({ dimensions: 5 }) });
    await elsewhere.step();
    expect(() => trainer.loadStateDict(elsewhere.stateDict())).toThrow(
      "MetaTrainer.loadStateDict: problem 0 has parameters of shape [1,5,1], and the distribution draws [1,2,1] with its seed; load it into a trainer with the same tasks",
    );
    expect([trainer.stateDict().generator, weightsOf(trainer)]).toEqual(before);
  });
});

import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { fullLike, Generator, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { countingBackend, LEARNED_RULES, numbersOf, rateRule } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, SGD, StepLR } from "../../index.ts";
import { type LSTMState, lstmRule } from "../rules/lstm.ts";
import { quadratics } from "../tasks/quadratics.ts";
import type { TaskDistribution } from "../tasks/task.ts";
import { backpropagation, evolutionStrategies } from "./meta-gradient.ts";
import { meanLogLoss, meanLoss } from "./meta-loss.ts";
import { type MetaStep, MetaTrainer, type MetaTrainerOptions, type SavedTask } from "./meta-trainer.ts";
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

  test("visits with weights that stand still what one long run does", async () => {
    const trainer = trainerOf({ optimizer: (weights) => new SGD(weights, { lr: 0 }) });
    const curve = await trainer.train(3);
    const [{ seed, inner }] = trainer.stateDict().tasks as [SavedTask<LSTMState, Record<never, never>>];
    const task = small.tasks.sample(new Generator(seed));
    const whole = unroll(rule, trainer.weights, task, begin(rule, task), { steps: 7 });
    const windows = [whole.losses.slice(0, 3), whole.losses.slice(3, 6), whole.losses.slice(6)];
    expect(curve.map(({ loss }) => loss)).toEqual(windows.map((losses) => meanLoss(losses).item()));
    expect(numbersOf(inner.values)).toEqual(numbersOf(whole.end.values));
  });

  test("has the gradient of the whole problem where the window covers it", async () => {
    const run = async (window: number): Promise<unknown> => {
      const trainer = trainerOf({ window });
      return [await trainer.train(2), weightsOf(trainer)];
    };
    expect(await run(1000)).toEqual(await run(7));
    expect(await run(6)).not.toEqual(await run(7));
  });

  test("uses the options of the rule that it is given", async () => {
    const trainer = trainerOf({ hyper: { lr: 0 } });
    await trainer.step();
    const [{ seed, inner }] = trainer.stateDict().tasks as [SavedTask<LSTMState, Record<never, never>>];
    expect(numbersOf(inner.values)).toEqual(numbersOf(small.tasks.sample(new Generator(seed)).initial));
    const startingAt = async (startRate: number): Promise<number> => {
      const training = new MetaTrainer(LEARNED_RULES["hierarchical-rnn"]!, { ...small, hyper: { startRate } });
      return (await training.step()).loss;
    };
    expect(await startingAt(0.5)).not.toBe(await startingAt(0.25));
  });

  test.each([
    ["gradient", "loss", 1, Number.POSITIVE_INFINITY],
    ["loss", "gradient", Number.NaN, 1],
  ])("is skipped where the %s is not finite, though the %s is", async (_, __, loss, gradient) => {
    const trainer = trainerOf({
      metaGradient: (run, weights) => ({
        ...run(weights),
        loss: tensor(loss),
        gradients: Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, fullLike(w, gradient)])),
      }),
      optimizer: (weights) => new SGD(weights),
    });
    const before = weightsOf(trainer);
    const step = await trainer.step();
    expect([step.skipped, step.loss, Number.isFinite(step.gradientNorm)]).toEqual([true, loss, gradient === 1]);
    expect(weightsOf(trainer)).toEqual(before);
    expect(trainer.stateDict().tasks).toEqual([]);
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

  test("nothing is alive between steps but the state, whatever the rule", async () => {
    const backend = countingBackend();
    setBackend(backend);
    // One problem for all, because what problems hold is left to the garbage collector.
    const one = small.tasks.sample(new Generator(1));
    for (const kind of Object.keys(LEARNED_RULES)) {
      const options = { tasksPerStep: 2, clipNorm: 1, metaLoss: meanLogLoss(), secondDerivatives: true };
      const trainer = new MetaTrainer(LEARNED_RULES[kind]!, {
        ...small,
        ...options,
        metaGradient,
        tasks: { sample: () => one },
      });
      await trainer.train(3); // a problem
      const alive = backend.liveBytes;
      backend.resetPeak();
      await trainer.train(6);
      const left = backend.liveBytes - alive;
      // Its last states are for steps that the window does not have: their tape, which nobody walks, is the collector's.
      if (kind === "hierarchical-rnn" && name === "backpropagation")
        expect(left / 6 / (backend.peakBytes - alive)).toBeLessThan(0.1);
      else expect(left, kind).toBe(0);
    }
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

test("train tells about each step when it is over", async () => {
  const seen: MetaStep[] = [];
  const trainer = trainerOf();
  const curve = await trainer.train(4, {
    onStep: (step) => {
      expect(trainer.stepCount).toBe(step.step);
      seen.push(step);
    },
  });
  expect(seen).toEqual(curve);
  expect(await trainer.train(0)).toEqual([]);
});

test("the weights that are given stay as they are", async () => {
  const weights = rule.initialize({ generator: new Generator(3) });
  const before = numbersOf(Object.values(weights));
  const trainer = trainerOf({ weights });
  expect(weightsOf(trainer)).toEqual(before);
  await trainer.train(2);
  expect(numbersOf(Object.values(weights))).toEqual(before);
  expect(weightsOf(trainer)).not.toEqual(before);
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
  test(
    "options that the rule does not have",
    bad({ ...small, hyper: { rate: 1 } }, "MetaTrainer: hyper.rate is unknown (known: lr)"),
  );
  test(
    "functions that are none",
    bad(
      { ...small, metaLoss: 1, metaGradient: {}, optimizer: "adam", secondDerivatives: 1 },
      'MetaTrainer: metaLoss is 1, expected a function; metaGradient is an object, expected a function; secondDerivatives is 1, expected true or false; optimizer is "adam", expected a function',
    ),
  );
  test("steps that are no number", async () => {
    await expect(trainerOf().train(-1)).rejects.toThrow("MetaTrainer.train: steps is -1, expected an integer ≥ 0");
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
      'MetaTrainer.loadStateDict: problem 0 has the parameters a float32 tensor of shape [1,5,1] on "cpu", and the distribution draws a float32 tensor of shape [1,2,1] on "cpu" with its seed; load it into a trainer with the same tasks',
    );
    expect([trainer.stateDict().generator, weightsOf(trainer)]).toEqual(before);
  });

  test("a state of another dtype or of another optimizer: nothing changes", async () => {
    const [trainer, twin] = [0.5, 0.5].map((lr) => trainerOf({ optimizer: (weights) => new SGD(weights, { lr }) }));
    for (const each of [trainer!, twin!]) await each.step();
    const precise = trainerOf({
      tasks: quadratics({ dimensions: 2, dtype: "float64" }),
      weights: rule.initialize({ dtype: "float64" }),
      optimizer: (weights) => new SGD(weights, { lr: 0.1 }),
    });
    expect(() => trainer!.loadStateDict(precise.stateDict())).toThrow(
      'MetaTrainer.loadStateDict: weights["lstm.0.weight_ih"] is a float64 tensor of shape [8,2] on "cpu", expected a float32 tensor of shape [8,2] on "cpu"',
    );
    const adam = trainerOf();
    await adam.step();
    expect(() => trainer!.loadStateDict(adam.stateDict())).toThrow("SGD.loadStateDict: the dict does not fit");
    expect(await trainer!.train(3)).toEqual(await twin!.train(3));
    expect(weightsOf(trainer!)).toEqual(weightsOf(twin!));
  });
});

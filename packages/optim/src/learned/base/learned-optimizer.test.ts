import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import {
  ArgumentError,
  Generator,
  noGrad,
  Parameter,
  StateDictError,
  scope,
  setBackend,
  type Tensor,
  tensor,
  uniform,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { type AnyLearnedRule, countingBackend, LEARNED_RULES, rateRule } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";
import type { AnyOptimizer } from "../../index.ts";
import { begin, classification, LearnedOptimizer, liMalikRule, lstmRule, type Task, unroll } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const BACKENDS = { cpu: cpu(), wasm: await wasm({ threads: 1 }) };
const SETTINGS = (["cpu", "wasm"] as const).flatMap((backend) =>
  (["float32", "float64"] as const).map((dtype) => [backend, dtype] as const),
);

const NAMES = Object.keys(LEARNED_RULES);
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const taskOf = (dtype: "float32" | "float64"): Task =>
  classification({ points: 12, features: 2, classes: 2, hidden: [3], batchSize: 5, dtype }).sample(new Generator(4));
const weightsOf = (rule: AnyLearnedRule) => rule.initialize({ generator: new Generator(5) });

/** Steps of an optimizer on a task, from inner step `t`; the losses before each. */
function run(optimizer: AnyOptimizer, task: Task, parameters: Parameter[], steps: number, t = 0) {
  return Array.from({ length: steps }, (_, k) => {
    const loss = optimizer.step(() => {
      optimizer.zeroGrad();
      const now = task.loss(parameters, t + k);
      now.backward();
      return now;
    });
    return loss!.item();
  });
}
const made = (rule: AnyLearnedRule, task: Task, options: object = {}) => {
  const parameters = task.initial.map((x) => new Parameter(x));
  return { parameters, optimizer: new LearnedOptimizer(rule, weightsOf(rule), parameters, options) };
};

describe.each(NAMES)("%s", (name) => {
  const rule = LEARNED_RULES[name]!;

  test.each(SETTINGS)("on %s in %s steps as an unrolled window does, bit for bit", async (backend, dtype) => {
    setBackend(BACKENDS[backend]);
    const task = taskOf(dtype);
    // Weights of the optimizer are float32 on the CPU, whatever the parameters are: it converts them.
    const weights = withBackend(cpu(), () => weightsOf(rule));
    const own = Object.fromEntries(Object.entries(weights).map(([key, w]) => [key, w.to(BACKENDS[backend]).to(dtype)]));
    const window = noGrad(() => unroll(rule, own, task, begin(rule, task), { steps: 5 }));
    const parameters = task.initial.map((x) => new Parameter(x));
    const losses = run(new LearnedOptimizer(rule, weights, parameters), task, parameters, 5);
    expect(losses).toEqual([task.loss(task.initial, 0), ...window.losses.slice(0, -1)].map((loss) => loss.item()));
    expect(parameters.map(numbers)).toEqual(window.end.values.map(numbers));
    expect(parameters.map(numbers)).not.toEqual(task.initial.map(numbers));

    const waiting = task.initial.map((x) => new Parameter(x));
    const optimizer = new LearnedOptimizer(rule, weights, waiting);
    for (let t = 0; t < 5; t++)
      await optimizer.stepAsync(() => {
        optimizer.zeroGrad();
        const loss = task.loss(waiting, t);
        loss.backward();
        return loss;
      });
    expect(waiting.map(numbers)).toEqual(parameters.map(numbers));
  });

  test("goes on from a saved state as if it had never stopped", () => {
    const task = taskOf("float32");
    const whole = made(rule, task);
    const before = run(whole.optimizer, task, whole.parameters, 3);
    const saved = {
      dict: whole.optimizer.stateDict(),
      values: whole.parameters.map((p) => tensor(numbers(p)).reshape(p.shape)),
    };
    const after = run(whole.optimizer, task, whole.parameters, 3, 3);
    expect(before).not.toEqual(after);
    const resumed = made(rule, task);
    run(resumed.optimizer, task, resumed.parameters, 2);
    resumed.optimizer.loadStateDict(saved.dict);
    for (const [i, p] of resumed.parameters.entries()) p.assign(saved.values[i]!);
    expect(run(resumed.optimizer, task, resumed.parameters, 3, 3)).toEqual(after);
    expect(resumed.parameters.map(numbers)).toEqual(whole.parameters.map(numbers));
    expect(JSON.stringify(saved.dict)).not.toContain("weight_ih"); // weights are no part of it
  });

  test("groups have their own lr", () => {
    const task = taskOf("float64");
    const parameters = task.initial.map((x) => new Parameter(x));
    const groups = [
      { params: parameters.slice(0, 2), lr: 0 },
      { params: parameters.slice(2), lr: 1e-3 },
    ];
    const optimizer = new LearnedOptimizer(rule, weightsOf(rule), groups as never);
    run(optimizer, task, parameters, 2);
    const moved = parameters.map((p, i) => numbers(p).some((x, k) => x !== numbers(task.initial[i]!)[k]));
    expect(moved).toEqual([false, false, true, true]);
  });

  test("between steps nothing is alive but parameters, state and weights", () => {
    const backend = countingBackend();
    setBackend(backend);
    const task = taskOf("float32");
    const { optimizer, parameters } = made(rule, task);
    const once = (t: number): number => {
      scope(() => {
        run(optimizer, task, parameters, 1, t);
      });
      optimizer.zeroGrad();
      return backend.liveBytes;
    };
    for (let t = 0; t < 12; t++) once(t); // histories fill up
    expect([12, 13, 14].map(once)).toEqual([12, 13, 14].map(() => backend.liveBytes));
  });
});

test("a parameter without gradient stays where it is, and does not age", () => {
  const rule = lstmRule({ units: 3 });
  const [p, q] = [new Parameter(tensor([1, 2])), new Parameter(tensor([3]))];
  const optimizer = new LearnedOptimizer(rule, weightsOf(rule), [p, q]);
  p.square().sum().backward();
  optimizer.step();
  expect(numbers(q)).toEqual([3]);
  expect(numbers(p)).not.toEqual([1, 2]);
  expect(Object.keys(optimizer.stateDict().state)).toEqual(["0"]);
});

test("weights are converted once, and stay as they are", () => {
  const rule = rateRule;
  const weights = weightsOf(rule);
  let seen: unknown;
  const watched: typeof rule = {
    ...rule,
    update(given, ...rest) {
      seen ??= given;
      expect(given).toBe(seen);
      return rule.update(given, ...rest);
    },
  };
  const p = new Parameter(uniform(0, 1, [3], { dtype: "float64" }));
  const optimizer = new LearnedOptimizer(watched, weights, [p]);
  expect(optimizer.weights).toBe(weights);
  for (let k = 0; k < 2; k++) {
    p.grad = uniform(0, 1, [3], { dtype: "float64" });
    optimizer.step();
  }
  expect(weights.rate!.dtype).toBe("float32");
  expect(weights.rate!.item()).toBe(Math.fround(Math.log(0.05)));
});

describe("rejects", () => {
  const p = (): Parameter[] => [new Parameter(tensor([1, 2]))];

  test("weights for another architecture", () => {
    const rule = lstmRule({ units: 3, layers: 1 });
    const { "lstm.0.bias": _, ...rest } = weightsOf(lstmRule({ units: 2, layers: 1 }));
    const make = (): unknown =>
      new LearnedOptimizer(rule, { ...rest, "output.bias": 3 as never, more: tensor(1) }, p());
    expect(make).toThrow(StateDictError);
    expect(make).toThrow(
      expect.objectContaining({
        message:
          'LSTMOptimizer: the weights are for another architecture: "more" is unknown; ' +
          '"lstm.0.weight_ih" has shape [8,2], expected [12,2]; "lstm.0.weight_hh" has shape [8,2], expected [12,3]; ' +
          '"lstm.0.bias" is missing; "output.weight" has shape [1,2], expected [1,3]; "output.bias" is missing; ' +
          "make the rule with the options that its weights were trained with",
      }),
    );
  });

  test("no closure, where the rule looks at the loss", async () => {
    const rule = liMalikRule({ units: 2 });
    const parameters = p();
    const optimizer = new LearnedOptimizer(rule, weightsOf(rule), parameters);
    const message =
      "LiMalikOptimizer.step: undefined is no closure; pass a function that computes the loss, calls backward() and returns the loss";
    expect(() => optimizer.step()).toThrow(ArgumentError);
    expect(() => optimizer.step()).toThrow(expect.objectContaining({ message }));
    await expect(optimizer.stepAsync()).rejects.toThrow(message);
    expect(numbers(parameters[0]!)).toEqual([1, 2]);
  });

  test("a step before the last one is over", async () => {
    const rule = liMalikRule({ units: 2 });
    const [x] = p();
    const optimizer = new LearnedOptimizer(rule, weightsOf(rule), [x!]);
    const closure = (): Tensor => {
      optimizer.zeroGrad();
      const loss = x!.square().sum();
      loss.backward();
      return loss;
    };
    const first = optimizer.stepAsync(closure);
    await expect(optimizer.stepAsync(closure)).rejects.toThrow(
      "LiMalikOptimizer.step: the last step is not over; await stepAsync()",
    );
    await first;
    await optimizer.stepAsync(closure);
  });

  test("options, and states of another architecture", () => {
    const rule = lstmRule({ units: 3, layers: 1 });
    expect(() => new LearnedOptimizer(rule, weightsOf(rule), p(), { lr: -1 })).toThrow(
      "LSTMOptimizer: lr is -1, expected a number ≥ 0",
    );
    expect(() => new LearnedOptimizer(rule, weightsOf(rule), p(), { rate: 1 } as never)).toThrow(
      "LSTMOptimizer: rate is unknown (known: lr)",
    );
    const [optimizer, deeper] = [rule, lstmRule({ units: 3, layers: 2 })].map((each) => {
      const parameters = p();
      parameters[0]!.grad = tensor([1, 2]);
      const made = new LearnedOptimizer(each, weightsOf(each), parameters);
      made.step();
      return made;
    });
    expect(() => optimizer!.loadStateDict(deeper!.stateDict())).toThrow(
      'state[0].h is [a tensor of shape [2,3], a tensor of shape [2,3]], expected a list of 1, each a float32 tensor of shape [2,3] on "cpu"',
    );
  });
});

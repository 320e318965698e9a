import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { detach, Generator, noGrad, Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import {
  type AnyLearnedRule,
  countingBackend,
  moved,
  numbersOf,
  LEARNED_RULES as RULES,
  rateRule,
} from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { LearnedOptimizer } from "../base/learned-optimizer.ts";
import type { Weights } from "../base/learned-rule.ts";
import { classification } from "../tasks/classification.ts";
import { quadratics } from "../tasks/quadratics.ts";
import type { Task } from "../tasks/task.ts";
import { backpropagation } from "./meta-gradient.ts";
import { meanLoss } from "./meta-loss.ts";
import { begin, type InnerState, tensorsIn, unroll } from "./unroll.ts";

beforeEach(() => {
  setBackend(cpu());
});

const BACKENDS = { cpu: cpu(), wasm: wasm({ threads: 1 }) };
const SETTINGS = (["cpu", "wasm"] as const).flatMap((backend) =>
  (["float32", "float64"] as const).map((type) => [backend, type] as const),
);

const dtype = "float64";
const TASKS = {
  quadratic: quadratics({ dimensions: 2, dtype }),
  classification: classification({ points: 6, features: 2, classes: 2, hidden: [2], batchSize: 4, dtype }),
};

/** The meta-loss of some steps, and its gradient. */
function metaGradient(rule: AnyLearnedRule, weights: Weights, task: Task, steps: number, secondDerivatives: boolean) {
  const { loss, gradients } = backpropagation(
    (w) => {
      const { losses, end } = unroll(rule, w, task, begin(rule, task), { steps, secondDerivatives });
      return { loss: meanLoss(losses), end };
    },
    weights,
    new Generator(),
  );
  return { loss: loss.item(), gradients };
}

/** Expects gradients to be what central differences of `lossOf` say, at two elements of every weight. */
function expectDifferences(weights: Weights, gradients: Weights, lossOf: (weights: Weights) => number): void {
  const h = 1e-5;
  for (const [name, w] of Object.entries(weights))
    for (const element of new Set([0, Math.floor(0.7 * w.numel())])) {
      const slope = (lossOf(moved(weights, name, element, h)) - lossOf(moved(weights, name, element, -h))) / (2 * h);
      const found = Number(gradients[name]!.dataSync()[element]);
      expect(Math.abs(found - slope), name).toBeLessThan(1e-7 * Math.max(1, Math.abs(slope)) + 1e-5 * Math.abs(slope));
    }
}

describe.each(Object.keys(RULES))("the meta-gradient of %s", (name) => {
  const rule = RULES[name]!;
  let weights: Weights;
  beforeEach(() => {
    weights = rule.initialize({ generator: new Generator(3), dtype });
  });

  test.each(Object.keys(TASKS) as (keyof typeof TASKS)[])("equals central differences on a %s", (kind) => {
    const task = TASKS[kind].sample(new Generator(5));
    const steps = 4;
    const { gradients } = metaGradient(rule, weights, task, steps, true);
    const lossOf = (w: Weights): number => meanLoss(unroll(rule, w, task, begin(rule, task), { steps }).losses).item();
    expectDifferences(weights, gradients, lossOf);
  });

  test("takes the task's gradients for constants, unless second derivatives are asked for", () => {
    const task = TASKS.quadratic.sample(new Generator(6));
    const steps = 4;
    // What the rule sees in the run with the weights themselves is what it sees with all others, too.
    const seen: { g: Tensor[]; loss: Tensor | null }[] = [];
    const recording: AnyLearnedRule = {
      ...rule,
      update(w, members, shared, loss) {
        seen.push({ g: members.map(({ g }) => detach(g)), loss: loss && detach(loss) });
        return rule.update(w, members, shared, loss);
      },
    };
    const replaying: AnyLearnedRule = {
      ...rule,
      update(w, members, shared) {
        const { g, loss } = seen[members[0]!.t - 1]!;
        return rule.update(
          w,
          members.map((member, i) => ({ ...member, g: g[i]! })),
          shared,
          loss,
        );
      },
    };
    const { gradients } = metaGradient(recording, weights, task, steps, false);
    const lossOf = (w: Weights): number =>
      meanLoss(unroll(replaying, w, task, begin(rule, task), { steps }).losses).item();
    expectDifferences(weights, gradients, lossOf);
    const other = metaGradient(rule, weights, task, steps, true).gradients;
    expect(numbersOf(Object.values(gradients))).not.toEqual(numbersOf(Object.values(other)));
  });

  test("needs no second derivatives where there are none", () => {
    // Only where the loss is no input: its own derivative is not zero.
    if (rule.usesLoss) return;
    const slopes = tensor([1, -2], { dtype });
    const linear: Task = { initial: [tensor([3, 4], { dtype })], loss: ([x]) => x!.mul(slopes).sum() };
    const [first, second] = [false, true].map((both) => metaGradient(rule, weights, linear, 3, both).gradients);
    for (const [weight, g] of Object.entries(first!)) {
      const [here, there] = numbersOf([g, second![weight]!]);
      for (const [i, x] of here!.entries()) expect(x).toBeCloseTo(there![i]!, 12);
    }
  });
});

describe.each(Object.keys(RULES))("windows of %s", (name) => {
  const rule = RULES[name]!;

  test("go the same way as one long run, and as the optimizer, bit for bit", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom("float32" as const, "float64" as const),
        (seed, first, second, type) => {
          const weights = rule.initialize({ generator: new Generator(seed), dtype: type });
          const task = quadratics({ dimensions: 3, dtype: type }).sample(new Generator(seed + 1));
          const whole = unroll(rule, weights, task, begin(rule, task), { steps: first + second });
          const half = unroll(rule, weights, task, begin(rule, task), { steps: first });
          const rest = unroll(rule, weights, task, half.end, { steps: second });
          expect(numbersOf([...half.losses, ...rest.losses])).toEqual(numbersOf(whole.losses));
          expect(numbersOf(rest.end.values)).toEqual(numbersOf(whole.end.values));

          for (const w of Object.values(weights)) w.requiresGrad = true;
          const tracked = unroll(rule, weights, task, begin(rule, task), { steps: first + second });
          expect(numbersOf(tracked.losses)).toEqual(numbersOf(whole.losses));
          expect([tracked.losses[0]!.requiresGrad, whole.losses[0]!.requiresGrad]).toEqual([true, false]);

          const parameters = task.initial.map((x) => new Parameter(x));
          const optimizer = new LearnedOptimizer(rule, weights, parameters);
          for (let t = 0; t < first + second; t++)
            optimizer.step(() => {
              optimizer.zeroGrad();
              const loss = task.loss(parameters, t);
              loss.backward();
              return loss;
            });
          expect(numbersOf(parameters)).toEqual(numbersOf(whole.end.values));
        },
      ),
      { numRuns: 8 },
    );
  });

  test("give the gradient of the full unroll where they cover it", () => {
    const task = TASKS.classification.sample(new Generator(2));
    const weights = rule.initialize({ generator: new Generator(1), dtype });
    const full = metaGradient(rule, weights, task, 5, true);
    // One that begins after no steps, in a state that was saved.
    const { gradients } = backpropagation(
      (w) => {
        const start = begin(rule, task);
        const { losses, end } = unroll(
          rule,
          w,
          task,
          { ...start, values: start.values.map(detach) },
          { steps: 5, secondDerivatives: true },
        );
        return { loss: meanLoss(losses), end };
      },
      weights,
      new Generator(),
    );
    expect(numbersOf(Object.values(gradients))).toEqual(numbersOf(Object.values(full.gradients)));
  });

  test("are the same on the fast backend", () => {
    const run = (): number[][] => {
      const task = quadratics({ dimensions: 3 }).sample(new Generator(4));
      const weights = rule.initialize({ generator: new Generator(4) });
      const { loss, gradients } = metaGradient(rule, weights, task, 4, true);
      return [[loss], ...numbersOf(Object.values(gradients))];
    };
    const reference = run();
    setBackend(wasm({ threads: 1 }));
    const fast = run();
    for (const [i, row] of reference.entries())
      for (const [k, x] of row.entries())
        expect(Math.abs(fast[i]![k]! - x)).toBeLessThan(1e-4 * Math.max(1, Math.abs(x)));
  });

  test.each(SETTINGS)("are the same with a tape, without one and in parts, on %s in %s", (backend, type) => {
    setBackend(BACKENDS[backend]);
    const task = classification({ points: 12, features: 2, classes: 2, hidden: [2], batchSize: 5, dtype: type }).sample(
      new Generator(4),
    );
    const weights = rule.initialize({ generator: new Generator(5), dtype: type });
    const all = ({ losses, end }: { losses: readonly Tensor[]; end: InnerState<never, never> }): number[][] =>
      numbersOf([...losses, ...tensorsIn(end)]);
    for (const w of Object.values(weights)) w.requiresGrad = true;
    const from = begin(rule, task);
    const tracked = unroll(rule, weights, task, from, { steps: 4 });
    const twice = unroll(rule, weights, task, from, { steps: 4, secondDerivatives: true });
    const untracked = noGrad(() => unroll(rule, weights, task, from, { steps: 4 }));
    const first = unroll(rule, weights, task, from, { steps: 1 });
    const rest = unroll(rule, weights, task, first.end, { steps: 3 });
    expect(new Set(numbersOf(tracked.losses).flat()).size).toBe(4);
    for (const other of [twice, untracked, { losses: [...first.losses, ...rest.losses], end: rest.end }])
      expect(all(other as never)).toEqual(all(tracked as never));
  });

  test("pass no gradient on to the window before", () => {
    const task = TASKS.quadratic.sample(new Generator(2));
    const weights = rule.initialize({ generator: new Generator(3), dtype });
    const lossOf = (w: Weights, from: InnerState<never, never>): Tensor =>
      meanLoss(unroll(rule, w, task, from, { steps: 2, secondDerivatives: true }).losses);
    const { end } = unroll(rule, weights, task, begin(rule, task), { steps: 2 });
    const gradientOf = (run: (w: Weights) => Tensor): Weights =>
      backpropagation((w) => ({ loss: run(w), end: null }), weights, new Generator()).gradients;
    const cut = gradientOf((w) => lossOf(w, unroll(rule, w, task, begin(rule, task), { steps: 2 }).end as never));
    expectDifferences(weights, cut, (w) => lossOf(w, end as never).item());
    const through = gradientOf((w) =>
      meanLoss(unroll(rule, w, task, begin(rule, task), { steps: 4, secondDerivatives: true }).losses.slice(2)),
    );
    expect(numbersOf(Object.values(through))).not.toEqual(numbersOf(Object.values(cut)));
  });

  test("keep nothing alive but losses and end, where there is no tape", () => {
    const backend = countingBackend();
    setBackend(backend);
    const task = TASKS.classification.sample(new Generator(4));
    const weights = rule.initialize({ generator: new Generator(5), dtype });
    const from = begin(rule, task);
    const peakOf = (steps: number): number => {
      const before = backend.liveBytes;
      backend.resetPeak();
      const { losses, end } = unroll(rule, weights, task, from, { steps });
      const peak = backend.peakBytes - before;
      for (const x of [...losses, ...tensorsIn(end)]) x.dispose();
      expect(backend.liveBytes).toBe(before);
      return peak;
    };
    expect(peakOf(40)).toBeLessThanOrEqual(peakOf(30) + 10 * 8); // ten losses
  });
});

test("nothing that a caller holds is changed or freed", () => {
  const [weights, task] = [rateRule.initialize({ dtype }), TASKS.quadratic.sample(new Generator(1))];
  const from = begin(rateRule, task);
  const before = numbersOf([...task.initial, ...from.values]);
  const [once, again] = [1, 2].map(() => unroll(rateRule, weights, task, from, { steps: 2 }));
  expect(numbersOf([...task.initial, ...from.values])).toEqual(before);
  expect(numbersOf(again!.losses)).toEqual(numbersOf(once!.losses));
  expect(weights.rate!.requiresGrad).toBe(false);
});

test("options of the rule are handed on", () => {
  const states = [0.5, 0.25].map((startRate) => {
    const rule = RULES["hierarchical-rnn"]!;
    return begin(rule, TASKS.quadratic.sample(new Generator(1)), { ...rule.defaults, startRate });
  });
  expect(numbersOf(tensorsIn(states[0]!))).not.toEqual(numbersOf(tensorsIn(states[1]!)));
  const [weights, task] = [rateRule.initialize({ dtype }), TASKS.quadratic.sample(new Generator(1))];
  const { end } = unroll(rateRule, weights, task, begin(rateRule, task, { lr: 0 }), { steps: 1 }, { lr: 0 });
  expect(numbersOf(end.values)).toEqual(numbersOf(task.initial));
});

test("a parameter that the loss does not depend on has a gradient of zeros", () => {
  const task: Task = { initial: [tensor([1]), tensor([2])], loss: ([x]) => x!.square().sum() };
  const { end } = unroll(rateRule, rateRule.initialize(), task, begin(rateRule, task), { steps: 2 });
  expect(end.values[1]!.toArray()).toEqual([2]);
  expect(end.step).toBe(2);
});

test("steps are counted from one", () => {
  const task = TASKS.quadratic.sample(new Generator());
  const run = (options: object): unknown =>
    unroll(rateRule, rateRule.initialize({ dtype }), task, begin(rateRule, task), options as never);
  expect(() => run({ steps: 0 })).toThrow("unroll: steps is 0, expected an integer ≥ 1");
  expect(() => run({})).toThrow("unroll: steps is undefined, expected an integer ≥ 1");
  expect(() => run({ steps: 1, secondDerivates: true })).toThrow("unroll: secondDerivates is unknown");
});

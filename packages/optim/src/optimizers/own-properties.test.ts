import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { coarse, give, OPTIMIZER_CASES, parametersOf, trainingProblem } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  Adadelta,
  Adam,
  AdamW,
  AdamWScheduleFree,
  ASGD,
  COCOB,
  Lion,
  Optimizer,
  RAdam,
  RMSprop,
  Rprop,
  SGD,
  SGDScheduleFree,
  type State,
  type StateValue,
  sgdRule,
} from "../index.ts";

// What single optimizers promise; what all do is in rules.test.ts.

beforeEach(() => setBackend(cpu()));

type Gradients = readonly (readonly number[])[];

/** Gradients of three elements, step by step. */
const gradients = (maxLength: number): fc.Arbitrary<number[][]> => fc.array(coarse(3), { minLength: 1, maxLength });

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const parameter = (values: readonly number[]): Parameter => new Parameter(tensor([...values]));

/** Makes one step, and gives the state after it. */
function step<H extends object, S extends State<S>>(optimizer: Optimizer<H, S>, p: Parameter, g: readonly number[]): S {
  give([p], [g]);
  optimizer.step();
  return optimizer.stateDict().state[0] as unknown as S;
}

/** The parameter after every step. */
function trajectory<H extends object, S extends State<S>>(
  optimizer: Optimizer<H, S>,
  p: Parameter,
  grads: Gradients,
): number[][] {
  return grads.map((g) => {
    step(optimizer, p, g);
    return numbers(p);
  });
}

function expectNear(actual: readonly number[], expected: readonly number[], tolerance = 2e-6): void {
  for (const [i, x] of actual.entries())
    expect(Math.abs(x - expected[i]!)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected[i]!)));
}

/** Element by element. */
const zip = (xs: readonly number[], ys: readonly number[], fn: (x: number, y: number) => number): number[] =>
  xs.map((x, i) => fn(x, ys[i]!));

describe("SGD", () => {
  test("nesterov without momentum is rejected", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 0.25), (dampening) => {
        const make = (): SGD => new SGD([new Parameter(tensor([1]))], { nesterov: true, momentum: 0, dampening });
        expect(make).toThrow(
          `SGD: nesterov needs momentum > 0 and dampening 0, got momentum 0 and dampening ${dampening}`,
        );
      }),
    );
  });

  test("to the rule, nesterov without momentum is plain SGD, and so is the limit", () => {
    const { conflict: _, ...permissive } = sgdRule;
    fc.assert(
      fc.property(coarse(3), gradients(5), fc.constantFrom(0, 1e-30), (start, grads, momentum) => {
        const [plain, nesterov] = [parameter(start), parameter(start)];
        const options = { lr: 0.125, weightDecay: 0.25 };
        const expected = trajectory(new SGD([plain], options), plain, grads);
        const optimizer = new Optimizer(permissive, [nesterov], { ...options, nesterov: true, momentum });
        expect(trajectory(optimizer, nesterov, grads)).toEqual(expected);
      }),
    );
  });

  test("momentum that is switched on later starts with the gradient", () => {
    const p = parameter([1]);
    const optimizer = new SGD([p], { lr: 0.5 });
    step(optimizer, p, [1]);
    Object.assign(optimizer.paramGroups[0]!, { momentum: 0.5, dampening: 0.5 });
    step(optimizer, p, [1]);
    expect(numbers(step(optimizer, p, [1]).momentumBuffer!)).toEqual([1]);
    expect(numbers(p)).toEqual([-0.5]);
  });
});

describe.each([
  ["Adam", Adam],
  ["AdamW", AdamW],
] as const)("%s", (name, type) => {
  test("AMSGrad's maximum never shrinks, and is the largest average so far", () => {
    fc.assert(
      fc.property(OPTIMIZER_CASES[name]!.options, coarse(3), gradients(7), (options, start, grads) => {
        const p = parameter(start);
        const optimizer = new type([p], { ...options, amsgrad: true }) as Adam;
        let most = [0, 0, 0];
        for (const g of grads) {
          const { expAvgSq, maxExpAvgSq } = step(optimizer, p, g);
          most = zip(most, numbers(expAvgSq), Math.max);
          expect(numbers(maxExpAvgSq!)).toEqual(most);
        }
      }),
    );
  });
});

describe("RMSprop", () => {
  test("centered and momentum that are switched on later start from nothing", () => {
    const [p, q] = [parameter([1, 2]), parameter([1, 2])];
    const late = new RMSprop([p], { alpha: 0.5 });
    step(late, p, [1, -1]);
    Object.assign(late.paramGroups[0]!, { momentum: 0.5, centered: true });
    const { gradAvg, momentumBuffer } = step(late, p, [2, 4]);
    expect(numbers(gradAvg!)).toEqual([1, 2]);
    expect(numbers(momentumBuffer!).every((x) => x > 0)).toBe(true);
    // Switched off again, what they remember stays.
    Object.assign(late.paramGroups[0]!, { momentum: 0, centered: false });
    const { gradAvg: kept, momentumBuffer: buffer } = step(late, p, [8, 8]);
    expect([numbers(kept!), numbers(buffer!)]).toEqual([numbers(gradAvg!), numbers(momentumBuffer!)]);
    expect(Object.keys(step(new RMSprop([q]), q, [1, 1]))).toEqual(["step", "squareAvg"]);
  });
});

describe("Rprop", () => {
  test("steps grow, shrink and stay between their limits; where a sign changes, nothing moves", () => {
    fc.assert(
      fc.property(OPTIMIZER_CASES.Rprop!.options, coarse(3), gradients(7), (options, start, grads) => {
        const p = parameter(start);
        const optimizer = new Rprop([p], { ...options, maximize: false });
        const [{ etas, stepSizes, lr }] = optimizer.paramGroups as [(typeof optimizer.paramGroups)[0]];
        let [prev, size] = [[0, 0, 0], start.map(() => lr)];
        for (const g of grads) {
          const before = numbers(p);
          const { stepSize } = step(optimizer, p, g);
          const agreement = zip(g, prev, (a, b) => Math.sign(a * b));
          const factor = agreement.map((s) => (s > 0 ? etas[1] : s < 0 ? etas[0] : 1));
          size = zip(size, factor, (a, b) => Math.min(stepSizes[1], Math.max(stepSizes[0], a * b)));
          expectNear(numbers(stepSize), size);
          prev = zip(g, agreement, (x, s) => (s < 0 ? 0 : x));
          const moved = zip(size, prev, (a, b) => -a * Math.sign(b));
          expectNear(
            zip(numbers(p), before, (a, b) => a - b),
            moved,
            1e-5,
          );
        }
      }),
    );
  });
});

describe("RAdam", () => {
  /** The length of the average that the second moment amounts to. */
  const rho = (b2: number, t: number): number => 2 / (1 - b2) - 1 - (2 * t * b2 ** t) / (1 - b2 ** t);

  test("is momentum with a correction of its start as long as ρ ≤ 5, and shorter steps of Adam after", () => {
    const [lr, b1, eps] = [0.125, 0.5, 1e-8];
    fc.assert(
      fc.property(coarse(3), gradients(9), fc.constantFrom(0.999, 0.9, 0.5), (start, grads, b2) => {
        const p = parameter(start);
        const actual = trajectory(new RAdam([p], { lr, betas: [b1, b2], eps }), p, grads);
        const [m, v] = [
          [0, 0, 0],
          [0, 0, 0],
        ];
        for (const [i, g] of grads.entries()) {
          const t = i + 1;
          const before = i === 0 ? start : actual[i - 1]!;
          for (const [k, x] of g.entries()) {
            m[k] = b1 * m[k]! + (1 - b1) * x;
            v[k] = b2 * v[k]! + (1 - b2) * x * x;
            const momentum = (lr * m[k]!) / (1 - b1 ** t);
            const adam = momentum / (Math.sqrt(v[k]! / (1 - b2 ** t)) + eps);
            const length = before[k]! - actual[i]![k]!;
            if (rho(b2, t) <= 5) expectNear([length], [momentum], 1e-6);
            else {
              expect(Math.abs(length)).toBeLessThanOrEqual(Math.abs(adam) + 1e-6);
              expect(length * adam).toBeGreaterThanOrEqual(0);
            }
          }
        }
      }),
    );
  });
});

describe("ASGD", () => {
  const cases = [fc.constantFrom(0, 1, 3), coarse(3), gradients(7)] as const;

  test("averages the weights after step t0 + 1", () => {
    fc.assert(
      fc.property(...cases, (t0, start, grads) => {
        const p = parameter(start);
        const optimizer = new ASGD([p], { lr: 0.125, t0 });
        const weights = trajectory(optimizer, p, grads);
        const average = numbers(optimizer.stateDict().state[0]!.ax!);
        const counted = weights.slice(t0 + 1);
        const mean = [0, 1, 2].map((k) => counted.reduce((sum, w) => sum + w[k]!, 0) / counted.length);
        if (counted.length > 1) expectNear(average, mean);
        else expect(average).toEqual(weights.at(-1));
      }),
    );
  });

  test("swapping twice changes nothing, and once exchanges weights and averages", () => {
    fc.assert(
      fc.property(...cases, (t0, start, grads) => {
        const [p, untouched] = [parameter(start), parameter(start)];
        const optimizer = new ASGD([p, untouched], { lr: 0.125, t0 });
        const weights = trajectory(optimizer, p, grads).at(-1)!;
        const average = numbers(optimizer.stateDict().state[0]!.ax!);
        optimizer.swapAverages();
        expect([numbers(p), numbers(untouched)]).toEqual([average, start]);
        expect(numbers(optimizer.stateDict().state[0]!.ax!)).toEqual(weights);
        optimizer.swapAverages();
        expect(numbers(p)).toEqual(weights);
        expect(numbers(optimizer.stateDict().state[0]!.ax!)).toEqual(average);
      }),
    );
  });

  test("the rate falls with every step, and does not without lambd", () => {
    const p = parameter([1]);
    const falling = new ASGD([p], { lr: 0.5, lambd: 0.5, alpha: 2 });
    expect(step(falling, p, [1])).toMatchObject({ eta: 0.5 / 1.25 ** 2, mu: 1 });
    expect(step(falling, p, [1])).toMatchObject({ eta: 0.5 / 1.5 ** 2, mu: 1 });
    expect(step(new ASGD([p], { lr: 0.5, lambd: 0 }), p, [1])).toMatchObject({ eta: 0.5 });
  });
});

describe("COCOB", () => {
  test("the first step is 1 / alpha in every coordinate with a gradient above eps", () => {
    fc.assert(
      fc.property(coarse(3), fc.constantFrom(2, 10, 100, 1000), (g, alpha) => {
        const p = parameter([0, 0, 0]);
        step(new COCOB([p], { alpha }), p, g);
        // Two units in the last place.
        for (const [i, x] of numbers(p).entries())
          expect(Math.abs(x + Math.sign(g[i]!) / alpha)).toBeLessThanOrEqual(2 ** -22 / alpha);
      }),
    );
  });

  test("gradients that are large or small beyond squares make the steps of others", () => {
    fc.assert(
      fc.property(coarse(3), gradients(5), fc.constantFrom(2 ** 100, 2 ** -100), (start, grads, scale) => {
        const [p, q] = [parameter(start), parameter(start)];
        const scaled = grads.map((g) => g.map((x) => x * scale));
        expect(trajectory(new COCOB([p], { eps: 1e-38 }), p, scaled)).toEqual(
          trajectory(new COCOB([q], { eps: 1e-38 }), q, grads),
        );
      }),
    );
  });
});

const SCHEDULE_FREE = { SGDScheduleFree, AdamWScheduleFree };

describe.each(Object.keys(SCHEDULE_FREE) as (keyof typeof SCHEDULE_FREE)[])("%s", (name) => {
  const { options } = OPTIMIZER_CASES[name]!;
  const make = (params: Parameter[], options: object): Optimizer<object, Record<string, StateValue>> =>
    new SCHEDULE_FREE[name](params, options) as never;

  test("the weights to use are the weighted mean of z, and those to train with lie between them and z", () => {
    fc.assert(
      fc.property(options, coarse(3), gradients(7), (options, start, grads) => {
        const p = parameter(start);
        const optimizer = make([p], options);
        const { lr, warmupSteps, r, weightLrPower } = options as Record<string, number>;
        const b = (options.momentum ?? (options.betas as number[])[0]) as number;
        let [x, sum] = [start, 0];
        for (const [i, g] of grads.entries()) {
          const rate = lr! * Math.min(1, (i + 1) / Math.max(1, warmupSteps!));
          const weight = (i + 1) ** r! * rate ** weightLrPower!;
          sum += weight;
          const z = numbers(step(optimizer, p, g).z as Tensor);
          if (sum > 0) x = zip(x, z, (x, z) => x + (weight / sum) * (z - x));
          expectNear(
            numbers(p),
            zip(x, z, (x, z) => b * x + (1 - b) * z),
          );
          optimizer.eval();
          expectNear(numbers(p), x, 1e-5);
          optimizer.train();
        }
      }),
    );
  });

  test("a step with a lower rate counts like those before it", () => {
    const p = parameter([1]);
    const optimizer = make([p], { lr: 0.5 });
    for (const lr of [0.5, 0.25, 0]) {
      Object.assign(optimizer.paramGroups[0]!, { lr });
      step(optimizer, p, [1]);
    }
    expect(optimizer.stateDict().state[0]).toMatchObject({ lrMax: 0.5, weightSum: 3 * 0.25 });
  });

  test("eval() and train() lead back, twice the same is once, and before the first step they do nothing", () => {
    fc.assert(
      fc.property(options, trainingProblem(), (options, { shapes, start, grads }) => {
        const parameters = parametersOf(shapes, start);
        const optimizer = make(parameters, options);
        optimizer.eval();
        optimizer.train();
        expect(parameters.map(numbers)).toEqual(start);
        for (const gradients of grads) {
          give(parameters, gradients);
          optimizer.step();
        }
        const trained = parameters.map(numbers);
        optimizer.eval();
        const used = parameters.map(numbers);
        optimizer.eval();
        expect(parameters.map(numbers)).toEqual(used);
        optimizer.train();
        optimizer.train();
        for (const [i, p] of parameters.entries()) expectNear(numbers(p), trained[i]!);
      }),
    );
  });

  test("there is no step with the weights to use, before and after they are saved", () => {
    const p = parameter([1]);
    const optimizer = new SCHEDULE_FREE[name]([p]);
    step(optimizer as Optimizer<object, object>, p, [1]);
    optimizer.eval();
    const resumed = new SCHEDULE_FREE[name]([parameter(numbers(p))]);
    resumed.loadStateDict(optimizer.stateDict() as never);
    for (const o of [optimizer, resumed])
      expect(() => o.step()).toThrow(
        `${name}.step: the parameters hold the weights to use; call optimizer.train() first`,
      );
    resumed.train();
    expect(() => resumed.step()).not.toThrow();
  });
});

const OPTIONS: readonly (readonly [message: string, make: (params: Parameter[]) => unknown])[] = [
  ["Adadelta: rho is 1.5, expected a number in [0, 1]", (p) => new Adadelta(p, { rho: 1.5 })],
  [
    "Rprop: etas is [1.2, 0.5], expected two numbers with 0 < etas[0] < 1 < etas[1]",
    (p) => new Rprop(p, { etas: [1.2, 0.5] }),
  ],
  [
    "Rprop: stepSizes is [2, 1], expected two numbers with 0 ≤ stepSizes[0] ≤ stepSizes[1]",
    (p) => new Rprop(p, { stepSizes: [2, 1] }),
  ],
  ["ASGD: t0 is Infinity, expected a finite number", (p) => new ASGD(p, { t0: Number.POSITIVE_INFINITY })],
  ["COCOB: lr is unknown (known: alpha, eps, weightDecay)", (p) => new COCOB(p, { lr: 1 } as never)],
  ["Lion: betas is [0.9, 1], expected two numbers in [0, 1)", (p) => new Lion(p, { betas: [0.9, 1] })],
  ["SGDScheduleFree: momentum is 1, expected a number in (0, 1)", (p) => new SGDScheduleFree(p, { momentum: 1 })],
  ["SGDScheduleFree: warmupSteps is 1.5, expected an integer ≥ 0", (p) => new SGDScheduleFree(p, { warmupSteps: 1.5 })],
  [
    "AdamWScheduleFree: betas is [0, 0.9], expected two numbers in [0, 1), the first > 0",
    (p) => new AdamWScheduleFree(p, { betas: [0, 0.9] }),
  ],
];

test.each(OPTIONS)("%s", (message, make) => {
  expect(() => make([parameter([1])])).toThrow(expect.objectContaining({ name: "ArgumentError", message }));
});

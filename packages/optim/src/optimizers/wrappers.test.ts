import { cpu } from "@descent/backend-cpu";
import { type Backend, Parameter, StateDictError, scope, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, type AnyOptimizer, clipGradNorm, Lookahead, Prodigy, SAM, SGD, StepLR } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const bits = (ps: readonly Parameter[]): number[][] => ps.map(numbers);

const BASES: Readonly<Record<string, (ps: readonly Parameter[]) => AnyOptimizer>> = {
  SGD: (ps) => new SGD(ps, { lr: 0.125, momentum: 0.5 }),
  Adam: (ps) => new Adam(ps, { lr: 0.1 }),
  Prodigy: (ps) => new Prodigy(ps, { d0: 0.01 }),
};
const base = fc.constantFrom(...Object.values(BASES));

const grid = (length: number): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -16, max: 16 }).map((i) => i / 8),
    { minLength: length, maxLength: length },
  );
/** The values of two parameters. */
const start = fc.tuple(grid(3), grid(2));
type Start = readonly [number[], number[]];
const parametersOf = (values: Start): Parameter[] => values.map((xs) => new Parameter(tensor(xs)));

/** `Σ x⁴/4 + x²y + y`, with all elements of the parameters in it. */
const lossOf = ([x, y]: readonly Parameter[]): Tensor =>
  x!.square().square().sum().mul(0.25).add(x!.square().sum().mul(y!.sum())).add(y!.square().sum());

const closureOf = (optimizer: AnyOptimizer, parameters: readonly Parameter[]) => (): Tensor => {
  optimizer.zeroGrad();
  const loss = lossOf(parameters);
  loss.backward();
  clipGradNorm(parameters, 1);
  return loss;
};

function train(optimizer: AnyOptimizer, parameters: readonly Parameter[], steps: number): number[] {
  return Array.from({ length: steps }, () => optimizer.step(closureOf(optimizer, parameters))!.item());
}

describe("SAM", () => {
  test("rho = 0 is the base", () => {
    fc.assert(
      fc.property(base, start, fc.boolean(), (make, values, adaptive) => {
        const [plain, wrapped] = [parametersOf(values), parametersOf(values)];
        const losses = train(make(plain), plain, 4);
        expect(train(new SAM(make(wrapped), { rho: 0, adaptive }), wrapped, 4)).toEqual(losses);
        expect(bits(wrapped)).toEqual(bits(plain));
      }),
      { numRuns: 12 },
    );
  });

  test("the second evaluation is rho away, uphill, and the base steps along its gradients from where the weights were", () => {
    fc.assert(
      fc.property(start, fc.constantFrom(0.05, 0.5), fc.boolean(), (values, rho, adaptive) => {
        const parameters = parametersOf(values);
        const sam = new SAM(new SGD(parameters, { lr: 0.5 }), { rho, adaptive });
        const visited: { w: number[]; g: number[] }[] = [];
        const closure = (): Tensor => {
          sam.zeroGrad();
          const loss = lossOf(parameters);
          loss.backward();
          visited.push({ w: bits(parameters).flat(), g: parameters.flatMap((p) => numbers(p.grad!)) });
          return loss;
        };
        sam.step(closure);
        const [at, around] = visited as [{ w: number[]; g: number[] }, { w: number[]; g: number[] }];
        expect(visited).toHaveLength(2);
        expect(at.w).toEqual(values.flat());
        const weight = (i: number): number => (adaptive ? Math.abs(at.w[i]!) : 1);
        const size = Math.hypot(...at.g.map((g, i) => weight(i) * g));
        for (const [i, g] of at.g.entries())
          expect(around.w[i]! - at.w[i]!).toBeCloseTo((rho * weight(i) ** 2 * g) / (size + 1e-12), 5);
        for (const [i, x] of bits(parameters).flat().entries())
          expect(x).toBe(Math.fround(at.w[i]! - Math.fround(0.5 * around.g[i]!)));
      }),
      { numRuns: 25 },
    );
  });

  test("firstStep and secondStep are the two halves of a step", () => {
    fc.assert(
      fc.property(base, start, fc.boolean(), (make, values, adaptive) => {
        const [whole, halves] = [parametersOf(values), parametersOf(values)];
        train(new SAM(make(whole), { adaptive }), whole, 3);
        const sam = new SAM(make(halves), { adaptive });
        const backward = closureOf(sam, halves);
        for (let t = 0; t < 3; t++) {
          backward();
          sam.firstStep({ zeroGrad: true });
          expect(halves.map((p) => p.grad)).toEqual([null, null]);
          backward();
          sam.secondStep();
        }
        expect(bits(halves)).toEqual(bits(whole));
      }),
      { numRuns: 10 },
    );
  });

  test("an error in either evaluation leaves weights and state as they were before the step", () => {
    for (const failing of [1, 2]) {
      const parameters = parametersOf([
        [1, 2, 3],
        [4, 5],
      ]);
      const sam = new SAM(new SGD(parameters, { lr: 0.1, momentum: 0.9 }));
      train(sam, parameters, 1);
      const before = bits(parameters);
      const { momentumBuffer } = sam.stateDict().state[0]!;
      let calls = 0;
      const closure = closureOf(sam, parameters);
      const broken = (): Tensor => {
        if (++calls === failing) throw new RangeError("out of luck");
        return closure();
      };
      expect(() => sam.step(broken)).toThrow("out of luck");
      expect(bits(parameters)).toEqual(before);
      expect(numbers(sam.stateDict().state[0]!.momentumBuffer!)).toEqual(numbers(momentumBuffer!));
      expect(() => train(sam, parameters, 1)).not.toThrow();
    }
  });

  test("its state is that of its base, and fits it", () => {
    const parameters = parametersOf([
      [1, 2, 3],
      [4, 5],
    ]);
    const sam = new SAM(new Adam(parameters));
    train(sam, parameters, 2);
    const saved = sam.stateDict();
    expect(saved).toEqual(sam.base.stateDict());
    const adam = new Adam(parameters);
    adam.loadStateDict(saved);
    expect(adam.stateDict()).toEqual(saved);
  });

  test("halves out of order are rejected", () => {
    const parameters = parametersOf([
      [1, 2, 3],
      [4, 5],
    ]);
    const sam = new SAM(new SGD(parameters));
    expect(() => sam.secondStep()).toThrow("SAM.secondStep: the weights are where they were; call firstStep() first");
    closureOf(sam, parameters)();
    sam.firstStep();
    const moved = bits(parameters);
    expect(() => sam.firstStep()).toThrow("SAM.firstStep: the weights have been moved; call secondStep() first");
    expect(() => sam.step(closureOf(sam, parameters))).toThrow("SAM.firstStep: the weights have been moved");
    expect(bits(parameters)).toEqual(moved);
    sam.secondStep();
  });

  test("parameters without gradients stay where they are", () => {
    const [p, idle] = [new Parameter(tensor([1])), new Parameter(tensor([2]))];
    const sam = new SAM(new SGD([p, idle], { lr: 1 }));
    sam.step(() => {
      sam.zeroGrad();
      const loss = p.square().sum();
      loss.backward();
      expect(numbers(idle)).toEqual([2]);
      return loss;
    });
    expect(numbers(idle)).toEqual([2]);
    sam.zeroGrad();
    expect(() => {
      sam.firstStep();
      sam.secondStep();
    }).not.toThrow();
  });
});

describe("Lookahead", () => {
  test("alpha = 1 is the base, and k = 1 with alpha = 0 never moves", () => {
    fc.assert(
      fc.property(base, start, fc.integer({ min: 1, max: 3 }), (make, values, k) => {
        const [plain, wrapped, still] = [parametersOf(values), parametersOf(values), parametersOf(values)];
        train(make(plain), plain, 5);
        train(new Lookahead(make(wrapped), { k, alpha: 1 }), wrapped, 5);
        expect(bits(wrapped)).toEqual(bits(plain));
        train(new Lookahead(make(still), { k: 1, alpha: 0 }), still, 5);
        expect(bits(still)).toEqual(values);
      }),
      { numRuns: 10 },
    );
  });

  test("every k steps the weights go back, a part of the way", () => {
    const p = new Parameter(tensor([0]));
    const lookahead = new Lookahead(new SGD([p], { lr: 1 }), { k: 2, alpha: 0.25 });
    const seen: number[] = [];
    for (let t = 0; t < 6; t++) {
      p.grad = tensor([-1]);
      lookahead.step();
      seen.push(p.item());
    }
    expect(seen).toEqual([1, 0.5, 1.5, 1, 2, 1.5]);
  });

  test("a parameter that never has a gradient keeps its value to the bit", () => {
    const [p, idle] = [new Parameter(tensor([1])), new Parameter(tensor([0.1]))];
    const lookahead = new Lookahead(new SGD([p, idle]), { k: 1, alpha: 0.3 });
    for (let t = 0; t < 9; t++) {
      p.grad = tensor([1]);
      lookahead.step();
    }
    expect(numbers(idle)).toEqual([Math.fround(0.1)]);
  });

  test("parameters that are added later begin where they are", () => {
    const [p, q] = [new Parameter(tensor([0])), new Parameter(tensor([8]))];
    const lookahead = new Lookahead(new SGD([p], { lr: 1 }), { k: 2 });
    p.grad = tensor([-1]);
    lookahead.step();
    lookahead.addParamGroup({ params: q, lr: 2 });
    q.grad = tensor([-1]);
    lookahead.step();
    expect([p, q].map(numbers)).toEqual([[1], [9]]);
  });

  test("a step that fails, and weights that are loaded between rounds, leave no slow weights behind", () => {
    const p = new Parameter(tensor([1]));
    const optimizer = new Lookahead(new SGD([p], { lr: 1 }), { k: 1, alpha: 0.5 });
    expect(() =>
      optimizer.step(() => {
        throw new Error("no loss");
      }),
    ).toThrow("no loss");
    for (const start of [8, -8]) {
      p.assign(tensor([start]));
      p.grad = tensor([2]);
      optimizer.step();
      expect(p.item()).toBe(start - 1);
    }
  });

  test("rejects a state that does not fit, and changes nothing", () => {
    const parameters = parametersOf([
      [1, 2, 3],
      [4, 5],
    ]);
    const lookahead = new Lookahead(new SGD(parameters, { momentum: 0.5 }));
    train(lookahead, parameters, 2);
    const saved = lookahead.stateDict();
    const spoiled = { ...saved, counter: -1, slowParams: { 0: tensor([1]), 1: 5 as never, 7: tensor([1]) } };
    expect(() => lookahead.loadStateDict(spoiled)).toThrow(StateDictError);
    expect(() => lookahead.loadStateDict(spoiled)).toThrow(
      'Lookahead.loadStateDict: counter is -1, expected an integer ≥ 0; slowParams[0] is a float32 tensor of shape [1] on "cpu", ' +
        'expected a float32 tensor of shape [3] on "cpu"; slowParams[1] is 5, expected a float32 tensor of shape [2] on "cpu"; ' +
        "slowParams[7] belongs to no parameter; pass what stateDict() of the like gave",
    );
    expect(() => lookahead.loadStateDict(saved.base as never)).toThrow("slowParams is undefined");
    expect(() => lookahead.loadStateDict({ ...saved, base: {} as never })).toThrow("SGD.loadStateDict");
    expect(lookahead.stateDict().counter).toBe(2);
  });
});

/** Wrappers, and wrappers in wrappers. */
const WRAPPED: Readonly<Record<string, (base: AnyOptimizer) => AnyOptimizer>> = {
  SAM: (base) => new SAM(base, { rho: 0.1 }),
  Lookahead: (base) => new Lookahead(base, { k: 2 }),
  "Lookahead of SAM": (base) => new Lookahead(new SAM(base, { adaptive: true }), { k: 2, alpha: 0.3 }),
  "SAM of Lookahead": (base) => new SAM(new Lookahead(base, { k: 3 })),
};
describe.each(Object.entries(WRAPPED))("%s", (_, wrap) => {
  test("stepAsync does what step does, also where values come later", async () => {
    for (const make of Object.values(BASES)) {
      const values: Start = [
        [1, -0.5, 0.25],
        [1, -1],
      ];
      const parameters = parametersOf(values);
      const losses = train(wrap(make(parameters)), parameters, 3);

      const later: Backend = { ...cpu(), synchronous: false };
      setBackend(later);
      const others = parametersOf(values);
      const optimizer = wrap(make(others));
      for (const expected of losses) {
        const loss = await optimizer.stepAsync(closureOf(optimizer, others));
        expect((await loss!.data())[0]).toBe(expected);
      }
      expect(await Promise.all(others.map(async (p) => Array.from(await p.data())))).toEqual(bits(parameters));
      setBackend(cpu());
    }
  });

  test("schedulers see the groups of the base, and hooks the wrapper", () => {
    const parameters = parametersOf([
      [1, 2, 3],
      [4, 5],
    ]);
    const sgd = new SGD(parameters, { lr: 1 });
    const optimizer = wrap(sgd) as SAM<SGD>;
    new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }).step();
    expect(sgd.paramGroups[0]!.lr).toBe(0.5);
    const calls: unknown[] = [];
    const before = bits(parameters);
    optimizer.registerStepPreHook((o) => calls.push(o, bits(parameters)));
    const remove = optimizer.registerStepPostHook((o) => calls.push(o, bits(parameters)));
    train(optimizer, parameters, 1);
    expect(calls).toEqual([optimizer, before, optimizer, bits(parameters)]);
    remove();
    train(optimizer, parameters, 1);
    expect(calls).toHaveLength(6);
  });

  test("between steps nothing is alive but parameters and states", () => {
    const backend = countingBackend();
    setBackend(backend);
    const parameters = [
      [1, 2, 3],
      [4, 5],
    ].map((xs) => {
      using x = tensor(xs);
      return new Parameter(x);
    });
    const optimizer = wrap(new SGD(parameters, { lr: 0.01, momentum: 0.9 }));
    const alive: number[] = [];
    for (let t = 0; t < 12; t++) {
      scope(() => void optimizer.step(closureOf(optimizer, parameters)));
      optimizer.zeroGrad();
      alive.push(backend.liveBytes);
    }
    expect(alive.slice(6)).toEqual(alive.slice(0, 6));
  });
});

test("an option, a base or a closure that is wrong", () => {
  const parameters = parametersOf([
    [1, 2, 3],
    [4, 5],
  ]);
  const sgd = new SGD(parameters);
  expect(() => new SAM(sgd, { rho: -1 })).toThrow("SAM: rho is -1, expected a number ≥ 0");
  expect(() => new SAM(sgd, 0.1 as never)).toThrow("SAM: expected options { rho, adaptive }, got 0.1");
  expect(() => new SAM(sgd, { lr: 1 } as never)).toThrow("SAM: lr is unknown (known: rho, adaptive)");
  expect(() => new SAM(parameters as never)).toThrow("SAM: expected an optimizer, got [");
  expect(() => new SAM(sgd).step(undefined as never)).toThrow(
    "SAM.step: undefined is no closure; pass a function that computes the loss, calls backward() and returns the loss",
  );
  expect(() => new SAM(sgd).firstStep(true as never)).toThrow("SAM.firstStep: expected options { zeroGrad }, got true");
  expect(() => new Lookahead(sgd, { k: 0 })).toThrow("Lookahead: k is 0, expected an integer ≥ 1");
  expect(() => new Lookahead(sgd, { alpha: 2 })).toThrow("Lookahead: alpha is 2, expected a number in [0, 1]");
  expect(() => new Lookahead(undefined as never)).toThrow(
    "Lookahead: expected an optimizer, got undefined; pass one, such as new SGD(…)",
  );
});

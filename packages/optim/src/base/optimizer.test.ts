import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  Buffer,
  isGradEnabled,
  noGrad,
  Parameter,
  setBackend,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";
import {
  Adam,
  AdamW,
  LBFGS,
  nonNegative,
  Optimizer,
  type Params,
  Prodigy,
  type Rule,
  SAM,
  SGD,
  type SGDHyper,
  SLS,
} from "../index.ts";

beforeEach(() => setBackend(cpu()));

const parameter = (...values: number[]): Parameter => new Parameter(tensor(values));
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
function graded(...values: number[]): Parameter {
  const p = parameter(...values);
  p.grad = tensor(values.map(() => 1));
  return p;
}

describe("parameters and groups", () => {
  test("takes any iterable of parameters", () => {
    const [a, b] = [parameter(1), parameter(2)];
    function* parameters(): Generator<Parameter> {
      yield a;
      yield b;
    }
    for (const given of [[a, b], new Set([a, b]), parameters()]) {
      const { paramGroups } = new SGD(given);
      expect(paramGroups).toHaveLength(1);
      expect(paramGroups[0]!.params).toEqual([a, b]);
    }
  });

  test("groups have options of their own, the constructor's, or the default", () => {
    const [a, b, c] = [parameter(1), parameter(2), parameter(3)];
    const { paramGroups } = new Adam(
      [
        { params: a, lr: 0.5 },
        { params: [b, c], betas: [0.5, 0.6] },
      ],
      { lr: 0.1, eps: 1e-6 },
    );
    const rest = { eps: 1e-6, weightDecay: 0, amsgrad: false, maximize: false, decoupledWeightDecay: false };
    expect(paramGroups).toEqual([
      { ...rest, params: [a], lr: 0.5, betas: [0.9, 0.999] },
      { ...rest, params: [b, c], lr: 0.1, betas: [0.5, 0.6] },
    ]);
  });

  test("defaults are PyTorch's", () => {
    const p = parameter(1);
    expect(new SGD([p]).paramGroups[0]).toEqual({
      params: [p],
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      maximize: false,
    });
    expect(new Adam([p]).paramGroups[0]!.weightDecay).toBe(0);
    expect(new AdamW([p]).paramGroups[0]).toEqual({
      params: [p],
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 1e-2,
      amsgrad: false,
      maximize: false,
    });
  });

  test("an option that is undefined is not given, and lists are not shared", () => {
    const first = new Adam([parameter(1)], { lr: undefined } as never);
    expect(first.paramGroups[0]!.lr).toBe(1e-3);
    (first.paramGroups[0]!.betas as [number, number])[0] = 0;
    expect(new Adam([parameter(1)]).paramGroups[0]!.betas).toEqual([0.9, 0.999]);
  });

  test("a group may be empty, as long as there is a parameter", () => {
    expect(new SGD([{ params: [] }, { params: parameter(1) }]).paramGroups).toHaveLength(2);
  });

  test("addParamGroup", () => {
    const [a, b] = [graded(1), graded(1)];
    const optimizer = new SGD([a], { lr: 0.5 });
    optimizer.addParamGroup({ params: b, lr: 0.25 });
    optimizer.step();
    expect([a, b].map(numbers)).toEqual([[0.5], [0.75]]);
    expect(() => optimizer.addParamGroup({ params: [a] })).toThrow(
      "SGD: a tensor of shape [1] appears twice, in group 0 and in group 2; list every parameter once",
    );
    expect(() => optimizer.addParamGroup({ params: [parameter(1)], lr: -1 })).toThrow(
      "SGD: lr is -1, expected a number ≥ 0",
    );
    expect(optimizer.paramGroups).toHaveLength(2);
  });
});

describe("rejects", () => {
  const a = (): Parameter => parameter(1, 2);
  const repeated = (arrange: (p: Parameter) => Params<SGDHyper>): SGD => new SGD(arrange(parameter(1)));

  test.each<[string, () => unknown]>([
    // The list of parameters.
    [
      "SGD: the list of parameters is empty; pass module.parameters() of a module that has some; a generator gives them only once",
      () => new SGD([]),
    ],
    [
      "Adam: the list of parameters is empty; pass module.parameters() of a module that has some; a generator gives them only once",
      () => new Adam([{ params: [] }]),
    ],
    [
      "SGD: a tensor of shape [1] appears twice, in group 0 and in group 0; list every parameter once",
      () => repeated((p) => [p, p]),
    ],
    [
      "SGD: a tensor of shape [1] appears twice, in group 0 and in group 1; list every parameter once",
      () => repeated((p) => [{ params: p }, { params: [p] }]),
    ],
    [
      "SGD: item 1 of the parameters is a tensor of shape [1], not a Parameter; pass module.parameters(), or groups { params, … }; new Parameter(tensor) makes one",
      () => new SGD([a(), tensor([1], { requiresGrad: true }) as Parameter]),
    ],
    [
      "SGD: item 0 of the parameters is a tensor of shape [1], not a Parameter; pass module.parameters(), or groups { params, … }; new Parameter(tensor) makes one",
      () => new SGD([{ params: [new Buffer(tensor([1])) as never] }]),
    ],
    [
      'SGD: item 0 of the parameters is ["weight", a tensor of shape [2]], not a Parameter; pass module.parameters(), or groups { params, … }; new Parameter(tensor) makes one',
      () => new SGD([["weight", a()] as never]),
    ],
    [
      "SGD: expected an iterable of parameters, got a tensor of shape [2]; pass module.parameters(), or put a single parameter into an array",
      () => new SGD(a() as never),
    ],
    [
      "SGD: expected an iterable of parameters, got an object; pass module.parameters(), or put a single parameter into an array",
      () => new SGD({ weight: a() } as never),
    ],
    [
      "SGD: expected an iterable of parameters, got undefined; pass module.parameters(), or put a single parameter into an array",
      () => new SGD([{ params: undefined as never }]),
    ],
    [
      "SGD: expected a group { params, … }, got a tensor of shape [2]; make all items groups",
      () => new SGD([{ params: [a()] }, a() as never]),
    ],
    // Options.
    ["SGD: lr is -0.1, expected a number ≥ 0", () => new SGD([a()], { lr: -0.1 })],
    [
      "Adam: expected options { lr, betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay }, got 0.1",
      () => new Adam([a()], 0.1 as never),
    ],
    ["SGD: lr is NaN, expected a number ≥ 0", () => new SGD([a()], { lr: Number.NaN })],
    ['SGD: lr is "0.1", expected a number ≥ 0', () => new SGD([a()], { lr: "0.1" as never })],
    ["SGD: lr is -1, expected a number ≥ 0", () => new SGD([{ params: [a()], lr: -1 }])],
    [
      "SGD: lr is -1, expected a number ≥ 0; momentum is -2, expected a number ≥ 0; dampening is Infinity, expected a finite number; weightDecay is -3, expected a number ≥ 0",
      () => new SGD([a()], { lr: -1, momentum: -2, dampening: Number.POSITIVE_INFINITY, weightDecay: -3 }),
    ],
    ["SGD: nesterov is 1, expected true or false", () => new SGD([a()], { nesterov: 1 as never })],
    [
      "SGD: nesterov needs momentum > 0 and dampening 0, got momentum 0 and dampening 0",
      () => new SGD([a()], { nesterov: true }),
    ],
    [
      "SGD: nesterov needs momentum > 0 and dampening 0, got momentum 0.9 and dampening 0.1",
      () => new SGD([{ params: [a()], nesterov: true }], { momentum: 0.9, dampening: 0.1 }),
    ],
    [
      "SGD: weight_decay is unknown (known: lr, momentum, dampening, weightDecay, nesterov, maximize)",
      () => new SGD([a()], { weight_decay: 1 } as never),
    ],
    [
      "Adam: momentum is unknown (known: lr, betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay, initialLr)",
      () => new Adam([{ params: [a()], momentum: 0.9 } as never]),
    ],
    ["Adam: betas is [0.9, 1], expected two numbers in [0, 1)", () => new Adam([a()], { betas: [0.9, 1] })],
    ["Adam: betas is [-0.1, 0.9], expected two numbers in [0, 1)", () => new Adam([a()], { betas: [-0.1, 0.9] })],
    ["Adam: betas is [0.9], expected two numbers in [0, 1)", () => new Adam([a()], { betas: [0.9] as never })],
    ["Adam: betas is an object, expected two numbers in [0, 1)", () => new Adam([a()], { betas: {} as never })],
    ["Adam: eps is -1e-8, expected a number ≥ 0", () => new Adam([a()], { eps: -1e-8 })],
    ["AdamW: weightDecay is -0.01, expected a number ≥ 0", () => new AdamW([a()], { weightDecay: -0.01 })],
    [
      "AdamW: amsgrad is a function, expected true or false",
      () => new AdamW([a()], { amsgrad: (() => true) as never }),
    ],
  ])("%s", (message, make) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(expect.objectContaining({ message }));
  });

  test("an option that went bad later, before anything changes", () => {
    const [p, q] = [graded(1), graded(1)];
    const optimizer = new SGD([{ params: [p] }, { params: [q] }], { lr: 0.5, momentum: 0.9 });
    optimizer.step();
    const saved = optimizer.stateDict();
    optimizer.paramGroups[1]!.lr = Number.NaN;
    expect(() => optimizer.step()).toThrow("SGD: lr is NaN, expected a number ≥ 0");
    expect([p, q].map(numbers)).toEqual([[0.5], [0.5]]);
    expect(optimizer.stateDict().state).toEqual(saved.state);
  });
});

describe("step", () => {
  test("reads the options of the group at every step", () => {
    const p = graded(1);
    const optimizer = new SGD([p], { lr: 0.5 });
    optimizer.step();
    optimizer.paramGroups[0]!.lr = 0.25;
    optimizer.step();
    expect(numbers(p)).toEqual([0.25]);
  });

  test("skips a parameter without a gradient, which does not age", () => {
    const [p, frozen] = [graded(1), new Parameter(tensor([1]), { requiresGrad: false })];
    const late = parameter(1);
    const optimizer = new Adam([p, frozen, late]);
    optimizer.step();
    late.grad = tensor([1]);
    optimizer.step();
    expect(numbers(frozen)).toEqual([1]);
    const { state } = optimizer.stateDict();
    expect(Object.entries(state).map(([i, { step }]) => [i, step])).toEqual([
      ["0", 2],
      ["2", 1],
    ]);
    // Adam's first step has the size of the learning rate: late took one, p two.
    expect(numbers(late)[0]).toBeCloseTo(1 - 1e-3, 6);
    expect(numbers(p)[0]).toBeCloseTo(1 - 2e-3, 6);
  });

  test("returns the loss of the closure, which records also inside of noGrad", () => {
    const p = parameter(3);
    const optimizer = new SGD([p], { lr: 0.5 });
    const loss = noGrad(() =>
      optimizer.step(() => {
        expect(isGradEnabled()).toBe(true);
        optimizer.zeroGrad();
        const y = p.mul(p).sum();
        y.backward();
        return y;
      }),
    );
    expect(loss.item()).toBe(9);
    expect(numbers(p)).toEqual([0]);
    expect(optimizer.step()).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["a promise", (async () => 1)()],
    ["1", 1],
    ["undefined", undefined],
    ["a tensor of shape [2]", [1, 2]],
  ])("rejects a closure that returns %s", (shown, returned) => {
    const p = graded(1);
    const loss = Array.isArray(returned) ? tensor(returned) : returned;
    const problem = (name: string): string =>
      `${name}.step: the closure returned ${shown}; return the loss, a tensor with one element`;
    for (const optimizer of [new SGD([p]), new Prodigy([p]), new LBFGS([p]), new SAM(new SGD([p]))])
      expect(() => optimizer.step(() => loss as Tensor)).toThrow(problem(optimizer.constructor.name));
    p.grad = null;
    expect(() => new SLS([p]).step(() => loss as Tensor)).toThrow(problem("SLS"));
    expect(numbers(p)).toEqual([1]);
  });

  test("zeroGrad forgets all gradients", () => {
    const [p, q] = [graded(1), parameter(1)];
    new SGD([p, q]).zeroGrad();
    expect([p.grad, q.grad]).toEqual([null, null]);
  });

  test("what was detached before keeps its value", () => {
    const p = graded(1);
    const before = p.detach();
    new SGD([p], { lr: 1 }).step();
    expect([before, p].map(numbers)).toEqual([[1], [0]]);
  });

  describe("an error in the update of a parameter", () => {
    interface Hyper {
      readonly lr: number;
    }
    interface Sum {
      readonly sum: Tensor | null;
    }
    /** Adds up gradients, and throws for parameters of the size `broken`. */
    const fragile = (state: { broken: number }): Rule<Hyper, Sum> => ({
      name: "Fragile",
      defaults: { lr: 1 },
      checks: { lr: nonNegative },
      init: () => ({ sum: null }),
      update(p, g, { sum }) {
        const next = { p: p.sub(g), state: { sum: sum?.add(g) ?? g } };
        if (p.shape[0] === state.broken) throw new RangeError("out of luck");
        return next;
      },
    });

    test("leaves its value and state as they were; those before it have moved, with their states", () => {
      const fault = { broken: 0 };
      const parameters = [graded(1), graded(1, 1), graded(1, 1, 1)];
      const optimizer = new Optimizer(fragile(fault), parameters);
      optimizer.step();
      fault.broken = 2;
      expect(() => optimizer.step()).toThrow("out of luck");
      // The largest comes first, then the others in their order.
      expect(parameters.map(numbers)).toEqual([[-1], [0, 0], [-1, -1, -1]]);
      const steps = Object.values(optimizer.stateDict().state).map(({ step, sum }) => [step, sum!.toArray()]);
      expect(steps).toEqual([
        [2, [2]],
        [1, [1, 1]],
        [2, [2, 2, 2]],
      ]);
    });

    test("changes nothing where that is the largest, whatever the groups", () => {
      const fault = { broken: 0 };
      const parameters = [graded(1), graded(1, 1), graded(1, 1, 1), graded(1, 1)];
      const [a, b, c, d] = parameters as [Parameter, Parameter, Parameter, Parameter];
      const optimizer = new Optimizer(fragile(fault), [{ params: [a, b] }, { params: [c, d] }]);
      optimizer.step();
      const saved = optimizer.stateDict();
      fault.broken = 3;
      expect(() => optimizer.step()).toThrow("out of luck");
      expect(parameters.map(numbers)).toEqual([[0], [0, 0], [0, 0, 0], [0, 0]]);
      expect(optimizer.stateDict()).toEqual(saved);
    });
  });

  test("frees old values and states as it goes", () => {
    const backend = countingBackend();
    setBackend(backend);
    const parameters = Array.from({ length: 50 }, () => graded(1, 1, 1));
    const optimizer = new Adam(parameters);
    optimizer.step();
    const before = backend.liveBytes;
    backend.resetPeak();
    optimizer.step();
    expect(backend.liveBytes).toBe(before);
    // A value, its state and the temporaries on the way to them, but not those of two parameters.
    const tensors = (backend.peakBytes - before) / (3 * 4);
    expect(tensors).toBeGreaterThanOrEqual(3);
    expect(tensors).toBeLessThan(16);
  });
});

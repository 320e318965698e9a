import { cpu } from "@descent/backend-cpu";
import { DisposedError, Parameter, StateDictError, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, SGD } from "../index.ts";

beforeEach(() => setBackend(cpu()));

function graded(...values: number[]): Parameter {
  const p = new Parameter(tensor(values));
  p.grad = tensor(values.map(() => 1));
  return p;
}
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());

/** Two groups and three parameters; the second one never had a gradient. */
function trained(): { parameters: Parameter[]; optimizer: Adam } {
  const parameters = [graded(1, 2), new Parameter(tensor([3])), graded(4)];
  const optimizer = new Adam(
    [
      { params: parameters.slice(0, 2), lr: 0.5 },
      { params: parameters[2]!, betas: [0.5, 0.75] },
    ],
    { lr: 0.1 },
  );
  optimizer.step();
  return { parameters, optimizer };
}

test("has PyTorch's form, with names in camelCase", () => {
  const { state, paramGroups } = trained().optimizer.stateDict();
  expect(Object.keys(state)).toEqual(["0", "2"]);
  expect(Object.keys(state[0]!)).toEqual(["step", "expAvg", "expAvgSq"]);
  expect(state[0]!.step).toBe(1);
  expect(numbers(state[2]!.expAvg!)).toEqual([0.5]);
  expect(numbers(state[2]!.expAvgSq!)).toEqual([0.25]);
  const rest = { eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false, decoupledWeightDecay: false };
  expect(paramGroups).toEqual([
    { lr: 0.5, betas: [0.9, 0.999], ...rest, params: [0, 1] },
    { lr: 0.1, betas: [0.5, 0.75], ...rest, params: [2] },
  ]);
});

test("names the momentum of SGD and the maximum of AMSGrad", () => {
  const sgd = new SGD([graded(1)], { momentum: 0.9 });
  sgd.step();
  expect(Object.keys(sgd.stateDict().state[0]!)).toEqual(["step", "momentumBuffer"]);
  const plain = new SGD([graded(1)]);
  plain.step();
  expect(Object.keys(plain.stateDict().state[0]!)).toEqual(["step"]);
  const adam = new Adam([graded(1)], { amsgrad: true });
  adam.step();
  expect(Object.keys(adam.stateDict().state[0]!)).toEqual(["step", "expAvg", "expAvgSq", "maxExpAvgSq"]);
});

test("leaves out what users hang onto a group, and keeps the initial rate of a schedule", () => {
  const { optimizer } = trained();
  Object.assign(optimizer.paramGroups[0]!, { initialLr: 0.75, note: "the first" });
  const saved = optimizer.stateDict();
  expect(saved.paramGroups[0]).not.toHaveProperty("note");
  const other = trained().optimizer;
  other.loadStateDict(saved);
  expect(other.paramGroups.map(({ initialLr }) => initialLr)).toEqual([0.75, undefined]);
});

test("loading replaces state and options, and shares nothing with the dict", () => {
  const { optimizer } = trained();
  const fresh = [graded(1, 2), graded(3), graded(4)];
  const other = new Adam([{ params: fresh.slice(0, 2) }, { params: fresh[2]! }]);
  other.step();
  const saved = optimizer.stateDict();
  other.loadStateDict(saved);
  expect(Object.keys(other.stateDict().state)).toEqual(["0", "2"]);
  expect(other.paramGroups.map(({ lr, betas }) => [lr, betas])).toEqual([
    [0.5, [0.9, 0.999]],
    [0.1, [0.5, 0.75]],
  ]);
  expect(other.paramGroups[0]!.params).toEqual(fresh.slice(0, 2));
  for (const { paramGroups } of [other, optimizer]) (paramGroups[1]!.betas as [number, number])[0] = 0;
  expect(saved.paramGroups[1]!.betas[0]).toBe(0.5);
  saved.state[2]!.expAvg!.dispose();
  expect(() => other.step()).not.toThrow();
});

test("parameters are matched by their place, not by their number", () => {
  const { optimizer } = trained();
  const { state, paramGroups } = optimizer.stateDict();
  const renumbered = {
    state: { 7: state[0]!, 9: state[2]! },
    paramGroups: [
      { ...paramGroups[0]!, params: [7, 8] },
      { ...paramGroups[1]!, params: [9] },
    ],
  };
  const other = trained().optimizer;
  other.loadStateDict(renumbered);
  expect(numbers(other.stateDict().state[2]!.expAvg!)).toEqual([0.5]);
});

describe("rejects", () => {
  const HINT = "\n; make the optimizer as it was when the dict was saved, with the same parameters in the same groups";
  type Dict = ReturnType<Adam["stateDict"]>;

  test.each<[string, readonly string[], (dict: Dict) => unknown]>([
    [
      "groups of another number",
      ["the dict has 1 parameter groups, the optimizer 2", "state[2] belongs to no parameter"],
      ({ state, paramGroups }) => ({ state, paramGroups: paramGroups.slice(0, 1) }),
    ],
    [
      "a group of another size",
      ["paramGroups[0] has 1 parameters, the optimizer's group 2"],
      ({ state, paramGroups }) => ({ state, paramGroups: [{ ...paramGroups[0]!, params: [0] }, paramGroups[1]!] }),
    ],
    [
      "options that are missing, unknown or wrong",
      [
        "paramGroups[0].momentum is unknown (known: lr, betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay, initialLr)",
        "paramGroups[0].lr is undefined, expected a number ≥ 0",
        "paramGroups[1].betas is [0.5, 1], expected two numbers in [0, 1)",
        "paramGroups[1].initialLr is -1, expected a number ≥ 0",
      ],
      ({ state, paramGroups: [a, b] }) => ({
        state,
        paramGroups: [
          { ...a!, lr: undefined, momentum: 0.9 },
          { ...b!, betas: [0.5, 1], initialLr: -1 },
        ],
      }),
    ],
    [
      "state that is missing, unknown or does not fit",
      [
        "state[0].step is 0, expected an integer ≥ 1",
        "state[0].momentumBuffer is unknown (known: expAvg, expAvgSq, maxExpAvgSq)",
        'state[0].expAvg is a float32 tensor of shape [3] on "cpu", expected a float32 tensor of shape [2] on "cpu"',
        'state[0].expAvgSq is missing, expected a float32 tensor of shape [2] on "cpu"',
        'state[2].expAvg is a float64 tensor of shape [1] on "cpu", expected a float32 tensor of shape [1] on "cpu"',
        'state[2].expAvgSq is 0.5, expected a float32 tensor of shape [1] on "cpu"',
        "state[5] belongs to no parameter",
      ],
      ({ state, paramGroups }) => ({
        state: {
          0: { step: 0, expAvg: zeros([3]), momentumBuffer: zeros([2]) },
          2: { ...state[2]!, expAvg: zeros([1], { dtype: "float64" }), expAvgSq: 0.5 },
          5: state[2]!,
        },
        paramGroups,
      }),
    ],
    [
      "AMSGrad without its maximum",
      ['state[0].maxExpAvgSq is missing, expected a float32 tensor of shape [2] on "cpu"'],
      ({ state, paramGroups: [a, b] }) => ({ state, paramGroups: [{ ...a!, amsgrad: true }, b!] }),
    ],
  ])("%s, and changes nothing", (_, problems, spoil) => {
    const { optimizer } = trained();
    const groups = optimizer.paramGroups.map((group) => ({ ...group }));
    const spoiled = spoil(optimizer.stateDict()) as Dict;
    expect(() => optimizer.loadStateDict(spoiled)).toThrow(StateDictError);
    expect(() => optimizer.loadStateDict(spoiled)).toThrow(
      expect.objectContaining({
        message: `Adam.loadStateDict: the dict does not fit:\n  ${problems.join("\n  ")}${HINT}`,
      }),
    );
    expect(optimizer.paramGroups).toEqual(groups);
    const { state } = optimizer.stateDict();
    expect(Object.keys(state)).toEqual(["0", "2"]);
    expect(numbers(state[2]!.expAvg!)).toEqual([0.5]);
  });

  test("the state of another kind of optimizer", () => {
    const sgd = new SGD([graded(1)], { momentum: 0.9 });
    sgd.step();
    const adam = new Adam([graded(1)]);
    expect(() => adam.loadStateDict(sgd.stateDict() as never)).toThrow(
      "paramGroups[0].momentum is unknown (known: lr, betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay, initialLr)\n  " +
        "paramGroups[0].dampening is unknown",
    );
  });

  test("state on another backend", () => {
    const { optimizer } = trained();
    const { state, paramGroups } = optimizer.stateDict();
    const elsewhere = { ...state[2]!, expAvg: zeros([1], { backend: { ...cpu(), name: "far" } }) };
    expect(() => optimizer.loadStateDict({ state: { 2: elsewhere }, paramGroups })).toThrow(
      'state[2].expAvg is a float32 tensor of shape [1] on "far", expected a float32 tensor of shape [1] on "cpu"',
    );
  });

  test("disposed tensors", () => {
    const { optimizer } = trained();
    const saved = optimizer.stateDict();
    saved.state[2]!.expAvg!.dispose();
    optimizer.step();
    expect(() => optimizer.loadStateDict(saved)).toThrow(DisposedError);
    expect(optimizer.stateDict().state[0]!.step).toBe(2);
  });

  test.each([
    undefined,
    null,
    3,
    {},
    { state: {} },
    { paramGroups: [] },
    { state: {}, paramGroups: [null, null] },
    { state: {}, paramGroups: [{}, {}] },
    { state: { 0: 3 }, paramGroups: [] },
  ])("what is no state dict: %j", (dict) => {
    const load = (): void => trained().optimizer.loadStateDict(dict as never);
    expect(load).toThrow(StateDictError);
    expect(load).toThrow(
      "Adam.loadStateDict: this is no { state, paramGroups } with lists of params; pass what stateDict() gave",
    );
  });
});

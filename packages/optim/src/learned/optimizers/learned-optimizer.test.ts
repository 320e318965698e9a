import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { type Backend, Generator, Parameter, randn, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { decodeSafetensorsMetadata } from "@descent/core/safetensors";
import { numbersOf } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { type AnyOptimizer, StepLR } from "../../index.ts";
import { HierarchicalRNNOptimizer, LearnedOptimizer, LiMalikOptimizer, LSTMOptimizer, lstmRule } from "../index.ts";
import { HIERARCHICAL_RNN_WEIGHTS } from "../weights/hierarchical-rnn.ts";
import { LI_MALIK_WEIGHTS } from "../weights/li-malik.ts";
import { LSTM_WEIGHTS } from "../weights/lstm.ts";

beforeEach(() => {
  setBackend(cpu());
});

const CLASSES = { LSTMOptimizer, LiMalikOptimizer, HierarchicalRNNOptimizer };
const NAMES = Object.keys(CLASSES) as (keyof typeof CLASSES)[];
type Made = AnyOptimizer & { readonly weights: Readonly<Record<string, Tensor>> };
const make = (name: keyof typeof CLASSES, params: unknown, options: object = {}): Made =>
  new CLASSES[name](params as never, options as never) as unknown as Made;

const parameters = (seed: number): Parameter[] => {
  const generator = new Generator(seed);
  return [[3, 2], [3]].map((shape) => new Parameter(randn(shape, { generator })));
};
const loss = (ps: readonly Parameter[]): Tensor => ps.map((p) => p.sub(1).square().sum()).reduce((a, b) => a.add(b));
const step = (optimizer: AnyOptimizer, ps: readonly Parameter[]): number =>
  optimizer
    .step(() => {
      optimizer.zeroGrad();
      const value = loss(ps);
      value.backward();
      return value;
    })!
    .item();

describe.each(NAMES)("%s", (name) => {
  test("comes with trained weights, and makes losses smaller", () => {
    const ps = parameters(1);
    const optimizer = make(name, ps);
    const first = step(optimizer, ps);
    for (let k = 0; k < 30; k++) step(optimizer, ps);
    expect(step(optimizer, ps)).toBeLessThan(0.5 * first);
  });

  test("goes on from its state bit for bit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 6 }), (seed, before) => {
        const ps = parameters(seed);
        const optimizer = make(name, ps, { lr: 0.05 });
        for (let k = 0; k < before; k++) step(optimizer, ps);
        const [saved, values] = [optimizer.stateDict(), ps.map((p) => tensor(p.toArray<number[]>()))];
        for (let k = 0; k < 3; k++) step(optimizer, ps);
        const again = values.map((x) => new Parameter(x));
        const resumed = make(name, again);
        step(resumed, again);
        for (const [i, p] of again.entries()) p.assign(values[i]!.reshape(p.shape));
        resumed.loadStateDict(saved);
        for (let k = 0; k < 3; k++) step(resumed, again);
        expect(numbersOf(again)).toEqual(numbersOf(ps));
      }),
      { numRuns: 6 },
    );
  });

  test("takes groups with rates of their own, and schedules", () => {
    const [a, b] = parameters(2) as [Parameter, Parameter];
    const optimizer = make(name, [{ params: [a], lr: 0 }, { params: [b] }]);
    const [stays, moves] = numbersOf([a, b]);
    step(optimizer, [a, b]);
    expect(numbersOf([a])[0]).toEqual(stays);
    expect(numbersOf([b])[0]).not.toEqual(moves);
    const schedule = new StepLR(optimizer as never, { stepSize: 1, gamma: 0 });
    schedule.step();
    const [there] = numbersOf([b]);
    step(optimizer, [a, b]);
    expect(numbersOf([b])[0]).toEqual(there);
  });

  test("moves float64 parameters, and those of another backend, with weights made like them", () => {
    const run = (dtype: "float32" | "float64", backend: Backend = cpu()): number[] => {
      const p = new Parameter(tensor([1, -2, 3], { dtype, backend }));
      const optimizer = make(name, [p]);
      for (let k = 0; k < 3; k++) step(optimizer, [p]);
      expect([p.dtype, p.backend]).toEqual([dtype, backend]);
      return numbersOf([p])[0]!;
    };
    const reference = run("float64");
    for (const found of [run("float32"), run("float32", wasm({ threads: 1 }))])
      for (const [i, x] of found.entries()) expect(x).toBeCloseTo(reference[i]!, 4);
  });

  test("rejects weights for another architecture, unknown options and no closure", () => {
    const ps = parameters(1);
    const { weights } = make(name, ps);
    const { [Object.keys(weights)[0]!]: one, ...rest } = weights;
    expect(() => make(name, ps, { weights: rest })).toThrow(
      `${name}: the weights are for another architecture: "${Object.keys(weights)[0]}" is missing; make the rule with the options that its weights were trained with`,
    );
    expect(one).toBeDefined();
    expect(() => make(name, ps, { rate: 1 })).toThrow(`${name}: rate is unknown (known: lr`);
    expect(() => make(name, ps, { lr: -1 })).toThrow(`${name}: lr is -1, expected a number ≥ 0`);
    expect(() => make(name, ps, 0.1 as never)).toThrow(`${name}: expected options { lr`);
    const optimizer = make(name, ps);
    const before = numbersOf(ps);
    if (name === "LiMalikOptimizer")
      expect(() => optimizer.step()).toThrow(
        "LiMalikOptimizer.step: undefined is no closure; pass a function that computes the loss, calls backward() and returns the loss",
      );
    expect(numbersOf(ps)).toEqual(before);
  });

  test("leaves parameters without gradient alone", () => {
    const [a, b] = parameters(3) as [Parameter, Parameter];
    const optimizer = make(name, [a, b]);
    const before = numbersOf([b]);
    step(optimizer, [a]);
    if (name !== "LiMalikOptimizer") expect(numbersOf([b])).toEqual(before);
    expect(Number.isFinite(step(optimizer, [a, b]))).toBe(true);
  });
});

test("HierarchicalRNNOptimizer begins with the rate it is given, which is positive", () => {
  const [slow, fast] = [1e-4, 1e-1].map((startRate) => {
    const p = new Parameter(tensor([1, -2, 3], { dtype: "float64" }));
    step(new HierarchicalRNNOptimizer([p], { startRate }), [p]);
    return numbersOf([p])[0]!.map((x, i) => x - [1, -2, 3][i]!);
  });
  // The first step is in proportion to it.
  for (const [i, x] of fast!.entries()) expect(x / slow![i]!).toBeCloseTo(1000, 6);
  for (const [startRate, shown] of [
    [0, "0"],
    [-1, "-1"],
    [Number.NaN, "NaN"],
  ] as const)
    expect(() => make("HierarchicalRNNOptimizer", parameters(1), { startRate })).toThrow(
      `HierarchicalRNNOptimizer: startRate is ${shown}, expected a number > 0`,
    );
});

test("the weights take 200 KiB at most, and tell how they were made", () => {
  const texts = [HIERARCHICAL_RNN_WEIGHTS, LI_MALIK_WEIGHTS, LSTM_WEIGHTS];
  expect(texts.reduce((sum, text) => sum + text.length, 0)).toBeLessThan(200 * 1024);
  const commands = texts.map((text) => decodeSafetensorsMetadata(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));
  expect(commands.map(({ command }) => command)).toEqual([
    expect.stringMatching(/^npm run meta-train -- hierarchical-rnn --steps \d+ --seed 1$/),
    expect.stringMatching(/^npm run meta-train -- li-malik --steps \d+ --seed 1$/),
    expect.stringMatching(/^npm run meta-train -- lstm --steps \d+ --seed 1$/),
  ]);
});

test("weights that are trained on go on being used", () => {
  const rule = lstmRule({ units: 2 });
  const weights = Object.fromEntries(
    Object.entries(rule.initialize({ generator: new Generator(1) })).map(([name, w]) => [name, new Parameter(w)]),
  );
  const ps = parameters(1);
  const optimizer = new LearnedOptimizer(rule, weights, ps);
  for (const w of Object.values(weights)) w.assign(w.mul(0));
  const before = numbersOf(ps);
  step(optimizer, ps);
  expect(numbersOf(ps)).toEqual(before);
});

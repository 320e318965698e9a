import { cpu } from "@descent/backend-cpu";
import { cat, eye, Generator, randn, setBackend, split, type Tensor, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { GRUCell, LSTMCell } from "@descent/nn";
import { type AnyLearnedRule, LEARNED_RULES, numbersOf } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Weights } from "../base/learned-rule.ts";
import { averagesAt, hierarchicalRnnRule, inputsOf, squaresAt } from "./hierarchical-rnn.ts";
import { gruCell, gruWeights, lstmCell, lstmWeights } from "./layers.ts";
import { gradientFeatures, iterateFeatures, liMalikRule, lossFeatures } from "./li-malik.ts";
import { logAndSign, lstmRule } from "./lstm.ts";

beforeEach(() => {
  setBackend(cpu());
});

const dtype = "float64";
const f64 = (values: number | readonly number[] | readonly (readonly number[])[]): Tensor =>
  tensor(values as number[], { dtype });
const close = (found: readonly number[], expected: readonly number[]): void => {
  expect(found.length).toBe(expected.length);
  for (const [i, x] of found.entries())
    expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-12 * Math.max(1, Math.abs(x)));
};
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe("cells", () => {
  test("the LSTM is PyTorch's", () => {
    const generator = new Generator(1);
    const weights = lstmWeights("a", 3, 4, { generator, dtype });
    const cell = new LSTMCell(3, 4).to(dtype);
    cell.loadStateDict({
      weight_ih: weights["a.weight_ih"]!,
      weight_hh: weights["a.weight_hh"]!,
      bias_ih: weights["a.bias"]!,
      bias_hh: weights["a.bias"]!.mul(0),
    });
    const [x, h, c] = [3, 4, 4].map((size) => randn([5, size], { generator, dtype })) as [Tensor, Tensor, Tensor];
    const ours = lstmCell(weights, "a", x, h, c);
    const theirs = cell.call(x, [h, c]);
    for (const [i, state] of [ours.h, ours.c].entries()) close(numbersOf([state])[0]!, numbersOf([theirs[i]!])[0]!);
  });

  test("the GRU is Cho's", () => {
    const generator = new Generator(2);
    const weights = gruWeights("a", 1, 1, { generator, dtype });
    const [w, u, b] = ["weight_ih", "weight_hh", "bias"].map((name) => numbersOf([weights[`a.${name}`]!])[0]!);
    fc.assert(
      fc.property(fc.tuple(...Array.from({ length: 5 }, () => fc.integer({ min: -8, max: 8 }))), (numbers) => {
        const [x, h, ...bias] = numbers.map((n) => n / 4) as [number, number, number, number, number];
        const r = sigmoid(w![0]! * x + u![0]! * h + b![0]! + bias[0]!);
        const z = sigmoid(w![1]! * x + u![1]! * h + b![1]! + bias[1]!);
        const n = Math.tanh(w![2]! * x + u![2]! * (r * h) + b![2]! + bias[2]!);
        const next = gruCell(weights, "a", f64([[x]]), f64([[h]]), f64([bias]));
        close([next.item()], [(1 - z) * n + z * h]);
      }),
    );
    expect(b).toEqual([2.2, 2.2, 0]);
  });

  test("the GRU is PyTorch's where candidates see of the state only their own unit", () => {
    const generator = new Generator(3);
    const units = 3;
    const all = gruWeights("a", 2, units, { generator, dtype });
    const [own, from] = [eye(units, units, { dtype }), randn([1, 3 * units], { generator, dtype })];
    const [gates, candidate] = split(all["a.weight_hh"]!, [2 * units, units]) as [Tensor, Tensor];
    const weights: Weights = { ...all, "a.weight_hh": cat([gates, candidate.mul(own)]) };
    const cell = new GRUCell(2, units).to(dtype);
    cell.loadStateDict({
      weight_ih: weights["a.weight_ih"]!,
      weight_hh: weights["a.weight_hh"]!,
      bias_ih: weights["a.bias"]!.add(from.flatten()),
      bias_hh: zeros([3 * units], { dtype }),
    });
    const [x, h] = [randn([5, 2], { generator, dtype }), randn([5, units], { generator, dtype })];
    close(numbersOf([gruCell(weights, "a", x, h, from)])[0]!, numbersOf([cell.call(x, h)])[0]!);
  });
});

describe("the coordinate-wise LSTM", () => {
  test("sees logarithm and sign of large gradients, small ones as they are", () => {
    const seen = (g: number): number[] => numbersOf([logAndSign(f64([[g]]), 5)])[0]!;
    close(seen(1), [Math.log(1 + 2 ** -23) / 5, 1]);
    close(seen(-Math.exp(2)), [Math.log(Math.exp(2) + 2 ** -23) / 5, -1]);
    close(seen(1e-3), [-1, Math.exp(5) * 1e-3]);
    close(seen(0), [-1, 0]);
  });

  test("moves an element as its network says", () => {
    const rule = lstmRule({ units: 2, layers: 1 });
    const weights = rule.initialize({ generator: new Generator(3), dtype });
    const p = f64([1, 2]);
    const g = f64([0.5, -3]);
    const { values } = rule.update(
      weights,
      [{ p, g, state: rule.init(p, rule.defaults), hyper: { lr: 0.1 }, t: 1 }],
      {},
      null,
    );
    const { h } = lstmCell(
      weights,
      "lstm.0",
      logAndSign(g.reshape([2, 1]), 5),
      f64([
        [0, 0],
        [0, 0],
      ]),
      f64([
        [0, 0],
        [0, 0],
      ]),
    );
    const out = h.mul(weights["output.weight"]!).sum(1).add(weights["output.bias"]!);
    close(numbersOf(values)[0]!, numbersOf([p.add(out.mul(0.1))])[0]!);
  });
});

describe("the features of Li & Malik", () => {
  const shapes = fc.record({
    history: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    t: fc.integer({ min: 0, max: 20 }),
    seed: fc.integer({ min: 0, max: 1000 }),
  });

  test("are what the paper's formulas say, and zero before the first step", () => {
    fc.assert(
      fc.property(shapes, ({ history, stride: s, t, seed }) => {
        const values = numbersOf([randn([t + 1], { generator: new Generator(seed), dtype }).add(3)])[0]!;
        const depth = s * (history + 1) + 1;
        // Latest first, as long as the rule keeps it.
        const past = Array.from({ length: depth }, (_, i) => f64([values[Math.max(0, t - i)]!]));
        const v = (at: number): number => values[at]!;
        const defined = (i: number, fn: () => number): number => (i < 0 ? 0 : fn());
        const each = (count: number, fn: (i: number) => number): number[] =>
          Array.from({ length: count }, (_, i) => fn(i));
        const found = (features: Tensor[]): number[] => features.map((x) => x.item());
        const at = { history, stride: s };
        close(
          found(lossFeatures(past, t, at)),
          each(history, (i) =>
            defined(t - s * (i + 1), () => (v(t - s * i) - v(t - s * (i + 1))) / v(t - s * (i + 1))),
          ),
        );
        close(
          found(gradientFeatures(past, t, at)),
          each(history + 1, (i) =>
            defined(t - s * i, () => v(t - s * i) / (Math.abs(v(Math.max(t - s * (i + 1), t % s))) + 1)),
          ),
        );
        close(
          found(iterateFeatures(past, t, at)),
          each(history, (i) =>
            defined(t - s * (i + 1), () => {
              const before = v(Math.max(t - s * (i + 1), (t % s) + s)) - v(Math.max(t - s * (i + 2), t % s));
              return Math.abs(before) / (Math.abs(v(t - s * i) - v(t - s * (i + 1))) + 0.1);
            }),
          ),
        );
      }),
    );
  });

  test("are finite where the loss is zero", () => {
    const [zero, one] = [f64(0), f64(1)];
    expect(lossFeatures([one, zero, zero], 1, { history: 1, stride: 1 })[0]!.item()).toBe(1);
    expect(lossFeatures([zero, zero, one], 1, { history: 1, stride: 1 })[0]!.item()).toBe(0);
  });

  test("are of averages over the last steps", () => {
    const seen: Tensor[][] = [];
    const rule = liMalikRule({ average: 3, units: 1 });
    const weights = rule.initialize({ dtype });
    let p = f64([0]);
    let state = rule.init(p, rule.defaults);
    let shared = rule.begin(rule.defaults);
    for (const [i, x] of [3, 6, 9, 15].entries()) {
      p = f64([x]);
      const outcome = rule.update(
        weights,
        [{ p, g: f64([2 * x]), state, hyper: { lr: 0 }, t: i + 1 }],
        shared,
        f64(10 * x),
      );
      state = outcome.states![0]!;
      shared = outcome.shared;
      seen.push([state.meanIterates[0]!, state.meanGradients[0]!, shared.meanLosses[0]!]);
    }
    expect(seen.map((row) => row.map((x) => x.item()))).toEqual([
      [3, 6, 30],
      [4.5, 9, 45],
      [6, 12, 60],
      [10, 20, 100],
    ]);
  });
});

describe("the hierarchical RNN", () => {
  test("averages gradients at scales each of which forgets half as fast, and scales them by their size", () => {
    const [d, sd, g, rate] = [0.64, 0.9, -0.5, Math.log(0.3)];
    const [averages, squares] = [f64([[1, 2, 3]]), f64([[4, 1, 0.25]])];
    const next = averagesAt(averages, f64([[g]]), f64([[d]]));
    const decays = [d, d ** 0.5, d ** 0.25];
    const expected = decays.map((decay, i) => decay * [1, 2, 3][i]! + (1 - decay) * g);
    close(numbersOf([next])[0]!, expected);
    const ms = squaresAt(squares, next, f64([[sd]]));
    const expectedMs = expected.map((a, i) => (1 - sd) * (a * a + 1e-12) + sd * [4, 1, 0.25][i]!);
    close(numbersOf([ms])[0]!, expectedMs);
    const logs = expectedMs.map((x) => Math.log(x + 1e-16));
    const mean = logs.reduce((a, b) => a + b) / 3;
    close(numbersOf([inputsOf(next, ms, f64([[rate]])).inputs])[0]!, [
      ...expected.map((a, i) => Math.asinh(a / Math.sqrt(expectedMs[i]! + 1e-16))),
      ...logs.map((x) => x - mean),
      0,
    ]);
  });

  test("does not see how large gradients are", () => {
    const rule = LEARNED_RULES["hierarchical-rnn"]!;
    const weights = rule.initialize({ generator: new Generator(7), dtype });
    const last = (scale: number): number[] => {
      let [p, state, shared] = [f64([1, 2]), rule.init(f64([1, 2]), rule.defaults), rule.begin(rule.defaults)];
      for (let t = 1; t <= 4; t++) {
        const g = f64([Math.sin(t) * scale, Math.cos(t) * scale]);
        const outcome = rule.update(weights, [{ p, g, state, hyper: rule.defaults, t }], shared, null);
        [p, state, shared] = [outcome.values[0]!, outcome.states![0], outcome.shared];
      }
      return numbersOf([p])[0]!;
    };
    const one = last(1);
    for (const scale of [1e-2, 1e3]) for (const [i, x] of last(scale).entries()) expect(x).toBeCloseTo(one[i]!, 6);
  });
});

/** Some steps of two parameters along gradients that depend on nothing but their values. */
function descend(rule: AnyLearnedRule, weights: Weights, values: readonly Tensor[]): number[][] {
  let members = values.map((p) => ({ p, state: rule.init(p, rule.defaults) }));
  let shared = rule.begin(rule.defaults);
  for (let t = 1; t <= 3; t++) {
    const loss = members.map(({ p }) => p.square().sum()).reduce((sum, x) => sum.add(x));
    const seen = members.map(({ p, state }) => ({ p, g: p.mul(2), state, hyper: rule.defaults, t }));
    const outcome = rule.update(weights, seen, shared, rule.usesLoss ? loss : null);
    members = outcome.values.map((p, i) => ({ p, state: outcome.states![i] }));
    shared = outcome.shared;
  }
  return numbersOf(members.map(({ p }) => p));
}

test.each(Object.keys(LEARNED_RULES))("%s treats no element and no parameter other than the rest", (name) => {
  const rule = LEARNED_RULES[name]!;
  const weights = rule.initialize({ generator: new Generator(1), dtype });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 }), (numbers) => {
      const [a, b, c] = numbers.map((n) => n / 4) as [number, number, number];
      const [[first], [second]] = [
        descend(rule, weights, [f64([a, b]), f64([[c]])]),
        descend(rule, weights, [f64([[c]]), f64([b, a])]).reverse(),
      ];
      for (const [i, x] of first!.entries()) expect(x).toBeCloseTo(second!.toReversed()[i]!, 9);
    }),
    { numRuns: 10 },
  );
});

test.each(Object.keys(LEARNED_RULES))("%s moves scalars, and nothing where there is nothing", (name) => {
  const rule = LEARNED_RULES[name]!;
  const weights = rule.initialize({ generator: new Generator(1), dtype });
  const [scalar, empty] = descend(rule, weights, [f64(1.5), f64([])]);
  expect([scalar!.length, empty!.length]).toEqual([1, 0]);
  expect(Number.isFinite(scalar![0])).toBe(true);
});

test("options of an architecture are checked", () => {
  expect(() => lstmRule({ units: 0 })).toThrow("lstmRule: units is 0, expected an integer ≥ 1");
  expect(() => liMalikRule({ stride: 1.5 })).toThrow("liMalikRule: stride is 1.5, expected an integer ≥ 1");
  expect(() => lstmRule({ unit: 1 } as never)).toThrow(
    "lstmRule: unit is unknown (known: units, layers, preprocessing)",
  );
  expect(() => hierarchicalRnnRule({ scales: 0, tensorUnits: 2.5 })).toThrow(
    "hierarchicalRnnRule: tensorUnits is 2.5, expected an integer ≥ 1; scales is 0, expected an integer ≥ 1",
  );
  expect(() => hierarchicalRnnRule({ levels: [10, 20, 20] } as never)).toThrow(
    "hierarchicalRnnRule: levels is unknown (known: elementUnits, tensorUnits, problemUnits, scales)",
  );
});

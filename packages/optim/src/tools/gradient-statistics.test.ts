import { cpu } from "@descent/backend-cpu";
import { manualSeed, Parameter, randn, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adam, gradientStatistics, gradientStatisticsAsync, SGD } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const made = (weights: readonly number[], gradient: readonly number[] | null): Parameter => {
  const p = new Parameter(tensor([...weights], { dtype: "float64" }));
  p.grad = gradient && tensor([...gradient], { dtype: "float64" });
  return p;
};
const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0));
const coarse = fc.integer({ min: -8, max: 8 }).map((i) => i / 4);
const pairs = fc.array(fc.tuple(coarse, coarse), { minLength: 1, maxLength: 6 });

describe("gradientStatistics", () => {
  test("measures gradients, weights and what a step adds to them", () => {
    fc.assert(
      fc.property(fc.array(pairs, { minLength: 1, maxLength: 3 }), (layers) => {
        const [weights, gradients] = [0, 1].map((k) => layers.map((layer) => layer.map((pair) => pair[k]!)));
        const named = layers.map((_, i) => [`layer${i}`, made(weights![i]!, gradients![i]!)] as const);
        const optimizer = new SGD(
          named.map(([, p]) => p),
          { lr: 0.25 },
        );
        const { parameters } = gradientStatistics(named, { step: () => optimizer.step() });
        for (const [i, row] of parameters.entries()) {
          const [w, g] = [weights![i]!, gradients![i]!];
          expect(row.name).toBe(`layer${i}`);
          expect(row.shape).toEqual([w.length]);
          expect(row.gradNorm).toBeCloseTo(norm(g), 12);
          expect(row.gradMaxAbs).toBe(Math.max(...g.map(Math.abs)));
          expect(row.gradZeros).toBeCloseTo(g.filter((x) => x === 0).length / g.length, 12);
          expect(row.weightNorm).toBeCloseTo(norm(w), 12);
          expect(row.updateNorm).toBeCloseTo(0.25 * norm(g), 12);
          const ratio = norm(g) === 0 ? 0 : (0.25 * norm(g)) / norm(w);
          expect(row.updateRatio! / (1 + ratio)).toBeCloseTo(ratio / (1 + ratio), 12);
        }
      }),
    );
  });

  test("weights of 0 that do not move have a ratio of 0, and those that do one of infinity", () => {
    const named = [["still", made([0], [0])] as const, ["moving", made([0], [1])] as const];
    const optimizer = new SGD(named.map(([, p]) => p));
    const { parameters } = gradientStatistics(named, { step: () => optimizer.step() });
    expect(parameters.map(({ updateRatio }) => updateRatio)).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  test("without a step there is no update, and without a gradient no gradient", () => {
    const report = gradientStatistics([
      ["a", made([3, 4], null)],
      ["empty", made([], [])],
    ]);
    const none = { gradNorm: null, gradMaxAbs: null, gradZeros: null, updateNorm: null, updateRatio: null };
    expect(report.parameters).toEqual([
      { name: "a", shape: [2], ...none, weightNorm: 5 },
      { name: "empty", shape: [0], ...none, weightNorm: 0 },
    ]);
    expect(report.warnings).toEqual([]);
  });

  test("does not change what a step does, and does not look at gradients so that they could not be freed", () => {
    const values = [true, false].map((isMeasured) => {
      manualSeed(1);
      const p = new Parameter(randn([4]));
      const optimizer = new Adam([p], { lr: 0.1 });
      for (let i = 0; i < 3; i++) {
        optimizer.zeroGrad();
        p.square().sum().backward();
        if (isMeasured) gradientStatistics([["p", p]], { step: () => optimizer.step() });
        else optimizer.step();
      }
      return p.toArray();
    });
    expect(values[0]).toEqual(values[1]);
  });

  test("reads once", () => {
    const backend = cpu();
    let reads = 0;
    const { download } = backend;
    backend.download = (x) => {
      reads++;
      return download(x);
    };
    setBackend(backend);
    const [p, q] = [new Parameter(zeros([2])), new Parameter(zeros([3]))];
    p.sum().add(q.sum()).backward();
    const optimizer = new SGD([p, q]);
    gradientStatistics(
      [
        ["p", p],
        ["q", q],
      ],
      { step: () => optimizer.step() },
    );
    expect(reads).toBe(1);
  });

  test("waits for devices that compute asynchronously, and for steps that do", async () => {
    const deferred = { ...cpu(), name: "deferred", synchronous: false };
    setBackend(deferred);
    const p = new Parameter(tensor([3, 4]));
    p.square().sum().backward();
    const optimizer = new SGD([p], { lr: 0.5 });
    const step = async (): Promise<void> => {
      await null;
      optimizer.step();
    };
    expect(() => gradientStatistics([["p", p]], { step })).toThrow(
      'gradientStatistics: backend "deferred" computes asynchronously; use await gradientStatisticsAsync()',
    );
    const { parameters } = await gradientStatisticsAsync([["p", p]], { step });
    expect(parameters).toEqual([
      {
        name: "p",
        shape: [2],
        gradNorm: 10,
        gradMaxAbs: 8,
        gradZeros: 0,
        weightNorm: 5,
        updateNorm: 5,
        updateRatio: 1,
      },
    ]);
  });

  test("leaves nothing behind, also where a step throws", () => {
    const backend = countingBackend();
    setBackend(backend);
    using initial = tensor([1, 2, 3]);
    const p = new Parameter(initial);
    const optimizer = new SGD([p]);
    const loss = p.square().sum();
    loss.backward();
    loss.dispose();
    initial.dispose();
    const before = backend.liveBytes;
    gradientStatistics([["p", p]], { step: () => optimizer.step() });
    gradientStatistics([["p", p]]);
    const step = (): void => {
      throw new RangeError("no");
    };
    expect(() => gradientStatistics([["p", p]], { step })).toThrow("no");
    expect(backend.liveBytes).toBe(before);
  });
});

describe("warnings", () => {
  test("of small, large and broken gradients are data", () => {
    const report = gradientStatistics([
      ["fine", made([1], [1])],
      ["small", made([1], [1e-9])],
      ["none", made([1], [0])],
      ["large", made([1], [3000])],
      ["nan", made([1, 1], [Number.NaN, 1])],
      ["inf", made([1], [Number.NEGATIVE_INFINITY])],
      ["lost", made([Number.NaN], [1])],
    ]);
    expect(report.warnings).toEqual([
      {
        name: "small",
        kind: "vanishing",
        value: 1e-9,
        threshold: 1e-7,
        message: "small: the gradient vanishes: its norm 1.00e-9 is below 1e-7",
      },
      {
        name: "none",
        kind: "vanishing",
        value: 0,
        threshold: 1e-7,
        message: "none: the gradient vanishes: its norm 0.00e+0 is below 1e-7",
      },
      {
        name: "large",
        kind: "exploding",
        value: 3000,
        threshold: 1000,
        message: "large: the gradient explodes: its norm 3.00e+3 is above 1e+3",
      },
      {
        name: "nan",
        kind: "nonfinite",
        value: Number.NaN,
        threshold: Infinity,
        message: "nan: the gradient is not finite (NaN)",
      },
      {
        name: "inf",
        kind: "nonfinite",
        value: Infinity,
        threshold: Infinity,
        message: "inf: the gradient is not finite (Infinity)",
      },
      {
        name: "lost",
        kind: "nonfinite",
        value: Number.NaN,
        threshold: Infinity,
        message: "lost: the weight is not finite (NaN)",
      },
    ]);
  });

  test("come at other thresholds where they are given; what is not finite always comes", () => {
    const kinds = (gradient: number, options: { vanishing?: number; exploding?: number }): string[] =>
      gradientStatistics([["p", made([1], [gradient])]], options).warnings.map(({ kind }) => kind);
    expect(kinds(0.5, { vanishing: 1 })).toEqual(["vanishing"]);
    expect(kinds(2, { exploding: 1 })).toEqual(["exploding"]);
    expect(kinds(0, { vanishing: 0 })).toEqual([]);
    expect(kinds(1e30, { exploding: Number.MAX_VALUE })).toEqual([]);
    expect(kinds(Number.NaN, { vanishing: 0, exploding: Number.MAX_VALUE })).toEqual(["nonfinite"]);
  });

  test("find the first layers of a deep net of sigmoids, and not those of one of rectifiers", () => {
    const vanishing = (activation: (x: Tensor) => Tensor): number[] => {
      manualSeed(0);
      const layers = Array.from({ length: 12 }, () => new Parameter(randn([8, 8]).mul(Math.sqrt(2 / 8))));
      let x = randn([16, 8]);
      for (const layer of layers) x = activation(x.matmul(layer));
      x.square().mean().backward();
      return gradientStatistics(
        layers.map((layer, i) => [`${i}`, layer] as const),
        { vanishing: 1e-5 },
      )
        .warnings.filter(({ kind }) => kind === "vanishing")
        .map(({ name }) => Number(name));
    };
    const found = vanishing((x) => x.sigmoid());
    expect(found.length).toBeGreaterThan(2);
    expect(found).toEqual(found.map((_, i) => i));
    expect(vanishing((x) => x.relu())).toEqual([]);
  });
});

test("a report prints as a table, with its warnings below", () => {
  const named = [
    ["0.weight", made([3, 4], [0, 0.5])],
    ["0.bias", made([0], [1e-8])],
    ["frozen", made([1], null)],
  ] as const;
  const optimizer = new SGD(
    named.map(([, p]) => p),
    { lr: 0.1 },
  );
  const report = gradientStatistics(named, { step: () => optimizer.step() });
  expect(String(report)).toBe(`\
Parameter  Shape      ‖g‖  max |g|  zeros      ‖w‖  ‖Δw‖/‖w‖
0.weight   [2]    5.00e-1  5.00e-1  50.0%  5.00e+0   1.00e-2
0.bias     [1]    1.00e-8  1.00e-8   0.0%  0.00e+0  Infinity
frozen     [1]          –        –      –  1.00e+0   0.00e+0
0.bias: the gradient vanishes: its norm 1.00e-8 is below 1e-7`);
});

test.each<[string, () => unknown]>([
  ["gradientStatistics: vanishing is -1, expected a number ≥ 0", () => gradientStatistics([], { vanishing: -1 })],
  ["gradientStatistics: step is 3, expected a function", () => gradientStatistics([], { step: 3 as never })],
  [
    "gradientStatistics: threshold is unknown (known: step, vanishing, exploding)",
    () => gradientStatistics([], { threshold: 3 } as never),
  ],
  ["gradientStatistics: there are no parameters; pass module.namedParameters()", () => gradientStatistics([])],
  [
    "gradientStatistics: item 0 is a tensor of shape [2], not a name with a parameter; pass module.namedParameters()",
    () => gradientStatistics([new Parameter(zeros([2]))] as never),
  ],
])("%s", (message, call) => {
  expect(call).toThrow(expect.objectContaining({ message }));
});

import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  Buffer,
  Generator,
  manualSeed,
  Parameter,
  randn,
  type Shape,
  setBackend,
  type Tensor,
  uniform,
  zeros,
} from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchNorm2d, Conv2d, init, LayerNorm, Linear } from "./index.ts";

setBackend(cpu());

/** Bounds, mean, variance and the Kolmogorov–Smirnov distance of what should be uniform over `±bound`. */
function expectUniform(draws: Float64Array, bound: number): void {
  const n = draws.length;
  draws.sort();
  expect(draws[0]).toBeGreaterThanOrEqual(-bound);
  expect(draws[n - 1]).toBeLessThanOrEqual(bound);
  const mean = draws.reduce((sum, v) => sum + v, 0) / n;
  const variance = draws.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
  // Five standard errors each; a uniform distribution has variance b²/3 and fourth moment b⁴/5.
  expect(Math.abs(mean)).toBeLessThan((5 * bound) / Math.sqrt(3 * n));
  expect(Math.abs(variance - bound ** 2 / 3)).toBeLessThan(5 * bound ** 2 * Math.sqrt((1 / 5 - 1 / 9) / n));
  const distance = draws.reduce((most, v, i) => {
    const expected = (v + bound) / (2 * bound);
    return Math.max(most, expected - i / n, (i + 1) / n - expected);
  }, 0);
  // Exceeded once in 10,000 times.
  expect(distance * Math.sqrt(n)).toBeLessThan(2.23);
}

const gather = (tensors: readonly Tensor[]): Float64Array =>
  Float64Array.from(tensors.flatMap((x) => [...x.dataSync()]));
const many = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make);

test("Linear begins as in PyTorch: weight and bias uniform over ±1/√in", () => {
  manualSeed(11);
  const layers = many(300, () => new Linear(50, 20));
  expectUniform(gather(layers.slice(0, 20).map(({ weight }) => weight)), 1 / Math.sqrt(50));
  expectUniform(gather(layers.map(({ bias }) => bias!)), 1 / Math.sqrt(50));
});

test("Conv2d begins as in PyTorch: weight and bias uniform over ±1/√(in/groups·kh·kw)", () => {
  manualSeed(12);
  const layers = many(300, () => new Conv2d(6, 10, [3, 5], { groups: 2 }));
  expectUniform(gather(layers.slice(0, 40).map(({ weight }) => weight)), 1 / Math.sqrt(3 * 3 * 5));
  expectUniform(gather(layers.map(({ bias }) => bias!)), 1 / Math.sqrt(3 * 3 * 5));
});

test("layers draw from the default generator, the weight first", () => {
  manualSeed(5);
  const [a, b] = [new Linear(4, 3), new Conv2d(1, 2, 2, { bias: false })];
  manualSeed(5);
  expect(a.weight.toArray()).toEqual(uniform(-0.5, 0.5, [3, 4]).toArray());
  expect(a.bias!.toArray()).toEqual(uniform(-0.5, 0.5, [3]).toArray());
  expect(b.weight.toArray()).toEqual(uniform(-0.5, 0.5, [2, 1, 2, 2]).toArray());
});

test("kaimingUniform keeps the scale of a ReLU unless told otherwise", () => {
  manualSeed(13);
  expectUniform(gather([init.kaimingUniform([200, 10, 2])]), Math.sqrt(6 / 20));
  expectUniform(gather([init.kaimingUniform([200, 20], { a: 1 })]), Math.sqrt(3 / 20));
});

test("normalisations begin as the identity", () => {
  const norms = [new BatchNorm2d(2), new LayerNorm(2)];
  for (const { weight, bias } of norms) {
    expect(weight!.toArray()).toEqual([1, 1]);
    expect(bias!.toArray()).toEqual([0, 0]);
  }
});

test("fanIn counts the inputs of an output", () => {
  expect([init.fanIn([7, 5]), init.fanIn([7, 5, 3, 2])]).toEqual([5, 30]);
  expect(() => init.fanIn([7])).toThrow(new ArgumentError("fanIn", "expected a weight of at least two axes, got [7]"));
});

/** Mean and standard deviation. */
function moments(x: Tensor): [mean: number, std: number] {
  return [x.mean().item(), x.std(undefined, { correction: 0 }).item()];
}

/** Throws unless many numbers have mean 0 and this standard deviation, within five standard errors of normal ones. */
function expectScale(x: Tensor, std: number): void {
  const [mean, found] = moments(x);
  expect(Math.abs(mean)).toBeLessThan((5 * std) / Math.sqrt(x.numel()));
  expect(Math.abs(found / std - 1)).toBeLessThan(5 / Math.sqrt(2 * x.numel()));
}

describe("what is filled", () => {
  const fills: Record<string, (target: Shape | Tensor) => Tensor> = {
    uniform: (x) => init.uniform(x, { generator: new Generator(1) }),
    normal: (x) => init.normal(x, { generator: new Generator(1) }),
    truncNormal: (x) => init.truncNormal(x, { generator: new Generator(1) }),
    constant: (x) => init.constant(x, 3),
    ones: init.ones,
    zeros: init.zeros,
    eye: init.eye,
    xavierUniform: (x) => init.xavierUniform(x, { generator: new Generator(1) }),
    xavierNormal: (x) => init.xavierNormal(x, { generator: new Generator(1) }),
    kaimingUniform: (x) => init.kaimingUniform(x, { generator: new Generator(1) }),
    kaimingNormal: (x) => init.kaimingNormal(x, { generator: new Generator(1) }),
    orthogonal: (x) => init.orthogonal(x, { generator: new Generator(1) }),
    sparse: (x) => init.sparse(x, 0.4, { generator: new Generator(1) }),
  };
  test.each(Object.entries(fills))("%s takes a shape, a variable, or a tensor to be like", (_, fill) => {
    const made = fill([3, 4]);
    expect([made.shape, made.dtype]).toEqual([[3, 4], "float32"]);
    for (const variable of [new Parameter(randn([3, 4])), new Buffer(randn([3, 4]))]) {
      expect(fill(variable)).toBe(variable);
      expect(variable.toArray()).toEqual(made.toArray());
    }
    const double = randn([3, 4], { dtype: "float64" });
    const like = fill(double);
    expect([like === double, like.shape, like.dtype]).toEqual([false, [3, 4], "float64"]);
  });

  test("a layer keeps its parameter", () => {
    const layer = new Linear(4, 3);
    const { weight } = layer;
    init.zeros(init.xavierUniform(layer.weight));
    expect([layer.weight === weight, weight.requiresGrad]).toEqual([true, true]);
    expect(weight.abs().sum().item()).toBe(0);
  });
});

describe("scales", () => {
  test("xavier: gain·√(2 / (fanIn + fanOut))", () => {
    manualSeed(21);
    const std = 3 * Math.sqrt(2 / (20 + 100));
    expectUniform(gather([init.xavierUniform([50, 10, 2], { gain: 3 })]), std * Math.sqrt(3));
    expectScale(init.xavierNormal([50, 10, 2], { gain: 3 }), std);
  });

  test("kaiming: gain / √fan", () => {
    manualSeed(22);
    expectScale(init.kaimingNormal([100, 10, 2]), Math.sqrt(2 / 20));
    expectScale(init.kaimingNormal([100, 10, 2], { mode: "fanOut", nonlinearity: "linear" }), Math.sqrt(1 / 200));
    expectUniform(
      gather([init.kaimingUniform([100, 10, 2], { mode: "fan_out", nonlinearity: "tanh" })]),
      (5 / 3) * Math.sqrt(3 / 200),
    );
  });

  test("uniform, normal and constant", () => {
    manualSeed(23);
    expectUniform(gather([init.uniform([5000], { a: -2, b: 2 })]), 2);
    expectScale(init.normal([5000], { mean: 7, std: 0.5 }).sub(7), 0.5);
    expect(init.constant([2], 5).toArray()).toEqual([5, 5]);
  });

  test("calculateGain gives PyTorch's numbers", () => {
    const gains = (
      ["linear", "conv2d", "convTranspose3d", "sigmoid", "tanh", "relu", "selu", "leakyRelu"] as const
    ).map((name) => init.calculateGain(name));
    expect(gains).toEqual([1, 1, 1, 1, 5 / 3, Math.SQRT2, 0.75, Math.sqrt(2 / 1.0001)]);
    expect(init.calculateGain("leaky_relu", 1)).toBe(1);
  });
});

describe("truncNormal", () => {
  /** The density of the standard normal distribution. */
  const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  /** Mean of a function over a truncated standard normal distribution, by Simpson's rule. */
  function expected(f: (z: number) => number, a: number, b: number): number {
    const n = 2000;
    const integrate = (g: (z: number) => number): number => {
      let sum = 0;
      for (let i = 0; i <= n; i++) sum += (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2) * g(a + ((b - a) * i) / n);
      return sum;
    };
    return integrate((z) => f(z) * density(z)) / integrate(density);
  }

  test.each([
    { mean: 0, std: 1, a: -2, b: 2 },
    { mean: 1, std: 2, a: -9, b: 9 },
    { mean: 0, std: 1, a: 0.5, b: 1 },
    { mean: 0, std: 1, a: 2, b: 5 },
    { mean: -3, std: 0.5, a: -2.5, b: 0 },
  ])("has the moments of the distribution: %o", (options) => {
    const { mean, std, a, b } = options;
    const x = init.truncNormal([20_000], { ...options, generator: new Generator(31) });
    expect(x.amin().item()).toBeGreaterThanOrEqual(a);
    expect(x.amax().item()).toBeLessThanOrEqual(b);
    const [low, high] = [(a - mean) / std, (b - mean) / std];
    const first = expected((z) => z, low, high);
    const second = expected((z) => (z - first) ** 2, low, high);
    const [found, deviation] = moments(x);
    expect(Math.abs(found - mean - std * first)).toBeLessThan((5 * std * Math.sqrt(second)) / Math.sqrt(20_000));
    expect(deviation / (std * Math.sqrt(second))).toBeCloseTo(1, 1);
  });

  test("without bounds is normal", () => {
    const { POSITIVE_INFINITY: b } = Number;
    expectScale(init.truncNormal([20_000], { a: -b, b, generator: new Generator(32) }), 1);
  });
});

test("orthogonal has orthonormal rows or columns, times the gain", () => {
  const shape = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
    fc.constantFrom([4, 3, 2, 2], [9, 2, 2]),
  );
  fc.assert(
    fc.property(shape, fc.nat(), fc.constantFrom(1, 2), (shape, seed, gain) => {
      const q = init.orthogonal(shape, { gain, generator: new Generator(seed) }).flatten(1);
      const isTall = q.shape[0]! > q.shape[1]!;
      const product = q.matmul(q, isTall, !isTall);
      const difference = product.sub(init.eye(product.shape).mul(gain * gain));
      expect(difference.abs().amax().item()).toBeLessThan(1e-6 * gain * gain);
    }),
  );
});

test("dirac keeps what goes through a convolution", () => {
  const x = randn([2, 4, 5, 6]);
  for (const groups of [1, 2]) {
    const layer = new Conv2d(4, 4, 3, { padding: 1, groups, bias: false });
    init.dirac(layer.weight, { groups });
    expect(layer.call(x).toArray()).toEqual(x.toArray());
  }
  expect(init.dirac([4, 1, 2], { groups: 2 }).toArray()).toEqual([[[0, 1]], [[0, 0]], [[0, 1]], [[0, 0]]]);
  expect(init.dirac([1, 2, 1, 2, 3]).sum([0, 2, 3, 4]).toArray()).toEqual([1, 0]);
});

test("sparse has as many zeros in every column as it was told", () => {
  const x = init.sparse([30, 40], 0.35, { std: 2, generator: new Generator(41) });
  expect(new Set(x.eq(0).sum(0).toArray() as number[])).toEqual(new Set([11]));
  const [, std] = moments(x);
  expect(std / (2 * Math.sqrt(19 / 30))).toBeCloseTo(1, 1);
});

test("rejects what it cannot fill", () => {
  const cases: [run: () => unknown, message: string][] = [
    [() => init.eye([3]), "init.eye: expected a weight of 2 axes, got [3]"],
    [() => init.dirac([3, 3]), "init.dirac: expected a weight of 3 to 5 axes, got [3,3]"],
    [
      () => init.dirac([3, 3, 3], { groups: 2 }),
      "init.dirac: 3 output channels do not divide into 2 groups; choose a divisor",
    ],
    [() => init.orthogonal([3]), "init.orthogonal: expected a weight of at least two axes, got [3]"],
    [() => init.sparse([3, 3, 3], 0.5), "init.sparse: expected a weight of 2 axes, got [3,3,3]"],
    [() => init.sparse([3, 3], 2), "init.sparse: sparsity must lie in [0, 1], got 2"],
    [() => init.xavierUniform([3]), "init.xavierUniform: expected a weight of at least two axes, got [3]"],
    [() => init.truncNormal([3], { std: 0 }), "init.truncNormal: std must be above 0, got 0"],
    [() => init.truncNormal([3], { a: 3 }), "init.truncNormal: no number lies between 3 and 2"],
    [
      () => init.kaimingUniform([3, 3], { mode: "fan" as "fanIn" }),
      'init.kaimingUniform: unknown mode "fan"; use one of "fanIn", "fanOut"',
    ],
    [
      () => init.calculateGain("gelu" as "relu"),
      'init.calculateGain: unknown nonlinearity "gelu"; use one of "linear"',
    ],
    [
      () => init.normal([3], { sd: 1 } as never),
      'init.normal: there is no option "sd"; the options are mean, std, generator',
    ],
    [() => init.uniform(zeros([2], { dtype: "int32" })), "uniform: a continuous distribution has no int32 values"],
  ];
  for (const [run, message] of cases) expect(run).toThrow(message);
});

import { cpu } from "@descent/backend-cpu";
import {
  bernoulli,
  emptyLike,
  Generator,
  getRngState,
  grad,
  manualSeed,
  multinomial,
  normal,
  rand,
  randint,
  randintLike,
  randLike,
  randn,
  randnLike,
  randperm,
  setBackend,
  setRngState,
  tensor,
  uniform,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => {
  setBackend(cpu());
  manualSeed(1);
});

describe("distributions", () => {
  const n = 40_000;

  test("uniform: moments and bounds, in both precisions", () => {
    for (const dtype of ["float32", "float64"] as const) {
      const x = uniform(-2, 4, [n], { dtype });
      expect(x.mean().item()).toBeCloseTo(1, 1);
      expect(x.var().item()).toBeCloseTo(3, 1);
      expect(x.amin().item()).toBeGreaterThanOrEqual(-2);
      expect(x.amax().item()).toBeLessThan(4);
    }
  });

  test("normal: moments, symmetry and tails", () => {
    const x = randn([n]);
    expect(Math.abs(x.mean().item())).toBeLessThan(0.02);
    expect(x.std().item()).toBeCloseTo(1, 1);
    expect(x.pow(3).mean().item()).toBeCloseTo(0, 0);
    expect(x.pow(4).mean().item()).toBeGreaterThan(2.8);
    expect(x.pow(4).mean().item()).toBeLessThan(3.2);
    expect(normal(5, 0, [3]).toArray()).toEqual([5, 5, 5]);
  });

  test("randint: every value, none beyond", () => {
    const counts = [0, 0, 0];
    for (const value of randint(-1, 2, [6000]).dataSync()) counts[value + 1]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(150);
  });

  test("bernoulli and randperm", () => {
    expect(bernoulli(0.25, [n]).mean().item()).toBeCloseTo(0.25, 1);
    expect([...randperm(50).dataSync()].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
  });
});

describe("from tensors", () => {
  test("like another tensor: its shape, dtype and backend", () => {
    const x = zeros([2, 3], { dtype: "float64" });
    for (const y of [randLike(x), randnLike(x), randintLike(x, 0, 5), emptyLike(x)])
      expect([y.shape, y.dtype]).toEqual([[2, 3], "float64"]);
    expect(randintLike(zeros([2], { dtype: "int32" }), 3, 4).toArray()).toEqual([3, 3]);
    expect(randLike(x, { dtype: "float32", generator: new Generator(3) }).toArray()).toEqual(
      rand([2, 3], { generator: new Generator(3) }).toArray(),
    );
  });

  test("normal: mean and standard deviation broadcast, and the gradient reaches them", () => {
    const [mean, std] = [tensor([[0], [100]], { requiresGrad: true }), tensor([1, 0], { requiresGrad: true })];
    const x = normal(mean, std);
    expect(x.shape).toEqual([2, 2]);
    expect(x.slice(null, 1).toArray()).toEqual([0, 100]);
    expect(grad(x.sum(), mean).toArray()).toEqual([[2], [2]]);
    expect(
      normal(tensor(Array(2000).fill(3)), 2)
        .std()
        .item(),
    ).toBeCloseTo(2, 0);
    expect(normal(5, tensor([0, 0])).toArray()).toEqual([5, 5]);
  });

  test("bernoulli: each element with its probability", () => {
    const p = tensor([0, 1, 0.3]).expand([4000, 3]);
    const [never, always, often] = bernoulli(p).mean(0).toArray<number[]>();
    expect([never, always, often]).toEqual([0, 1, expect.closeTo(0.3, 1)]);
    expect(tensor([1, 0]).bernoulli({ dtype: "bool" }).dtype).toBe("bool");
  });

  test("multinomial: in proportion to the weights, without replacement each once, and never what weighs nothing", () => {
    const weights = tensor([
      [1, 0, 3],
      [0, 2, 0],
    ]);
    const many = multinomial(weights, 4000, { replacement: true });
    expect(many.dtype).toBe("int32");
    expect(many.eq(2).to("float32").mean(1).toArray()).toEqual([expect.closeTo(0.75, 1), 0]);
    expect(many.slice(1).unique().toArray()).toEqual([1]);
    const firsts = Array.from({ length: 400 }, () => multinomial(weights.slice(0), 2).toArray<number[]>());
    for (const drawn of firsts) expect([...drawn].sort()).toEqual([0, 2]);
    expect(firsts.filter(([first]) => first === 2).length / 400).toBeCloseTo(0.75, 1);
    expect(multinomial(weights, 1, { generator: new Generator(5) }).toArray()).toEqual(
      multinomial(weights, 1, { generator: new Generator(5) }).toArray(),
    );
  });
});

describe("the default generator", () => {
  test("gives the same numbers for the same seed and state", () => {
    const first = rand([5]).toArray();
    const state = getRngState();
    const second = randn([5]).toArray();
    manualSeed(1);
    expect(rand([5]).toArray()).toEqual(first);
    setRngState(state);
    expect(randn([5]).toArray()).toEqual(second);
    manualSeed(2);
    expect(rand([5]).toArray()).not.toEqual(first);
  });
});

describe("bad arguments", () => {
  test.each([
    [
      () => rand([2], { dtype: "int32" }),
      'uniform: a continuous distribution has no int32 values; use dtype: "float32" or randint()',
    ],
    [() => uniform(2, 1, [2]), "uniform: the interval [2, 1) is empty"],
    [() => normal(0, -1, [2]), "normal: the standard deviation must not be negative, got -1"],
    [() => randint(3, 3, [2]), "randint: no integer lies in [3, 3)"],
    [() => bernoulli(1.5, [2]), "bernoulli: the probability must lie in [0, 1], got 1.5"],
    [() => rand([-1]), "uniform: sizes must be non-negative integers, got [-1]"],
  ])("%#: %s", (call, message) => {
    const state = getRngState();
    expect(call).toThrow(message);
    expect(getRngState()).toEqual(state);
  });
});

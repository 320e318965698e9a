import { cpu } from "@descent/backend-cpu";
import { ArgumentError, manualSeed, setBackend, type Tensor, uniform } from "@descent/core";
import { expect, test } from "vitest";
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

import { cpu } from "@descent/backend-cpu";
import { ArgumentError, Generator, randn, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  backpropagation,
  type EvolutionStrategiesOptions,
  evolutionStrategies,
  finalLoss,
  meanLogLoss,
  meanLoss,
  type Run,
  type Weights,
} from "../index.ts";

beforeEach(() => setBackend(cpu()));

const float64 = { dtype: "float64" } as const;
const weights = (): Weights => ({
  a: tensor([0.5, -1, 2], float64),
  b: tensor([[1.5], [-0.25]], float64),
  unused: tensor([1], float64),
});
/** Runs whose meta-loss is a function of the weights, and that know with which weights they were made. */
const runOf =
  (loss: (weights: Weights) => Tensor) =>
  (given: Weights): Run<Weights> => ({ loss: loss(given), end: given });
const cubic = ({ a, b }: Weights): Tensor =>
  a!.square().mul(a!).sum().add(b!.square().sum()).add(a!.sum().mul(b!.sum()));
const quadratic = ({ a, b }: Weights): Tensor => a!.sub(1).square().sum().mul(3).add(a!.sum().mul(b!.sum()));
const slopes = { a: [1, -2, 0.5], b: [3, 0.25], unused: [0] };
const linear = ({ a, b }: Weights): Tensor =>
  a!
    .mul(tensor(slopes.a, float64))
    .sum()
    .add(b!.flatten().mul(tensor(slopes.b, float64)).sum());
const numbers = (tensors: Readonly<Record<string, Tensor>>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, Array.from(x.dataSync())]));
const flat = (tensors: Readonly<Record<string, Tensor>>): number[] => Object.values(numbers(tensors)).flat();
const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, xi, i) => sum + xi * y[i]!, 0);
/** The noise that an estimate draws: pair by pair, weight by weight. */
const noiseOf = (like: Weights, pairs: number, seed: number): number[][] => {
  const generator = new Generator(seed);
  return Array.from({ length: pairs }, () =>
    Object.values(like).flatMap(({ shape }) => Array.from(randn(shape, { ...float64, generator }).dataSync())),
  );
};

test("backpropagation gives the gradient, the loss and the end of its one run, and zeros for what has no part in it", () => {
  const w = weights();
  const { loss, end, gradients } = backpropagation(runOf(cubic), w, new Generator());
  const [sumA, sumB] = [1.5, 1.25]; // ∂a = 3a² + Σb, ∂b = 2b + Σa
  const expected = { a: w.a!.square().mul(3).add(sumB), b: w.b!.mul(2).add(sumA), unused: tensor([0], float64) };
  for (const [name, g] of Object.entries(expected)) expectClose(gradients[name]!, g, 1e-12);
  expect(loss.item()).toBe(cubic(w).item());
  expect(loss.requiresGrad).toBe(false);
  expect(numbers(end)).toEqual(numbers(w));
  expect(Object.values(w).some((x) => x.requiresGrad)).toBe(false);
});

describe("evolutionStrategies", () => {
  test("equals its formula, for the noise of its generator", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.constantFrom(0.01, 0.5), fc.nat(), (pairs, sigma, seed) => {
        const w = weights();
        const { gradients } = evolutionStrategies({ sigma, pairs })(runOf(cubic), w, new Generator(seed));
        const at = (noise: readonly number[], sign: number): number => {
          let i = 0;
          const moved = Object.entries(w).map(([name, x]) => [
            name,
            tensor(
              Array.from(x.dataSync(), (xi) => xi + sign * sigma * noise[i++]!),
              float64,
            ).reshape(x.shape),
          ]);
          return cubic(Object.fromEntries(moved)).item();
        };
        const expected = flat(w).map(() => 0);
        for (const noise of noiseOf(w, pairs, seed))
          for (const [i, e] of noise.entries())
            expected[i]! += ((at(noise, 1) - at(noise, -1)) * e) / (2 * sigma * pairs);
        expectClose(tensor(flat(gradients), float64), tensor(expected, float64), { rtol: 1e-8, atol: 1e-8 });
      }),
      { numRuns: 30 },
    );
  });

  test("of a linear function is its slope along every direction that was tried, whatever sigma is", () => {
    fc.assert(
      fc.property(fc.constantFrom(1e-3, 0.1, 10), fc.nat(), (sigma, seed) => {
        const w = weights();
        const { gradients } = evolutionStrategies({ sigma })(runOf(linear), w, new Generator(seed));
        const [noise] = noiseOf(w, 1, seed);
        const slope = dot(noise!, Object.values(slopes).flat());
        expectClose(
          tensor(flat(gradients), float64),
          tensor(
            noise!.map((e) => e * slope),
            float64,
          ),
          1e-9,
        );
      }),
      { numRuns: 30 },
    );
  });

  test("of a quadratic has its gradient as expectation, as large as sigma may be", () => {
    const w = weights();
    const { gradients } = evolutionStrategies({ sigma: 2, pairs: 2000 })(runOf(quadratic), w, new Generator(1));
    const exact = flat(backpropagation(runOf(quadratic), w, new Generator()).gradients);
    const norm = Math.sqrt(dot(exact, exact));
    const error = flat(gradients).map((g, i) => g - exact[i]!);
    expect(Math.sqrt(dot(error, error)) / norm).toBeLessThan(0.08); // √(n / pairs) = 0.055
  });

  test("gives loss and end of the weights as they are, leaves no tape, and is the same for the same seed", () => {
    const w = weights();
    for (const x of Object.values(w)) x.requiresGrad = true;
    const estimate = (seed: number) => evolutionStrategies()(runOf(cubic), w, new Generator(seed));
    const { loss, end, gradients } = estimate(1);
    expect(loss.item()).toBe(cubic(w).item());
    expect(Object.keys(end)).toEqual(Object.keys(w));
    expect(Object.values(end).every((x, i) => x === Object.values(w)[i])).toBe(true);
    expect([loss, ...Object.values(gradients)].some((x) => x.requiresGrad)).toBe(false);
    expect(numbers(estimate(1).gradients)).toEqual(numbers(gradients));
    expect(numbers(estimate(2).gradients)).not.toEqual(numbers(gradients));
  });

  test.each<[unknown, string]>([
    [{ sigma: 0 }, "evolutionStrategies: sigma is 0, expected a number > 0"],
    [
      { pairs: 1.5, population: 2 },
      "evolutionStrategies: population is unknown (known: sigma, pairs); pairs is 1.5, expected an integer ≥ 1",
    ],
    [3, "evolutionStrategies: expected options { sigma, pairs }, got 3"],
  ])("rejects %j", (options, message) => {
    expect(() => evolutionStrategies(options as EvolutionStrategiesOptions)).toThrow(ArgumentError);
    expect(() => evolutionStrategies(options as EvolutionStrategiesOptions)).toThrow(message);
  });
});

test("meta-losses", () => {
  const losses = [8, 2, 0.5].map((x) => tensor(x, float64));
  expect(meanLoss(losses).item()).toBeCloseTo(3.5, 12);
  expect(finalLoss(losses).item()).toBe(0.5);
  expect(meanLogLoss()(losses).item()).toBeCloseTo(Math.log(2), 11);
  expect(meanLogLoss(1)([tensor(0, float64)]).item()).toBe(0);
  expect([meanLoss, finalLoss, meanLogLoss()].map((of) => of(losses).shape)).toEqual([[], [], []]);
});

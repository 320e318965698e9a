import { cpu } from "@descent/backend-cpu";
import { type Backend, dropout, Generator, grad, type TypedArray, tensor, threefry, uniform24 } from "@descent/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { wasm } from "../index.ts";
import { expectSameBits } from "../testing/bits.ts";

/** What dropout makes of an input, and of its gradient. */
function draw(backend: Backend, values: readonly number[], p: number, seed: number, counter: number): TypedArray[] {
  const generator = new Generator();
  generator.setState({ seed, counter });
  const x = tensor(values, { backend, requiresGrad: true, dtype: "float32" });
  const y = dropout(x, p, generator);
  return [y, grad(y, x, { gradOutputs: y })].map((t) => t.dataSync());
}

const one = wasm({ threads: 1 });
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

test("draws what the decomposition draws", () => {
  const counters = fc.oneof(
    fc.nat(1000),
    fc.integer({ min: 2 ** 32 - 40, max: 2 ** 32 }),
    fc.maxSafeNat().map((n) => n - (n % 2 ** 10)),
  );
  const seeds = fc.oneof(fc.nat(), fc.maxSafeInteger());
  const probabilities = fc.oneof(
    fc.constantFrom(0.5, 0.1, 2 ** -24, 2 ** -30, 1 - 2 ** -30),
    fc.double({ min: 0.001, max: 0.999, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 130 }), probabilities, seeds, counters, (n, p, seed, counter) => {
      const values = Array.from({ length: n }, (_, i) => [1, -2, i, nan, inf, -0][i % 6]!);
      const [actual, expected] = [one, cpu()].map((backend) => draw(backend, values, p, seed, counter));
      for (const [i, y] of actual!.entries()) expectSameBits(y, expected![i]!);
    }),
    { numRuns: 300 },
  );
});

test("keeps what is not below the probability, to the bit", () => {
  const [word] = threefry(7, 0, 3, 1);
  const p = uniform24(word!);
  for (const [probability, isKept] of [
    [p, true],
    [p + 2 ** -30, false],
  ] as const)
    for (const backend of [one, cpu()]) {
      const generator = new Generator();
      generator.setState({ seed: 7, counter: 3 });
      expect(dropout(tensor([1], { backend }), probability, generator).item() !== 0).toBe(isKept);
    }
});

test("the number of threads changes nothing", () => {
  const values = Array.from({ length: 100_003 }, (_, i) => i);
  const [a, b] = [one, wasm({ threads: 2 })].map((backend) => draw(backend, values, 0.3, 5, 2 ** 32 - 1000));
  for (const [i, y] of a!.entries()) expectSameBits(y, b![i]!);
});

test("float64 is left to the decomposition", () => {
  const draw = (backend: Backend): number[] => {
    const x = tensor([1, 2, 3, 4, 5], { backend, dtype: "float64" });
    return [...dropout(x, 0.4, new Generator(7)).dataSync()];
  };
  expect(draw(one)).toEqual(draw(cpu()));
});

import { ArgumentError, Generator } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { choice, type Domain, integer, logUniform, uniform } from "./index.ts";

const ends = fc.tuple(fc.double({ min: 1e-6, max: 1e6 }), fc.double({ min: 1.01, max: 1e3 }));
const integers = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 }));
const domains: fc.Arbitrary<Domain<never>> = fc.oneof(
  ends.map(([low, ratio]) => uniform(low - 1, low * ratio)),
  ends.map(([low, ratio]) => logUniform(low, low * ratio)),
  integers.map(([low, width]) => integer(low - 500, low + width)),
  integers.map(([low, width]) => integer(low, low + width, { log: true })),
  fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 9 }).map((values) => choice(values)),
) as fc.Arbitrary<Domain<never>>;

describe("domains", () => {
  test("draw and perturb values of their own, the same from the same state", () => {
    fc.assert(
      fc.property(domains, fc.nat(), (domain, seed) => {
        const run = (): unknown[] => {
          const generator = new Generator(seed);
          const values = [domain.sample(generator)];
          for (let i = 0; i < 20; i++) values.push(domain.perturb(values.at(-1)!, generator));
          return values;
        };
        const values = run();
        for (const value of values) expect(domain.test(value)).toBe(true);
        expect(run()).toEqual(values);
      }),
    );
  });

  test("reach both halves of a range; a logarithmic one in its own measure", () => {
    const generator = new Generator(1);
    const below = (domain: Domain<number>, middle: number): number =>
      Array.from({ length: 400 }, () => domain.sample(generator)).filter((x) => x < middle).length / 400;
    for (const share of [
      below(uniform(-1, 3), 1),
      below(logUniform(1e-4, 1), 1e-2),
      below(integer(0, 9), 5),
      below(integer(1, 255, { log: true }), 16),
    ])
      expect(Math.abs(share - 0.5)).toBeLessThan(0.08);
    const dice = Array.from({ length: 400 }, () => integer(1, 6).sample(generator));
    expect([...new Set(dice)].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("multiply numbers by a factor, and stay between the ends", () => {
    const moves = <T>(domain: Domain<T>, value: T, ...factors: [[number, number]?]): unknown[] => {
      const generator = new Generator(0);
      const seen = Array.from({ length: 40 }, () => domain.perturb(value, generator, ...factors));
      return [...new Set(seen)].sort((a, b) => Number(a) - Number(b));
    };
    expect(moves(uniform(0, 10), 5)).toEqual([4, 6]);
    expect(moves(uniform(0, 10), 5, [0.5, 2])).toEqual([2.5, 10]);
    expect(moves(uniform(0, 10), 9)).toEqual([9 * 0.8, 10]);
    expect(moves(logUniform(4.5, 10), 5)).toEqual([4.5, 6]);
    // Truncated, and where that would change nothing, by one.
    expect(moves(integer(0, 100), 64)).toEqual([51, 76]);
    expect(moves(integer(0, 100), 4)).toEqual([3, 5]);
    expect(moves(integer(0, 100), 1)).toEqual([0, 2]);
    expect(moves(integer(-100, 100), 0)).toEqual([-1, 1]);
    expect(moves(integer(-100, 100), -3)).toEqual([-4, -2]);
    expect(moves(integer(3, 4), 4)).toEqual([3, 4]);
    // Lists go to the neighbour, and no further than the end.
    expect(moves(choice([16, 32, 64, 128]), 32)).toEqual([16, 64]);
    expect(moves(choice([16, 32, 64, 128]), 16)).toEqual([16, 32]);
    expect(moves(choice([16]), 16)).toEqual([16]);
  });

  test("know their values, also after JSON", () => {
    const betas = choice([
      [0.9, 0.99],
      [0.9, 0.999],
    ]);
    expect(betas.test(JSON.parse("[0.9,0.999]"))).toBe(true);
    for (const value of [[0.9], 0.9, undefined, Number.NaN, () => 0]) expect(betas.test(value)).toBe(false);
    expect(betas.perturb([0.9, 0.99], new Generator(1))).toEqual([0.9, 0.999]);
    expect(betas.expected).toBe("one of [0.9, 0.99], [0.9, 0.999]");
    for (const value of ["1", Number.NaN, -0.1, 1.1, null]) expect(uniform(0, 1).test(value)).toBe(false);
    for (const value of ["1", Number.NaN, 1.5, -1, 11]) expect(integer(0, 10).test(value)).toBe(false);
  });

  test.each<[string, () => unknown]>([
    ["uniform: low is 1 and high is 1, expected finite numbers, low < high", () => uniform(1, 1)],
    ["uniform: low is NaN and high is 1, expected finite numbers, low < high", () => uniform(Number.NaN, 1)],
    ["uniform: low is 0 and high is Infinity, expected finite numbers, low < high", () => uniform(0, 1 / 0)],
    ["logUniform: low is 2 and high is 1, expected finite numbers, low < high", () => logUniform(2, 1)],
    ["logUniform: low is 0, which has no logarithm; expected a number > 0", () => logUniform(0, 1)],
    ["integer: low is 4 and high is 4, expected finite numbers, low < high", () => integer(4, 4)],
    ["integer: high is 1.5, expected an integer", () => integer(0, 1.5)],
    ["integer: low is 0, which has no logarithm; expected a number > 0", () => integer(0, 9, { log: true })],
    ["integer: logs is unknown (known: log)", () => integer(0, 9, { logs: true } as never)],
    ["integer: log is 1, expected true or false", () => integer(0, 9, { log: 1 } as never)],
    ["choice: expected a list of at least one value, got []", () => choice([])],
    ["choice: expected a list of at least one value, got 3", () => choice(3 as never)],
    [
      "choice: values[1] is NaN, expected a finite number, a string, true, false, null, or a list of these",
      () => choice([1, Number.NaN]),
    ],
    ["choice: values[2] is 32, as is values[0]; list values once", () => choice([32, 64, 32])],
  ])("%s", (message, make) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(expect.objectContaining({ message }));
  });
});

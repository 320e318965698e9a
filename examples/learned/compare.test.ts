import { optim, setBackend, tensor, wasm } from "descent";
import type { TaskDistribution } from "descent/learned";
import { beforeEach, expect, test } from "vitest";
import { compete, type Family, heldOut, median, quantile, RATES, shown, tuned, wins } from "./compare.ts";

beforeEach(() => {
  setBackend(wasm({ threads: 1 }));
});

/** Parabolas, the i-th of which is i times as wide. */
const tasks: TaskDistribution = {
  sample: (generator) => ({
    initial: [tensor([1])],
    loss: ([x]) => x!.square().sum().div(Math.abs(generator.getState().seed)),
  }),
};
const family: Family = { title: "parabolas", tasks, steps: 2 };
const sgd = (lr: number) => (parameters: optim.Params<optim.SGDHyper>) => new optim.SGD(parameters, { lr });

test("a contender solves every problem", async () => {
  const { finals, curve } = await compete(family, sgd(0.25), heldOut(3));
  const expected = [1, 2, 3].map((k) => (1 - 0.5 / k) ** 4 / k);
  for (const [i, loss] of finals.entries()) expect(loss).toBeCloseTo(expected[i]!, 6);
  expect(curve).toEqual([0.5, 0.25, median(finals)]);
});

test("the best rate is the one with the least median", async () => {
  const tried: number[] = [];
  expect(
    await tuned(
      family,
      (parameters, lr) => sgd(lr)(parameters),
      [-1],
      (lr) => tried.push(lr),
    ),
  ).toBe(0.316);
  expect(tried).toEqual(RATES);
  expect([RATES.length, RATES[0], RATES[6], RATES[12]]).toEqual([13, 1e-4, 0.1, 100]);
});

test("what diverges is the worst", () => {
  expect(quantile([3, Number.NaN, 1, 2], 0)).toBe(1);
  expect(quantile([3, Number.NaN, 1, 2], 1)).toBe(Number.POSITIVE_INFINITY);
  expect(median([3, Number.NaN, 1, 2])).toBe(2.5);
  expect([median([1, Number.NaN]), Number.POSITIVE_INFINITY].map(shown)).toEqual(["diverges", "diverges"]);
  const [good, bad] = [
    [1, 2],
    [Number.NaN, 2],
  ].map((finals) => ({ finals, curve: [] })) as never[];
  expect([wins(good!, bad!), wins(bad!, good!)]).toEqual([1, 0]);
});

test("losses are shown in three digits", () => {
  expect([1.23456, 1e5, 0.000123456, 0.0123456, 0].map(shown)).toEqual([
    "1.23",
    "1.0e+5",
    "1.2e-4",
    "0.0123",
    "0.0e+0",
  ]);
});

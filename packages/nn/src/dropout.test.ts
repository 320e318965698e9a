import { cpu } from "@descent/backend-cpu";
import { ArgumentError, Generator, manualSeed, ones, randn, setBackend } from "@descent/core";
import { expect, test } from "vitest";
import { Dropout, functional } from "./index.ts";

setBackend(cpu());

test("zeroes a part in training and keeps the mean", () => {
  manualSeed(1);
  const y = new Dropout({ p: 0.25 }).call(ones([40_000])).dataSync();
  expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  const kept = [...y].filter((v) => v > 0).length / y.length;
  // Six standard deviations of a binomial distribution.
  expect(Math.abs(kept - 0.75)).toBeLessThan(6 * Math.sqrt((0.25 * 0.75) / y.length));
});

test("does nothing in evaluation", () => {
  const x = randn([5]);
  expect(new Dropout().eval().call(x)).toBe(x);
  expect(functional.dropout(x, { training: false })).toBe(x);
});

test("its extremes", () => {
  expect(new Dropout(0).call(ones([3])).toArray()).toEqual([1, 1, 1]);
  expect(new Dropout(1).call(ones([3])).toArray()).toEqual([0, 0, 0]);
});

test("drops half by default, with the numbers of the default generator, or of its own", () => {
  const x = ones([64]);
  manualSeed(3);
  const y = new Dropout().call(x).toArray();
  manualSeed(3);
  expect(functional.dropout(x).toArray()).toEqual(y);
  expect(new Set(y as number[])).toEqual(new Set([0, 2]));
  const own = new Dropout(0.5, { generator: new Generator(3) });
  expect(own.call(x).toArray()).toEqual(y);
  expect(own.call(x).toArray()).not.toEqual(y);
});

test("the gradient passes where elements were kept", () => {
  const x = randn([64], { requiresGrad: true });
  const y = new Dropout(0.3).call(x);
  y.backward(ones([64]));
  expect(x.grad!.toArray()).toEqual(
    y
      .detach()
      .div(x.detach())
      .round()
      .mul(1 / 0.7)
      .toArray(),
  );
});

test("the probability must be one", () => {
  expect(() => new Dropout(1.5)).toThrow(new ArgumentError("Dropout", "p must lie in [0, 1], got 1.5"));
  expect(() => new Dropout({ p: Number.NaN })).toThrow("Dropout: p must lie in [0, 1], got NaN");
  expect(() => functional.dropout(ones([1]), { p: -1 })).toThrow("dropout: p must lie in [0, 1], got -1");
  expect(() => new Dropout({ inplace: true } as never)).toThrow(
    'Dropout: there is no option "inplace"; the options are p, generator',
  );
});

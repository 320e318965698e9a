import { cpu } from "@descent/backend-cpu";
import { ArgumentError, Generator, grad, manualSeed, ones, randn, type Shape, setBackend } from "@descent/core";
import { expect, test } from "vitest";
import { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout, functional } from "./index.ts";

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

test.each<[layer: Dropout1d, shape: Shape, mask: Shape]>([
  [new Dropout1d(0.25), [20, 30, 4], [20, 30, 1]],
  [new Dropout1d(0.25), [300, 4], [300, 1]],
  [new Dropout2d(0.25), [20, 30, 2, 3], [20, 30, 1, 1]],
  [new Dropout2d(0.25), [20, 30, 3], [20, 30, 1]],
  [new Dropout3d(0.25), [20, 30, 2, 1, 2], [20, 30, 1, 1, 1]],
  [new Dropout3d(0.25), [300, 2, 1, 2], [300, 1, 1, 1]],
])("%s drops whole channels of %o", (layer, shape, mask) => {
  manualSeed(5);
  const y = layer.call(ones(shape));
  manualSeed(5);
  expect(y.toArray()).toEqual(functional.dropout(ones(mask), { p: 0.25 }).expand(shape).toArray());
  const kept = y.ne(0).to("float32").mean().item();
  expect(Math.abs(kept - 0.75)).toBeLessThan(0.15);
  const x = ones(shape);
  expect(layer.eval().call(x)).toBe(x);
});

test("AlphaDropout keeps mean 0 and variance 1, and is PyTorch's formula", () => {
  manualSeed(6);
  for (const [p, layer] of [
    [0.2, new AlphaDropout(0.2)],
    [0.5, new AlphaDropout()],
  ] as const) {
    const x = randn([60_000]);
    const y = layer.call(x);
    // Five standard errors; the fourth moment is not that of a normal distribution.
    expect(Math.abs(y.mean().item())).toBeLessThan(5 / Math.sqrt(60_000));
    expect(Math.abs(y.std().item() - 1)).toBeLessThan(0.02);
    const a = 1 / Math.sqrt((1.7580993408473766 ** 2 * p + 1) * (1 - p));
    const b = 1.7580993408473766 * a * p;
    const dropped = Math.fround(-1.7580993408473766 * a + b);
    const [xs, ys] = [x.dataSync(), y.dataSync()];
    let count = 0;
    ys.forEach((v, i) => {
      if (Math.abs(v - dropped) < 1e-6) count++;
      else expect(v).toBeCloseTo(a * xs[i]! + b, 5);
    });
    expect(Math.abs(count / ys.length - p)).toBeLessThan(0.02);
  }
});

test("FeatureAlphaDropout drops whole channels", () => {
  manualSeed(7);
  const x = ones([50, 40, 3], { requiresGrad: true });
  const y = new FeatureAlphaDropout(0.3).call(x);
  expect(y.std(2).amax().item()).toBe(0);
  const g = grad(y.sum(), x);
  expect(new Set(g.dataSync())).toEqual(
    new Set([0, Math.fround(1 / Math.sqrt((1.7580993408473766 ** 2 * 0.3 + 1) * 0.7))]),
  );
});

test("the extremes of the others", () => {
  const x = ones([2, 3, 4]);
  for (const layer of [Dropout1d, Dropout2d, AlphaDropout, FeatureAlphaDropout]) {
    expect(new layer(0).call(x)).toBe(x);
    expect(new layer(1).call(x).abs().sum().item()).toBe(0);
  }
  // As in PyTorch, these functions do nothing unless they are told to.
  expect(functional.alphaDropout(x)).toBe(x);
  expect(functional.featureAlphaDropout(x)).toBe(x);
});

test("channels need their axes", () => {
  expect(() => functional.dropout1d(ones([3]))).toThrow("dropout1d: an input of shape [3]; expected 2 or 3 axes");
  expect(() => functional.dropout2d(ones([3, 3]))).toThrow("dropout2d: an input of shape [3,3]; expected 3 or 4 axes");
  expect(() => functional.dropout3d(ones([3]))).toThrow("dropout3d: an input of shape [3]; expected 4 or 5 axes");
  expect(() => functional.featureAlphaDropout(ones([3]), { training: true })).toThrow(
    "featureAlphaDropout: an input of shape [3]; expected 2 or 3 or 4 or 5 axes",
  );
  expect(() => new AlphaDropout(2)).toThrow("AlphaDropout: p must lie in [0, 1], got 2");
  expect(String(new Dropout2d(0.1))).toBe("Dropout2d(p=0.1, inplace=False)");
});

import { cpu } from "@descent/backend-cpu";
import { ArgumentError, ones, randn, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { functional, LayerNorm, RMSNorm } from "./index.ts";

setBackend(cpu());
const values = (x: Tensor): number[] => [...x.dataSync()];
const close = (actual: Tensor, expected: Tensor): void => {
  expect(actual.numel()).toBe(expected.numel());
  const want = values(expected);
  values(actual).forEach((v, i) => {
    expect(v).toBeCloseTo(want[i]!, 9);
  });
};
const f64 = { dtype: "float64" } as const;
const some = fc.integer({ min: 2, max: 5 });

describe("layer normalisation", () => {
  test("gives the last axes mean 0 and variance 1, then weight and bias", () => {
    fc.assert(
      fc.property(some, some, some, fc.boolean(), (n, h, w, both) => {
        const shape = both ? [h, w] : [w];
        const layer = new LayerNorm(both ? shape : w, { eps: 0 }).to("float64");
        const x = randn([n, h, w], f64).mul(3).add(2);
        const axes = both ? [1, 2] : [2];
        const y = layer.call(x);
        close(y.mean(axes), zeros(both ? [n] : [n, h]));
        close(y.std(axes, { correction: 0 }), ones(both ? [n] : [n, h]));
        layer.weight!.assign(randn(shape, f64));
        layer.bias!.assign(randn(shape, f64));
        close(layer.call(x), y.mul(layer.weight!).add(layer.bias!));
      }),
    );
  });

  test("its parameters", () => {
    expect(new LayerNorm([2, 3]).parameters().map(({ shape }) => shape)).toEqual([
      [2, 3],
      [2, 3],
    ]);
    expect(new LayerNorm(2, { bias: false }).parameters()).toHaveLength(1);
    expect(new LayerNorm(2, { elementwiseAffine: false }).parameters()).toEqual([]);
  });

  test("rejects what does not fit", () => {
    expect(() => new LayerNorm([])).toThrow(new ArgumentError("LayerNorm", "normalizedShape names no axis"));
    expect(() => new LayerNorm([2, 0])).toThrow("LayerNorm: normalizedShape must be a positive integer, got [2,0]");
    expect(() => new LayerNorm(2, { eps: Number.NaN })).toThrow("LayerNorm: eps must not be negative, got NaN");
    expect(() => new LayerNorm([2, 3]).call(ones([3, 2]))).toThrow(
      "layerNorm: the input [3,2] must end in [2,3] (in LayerNorm)",
    );
  });
});

describe("RMS normalisation", () => {
  const { rmsNorm } = functional;

  test("gives the last axes a mean square of 1, then the weight", () => {
    fc.assert(
      fc.property(some, some, some, fc.boolean(), (n, h, w, both) => {
        const shape = both ? [h, w] : [w];
        const layer = new RMSNorm(both ? shape : w, { eps: 0 }).to("float64");
        const x = randn([n, h, w], f64).mul(3).add(2);
        const y = layer.call(x);
        close(y.square().mean(both ? [1, 2] : 2), ones(both ? [n] : [n, h]));
        layer.weight!.assign(randn(shape, f64));
        close(layer.call(x), y.mul(layer.weight!));
      }),
    );
  });

  test("does not see the scale of its input, and is a layer norm where the mean is zero", () => {
    const x = randn([4, 6], f64);
    const centered = x.sub(x.mean(1, { keepdim: true }));
    close(rmsNorm(x.mul(100), [6], { eps: 0 }), rmsNorm(x, [6], { eps: 0 }));
    close(rmsNorm(centered, [6], { eps: 1e-3 }), functional.layerNorm(x, [6], { eps: 1e-3 }));
  });

  test("adds the distance from 1 to the next number of the dtype, unless it is told what", () => {
    const tiny = 1e-4;
    const of = (eps: number): number => tiny / Math.sqrt(tiny ** 2 + eps);
    expect(rmsNorm(tensor([tiny]), [1]).item()).toBeCloseTo(of(2 ** -23), 6);
    expect(rmsNorm(tensor([1e-8], f64), [1]).item()).toBeCloseTo(1e-8 / Math.sqrt(1e-16 + 2 ** -52), 12);
    expect(new RMSNorm(1, { eps: 1e-8 }).call(tensor([tiny])).item()).toBeCloseTo(of(1e-8), 6);
  });

  test("is printed as in PyTorch", () => {
    expect(String(new RMSNorm(4))).toBe("RMSNorm((4,), eps=None, elementwise_affine=True)");
    expect(String(new RMSNorm([2, 4], { eps: 1e-6, elementwiseAffine: false }))).toBe(
      "RMSNorm((2, 4), eps=1e-06, elementwise_affine=False)",
    );
    expect(Object.keys(new RMSNorm(4).stateDict())).toEqual(["weight"]);
  });

  test("rejects what does not fit", () => {
    expect(() => new RMSNorm([])).toThrow(new ArgumentError("RMSNorm", "normalizedShape names no axis"));
    expect(() => new RMSNorm(2, { eps: -1 })).toThrow("RMSNorm: eps must not be negative, got -1");
    expect(() => new RMSNorm([2, 3]).call(ones([3, 2]))).toThrow(
      "rmsNorm: the input [3,2] must end in [2,3] (in RMSNorm); normalise over the last axes that the input has",
    );
    expect(() => rmsNorm(ones([2, 3]), [3], { weight: ones([2]) })).toThrow(
      "rmsNorm: the weight [2] must be [3]; reshape() it",
    );
  });
});

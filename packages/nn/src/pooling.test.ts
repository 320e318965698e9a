import { cpu } from "@descent/backend-cpu";
import { ArgumentError, grad, gradcheck, randn, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  functional,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "./index.ts";

setBackend(cpu());
const { adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool2d, lpPool1d, maxPool1d, maxPool2d } = functional;
const values = (x: Tensor): number[] => [...x.dataSync()];

test("windows do not overlap unless a stride is given", () => {
  const x = tensor([...Array(16).keys()]).reshape([1, 1, 4, 4]);
  expect(values(new MaxPool2d(2).call(x))).toEqual([5, 7, 13, 15]);
  expect(values(new AvgPool2d([2, 4]).call(x))).toEqual([3.5, 11.5]);
  expect(new MaxPool2d(2, { stride: 1 }).call(x).shape).toEqual([1, 1, 3, 3]);
  expect(new MaxPool2d(2, { stride: null }).call(x).shape).toEqual([1, 1, 2, 2]);
});

test("a single image is a batch of one", () => {
  const x = randn([3, 5, 7]);
  for (const pool of [new MaxPool2d(2), new AvgPool2d(3), new AdaptiveAvgPool2d([2, 3]), new AdaptiveAvgPool2d(1)]) {
    const y = pool.call(x);
    expect(y.ndim).toBe(3);
    expect(values(y)).toEqual(values(pool.call(x.unsqueeze(0))));
  }
});

describe("adaptiveAvgPool2d", () => {
  /** Straight from the definition. */
  function means(x: Tensor, oh: number, ow: number): number[] {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const data = x.dataSync();
    const out: number[] = [];
    for (let image = 0; image < n * c; image++)
      for (let i = 0; i < oh; i++)
        for (let j = 0; j < ow; j++) {
          let [sum, count] = [0, 0];
          for (let r = Math.floor((i * h) / oh); r < Math.ceil(((i + 1) * h) / oh); r++)
            for (let k = Math.floor((j * w) / ow); k < Math.ceil(((j + 1) * w) / ow); k++, count++)
              sum += data[(image * h + r) * w + k]!;
          out.push(sum / count);
        }
    return out;
  }
  const size = fc.integer({ min: 1, max: 7 });

  test("takes the mean of every window, whether windows are equal or not", () => {
    fc.assert(
      fc.property(size, size, size, size, (h, w, oh, ow) => {
        const x = randn([2, 1, h, w], { dtype: "float64" });
        const y = adaptiveAvgPool2d(x, [oh, ow]);
        expect(y.shape).toEqual([2, 1, oh, ow]);
        means(x, oh, ow).forEach((mean, i) => {
          expect(y.dataSync()[i]).toBeCloseTo(mean, 12);
        });
      }),
    );
  });

  test("keeps a size that is null", () => {
    const x = randn([1, 1, 4, 6]);
    expect(adaptiveAvgPool2d(x, [null, 2]).shape).toEqual([1, 1, 4, 2]);
    expect(adaptiveAvgPool2d(x, [3, null]).shape).toEqual([1, 1, 3, 6]);
    expect(values(new AdaptiveAvgPool2d(null).call(x))).toEqual(values(x));
  });

  test("has the right gradient", () => {
    for (const outputSize of [2, [3, 2], 7] as const)
      gradcheck(
        (x) => adaptiveAvgPool2d(x!, outputSize),
        [randn([1, 2, 4, 5], { dtype: "float64", requiresGrad: true })],
      );
  });
});

describe("adaptiveMaxPool", () => {
  const size = fc.integer({ min: 1, max: 7 });
  const ends = (n: number, to: number, i: number) => [Math.floor((i * n) / to), Math.ceil(((i + 1) * n) / to)] as const;

  test("takes the first largest element of every window, says where it was, and sends the gradient there", () => {
    const digits = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 49, maxLength: 49 });
    fc.assert(
      fc.property(size, size, size, size, digits, (h, w, oh, ow, digits) => {
        const x = tensor(Float64Array.from(digits.slice(0, h * w)), { requiresGrad: true }).reshape([1, h, w]);
        const winners = Array.from({ length: oh * ow }, (_, k) => {
          const [top, bottom] = ends(h, oh, Math.floor(k / ow));
          const [left, right] = ends(w, ow, k % ow);
          let best = top * w + left;
          for (let i = top; i < bottom; i++)
            for (let j = left; j < right; j++) if (digits[i * w + j]! > digits[best]!) best = i * w + j;
          return best;
        });
        const [y, indices] = adaptiveMaxPool2d(x, [oh, ow], { returnIndices: true });
        expect(y.shape).toEqual([1, oh, ow]);
        expect(values(y)).toEqual(winners.map((place) => digits[place]));
        expect([indices.dtype, values(indices)]).toEqual(["int32", winners]);
        const counts = Array.from({ length: h * w }, (_, place) => winners.filter((other) => other === place).length);
        expect(values(grad(y.sum(), x))).toEqual(counts);
      }),
    );
  });

  test("and adaptive averages, over one axis and three", () => {
    const x = tensor([1, 5, 2, 4, 3]).reshape([1, 5]);
    expect(values(new AdaptiveMaxPool1d(2).call(x))).toEqual([5, 4]);
    expect(values(new AdaptiveAvgPool1d(2).call(x))).toEqual([Math.fround(8 / 3), 3]);
    expect(values(new AdaptiveMaxPool1d(null).call(x))).toEqual([1, 5, 2, 4, 3]);
    const volume = randn([2, 3, 2, 5, 3], { dtype: "float64" });
    expect(new AdaptiveMaxPool3d([1, null, 2]).call(volume).shape).toEqual([2, 3, 1, 5, 2]);
    const mean = adaptiveAvgPool2d(volume.mean(2), [2, 2]);
    values(new AdaptiveAvgPool3d([1, 2, 2]).call(volume)).forEach((value, i) => {
      expect(value).toBeCloseTo(values(mean)[i]!, 12);
    });
  });
});

test("a power pool is the root of a sum of powers, without a slope at 0", () => {
  const x = tensor([3, 4, -6, 8, 1]).reshape([1, 1, 5]);
  expect(values(new LPPool1d(2, 2).call(x))).toEqual([5, 10]);
  expect(values(lpPool1d(x, 1, 2, { stride: 1 }))).toEqual([7, -2, 2, 9]);
  const zero = zeros([1, 1, 4], { requiresGrad: true });
  expect(values(grad(lpPool1d(zero, 2, 2).sum(), zero))).toEqual([0, 0, 0, 0]);
  expect(values(lpPool1d(x, Number.POSITIVE_INFINITY, 2))).toEqual([4, 8]);
  expect(values(lpPool1d(x, Number.NEGATIVE_INFINITY, 2))).toEqual([3, 6]);
  expect(values(lpPool1d(x, 2, 2, { ceilMode: true })).slice(0, 2)).toEqual([5, 10]);
  const images = randn([1, 2, 2, 3, 4]);
  expect(new LPPool3d(3, [1, 3, 2]).call(images).shape).toEqual([1, 2, 2, 1, 2]);
  expect(new LPPool2d(2, 2, { stride: 1 }).call(images.squeeze(0)).shape).toEqual([2, 2, 2, 3]);
  expect(() => new LPPool2d(0, 2)).toThrow("LPPool2d: normType must be a number other than 0, got 0");
});

test("pools of sequences and volumes take a single element, and say where the largest were", () => {
  const x = randn([2, 3, 4, 6]);
  for (const pool of [new MaxPool3d(2), new AvgPool3d([1, 2, 3])])
    expect(values(pool.call(x))).toEqual(values(pool.call(x.unsqueeze(0))));
  const line = tensor([1, 4, 2, 3, 9]).reshape([1, 5]);
  const [y, places] = maxPool1d(line, 2, { stride: 1, returnIndices: true });
  expect([values(y), values(places)]).toEqual([
    [4, 4, 3, 9],
    [1, 1, 3, 4],
  ]);
  expect(values(new MaxPool1d([2]).call(line))).toEqual([4, 3]);
  expect(values(new AvgPool1d(2, { padding: 1, countIncludePad: false }).call(line))).toEqual([1, 3, 6]);
});

describe("bad arguments", () => {
  test("of the layers", () => {
    expect(() => new MaxPool2d(0)).toThrow(
      new ArgumentError("MaxPool2d", "kernelSize must be a positive integer, got 0"),
    );
    expect(() => new MaxPool2d(2, 2 as never)).toThrow(
      "MaxPool2d: expected an object of options, got 2; write { stride: … } for stride, padding, dilation, ceilMode",
    );
    expect(() => new AvgPool2d(2, { stride: [1, 0] })).toThrow(
      "AvgPool2d: stride must be a positive integer, got [1,0]",
    );
    expect(() => new AvgPool2d(2, { padding: -1 })).toThrow(
      "AvgPool2d: padding must be a non-negative integer, got -1",
    );
    expect(() => new AvgPool2d([1, 2, 3] as never)).toThrow(
      "AvgPool2d: kernelSize must be a number or [height, width], got [1,2,3]",
    );
    expect(() => new AvgPool2d(2, { divisorOverride: 0 })).toThrow(
      "AvgPool2d: divisorOverride must be a number other than 0, got 0",
    );
    expect(() => new AvgPool1d(2, { divisorOverride: 3 } as never)).toThrow(
      'AvgPool1d: there is no option "divisorOverride"; the options are stride, padding, ceilMode, countIncludePad',
    );
    expect(() => new AdaptiveAvgPool2d(0)).toThrow(
      "AdaptiveAvgPool2d: outputSize must be a positive integer, got [0,0]",
    );
    expect(() => new AdaptiveAvgPool2d([1, 2, 3] as never)).toThrow(
      "AdaptiveAvgPool2d: outputSize must be a number or [height, width], got [1,2,3]",
    );
  });

  test("of the functions", () => {
    const x = randn([1, 1, 4, 4]);
    expect(() => maxPool2d(x, 2, { padding: 2 })).toThrow(
      "maxPool2d: the padding [2,2] is more than half of the kernel [2,2]",
    );
    expect(() => maxPool2d(x, 5)).toThrow(
      "maxPool2d: the kernel [5,5] (dilation [1,1]) is larger than the image [1,1,4,4]",
    );
    expect(() => avgPool2d(x, 2, { divisorOverride: 0 })).toThrow(
      "avgPool2d: divisorOverride must be a number other than 0",
    );
    expect(() => avgPool2d(randn([4, 4]), 2)).toThrow("avgPool2d: expected images [N,C,H,W], got [4,4]");
    expect(() => adaptiveAvgPool2d(randn([1, 1, 0, 4]), 1)).toThrow(
      "adaptiveAvgPool2d: expected [N,C] and 2 axes that are not empty, got [1,1,0,4]",
    );
  });
});

import { cpu } from "@descent/backend-cpu";
import { ArgumentError, gradcheck, randn, setBackend, type Tensor, tensor } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AdaptiveAvgPool2d, AvgPool2d, functional, MaxPool2d } from "./index.ts";

setBackend(cpu());
const { adaptiveAvgPool2d, avgPool2d, maxPool2d } = functional;
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
      "adaptiveAvgPool2d: expected images [N,C,H,W] that are not empty, got [1,1,0,4]",
    );
  });
});

import { cpu } from "@descent/backend-cpu";
import { arange, ones, randn, setBackend, type Tensor } from "@descent/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as nn from "./index.ts";

setBackend(cpu());
const { channelShuffle, fold, localResponseNorm, pixelShuffle, pixelUnshuffle, unfold } = nn.functional;
const values = (x: Tensor): number[] => [...x.dataSync()];
const size = fc.integer({ min: 1, max: 3 });

test("pixelShuffle lays r² channels out as pixels, pixelUnshuffle takes them back", () => {
  fc.assert(
    fc.property(size, size, size, size, fc.boolean(), (r, c, h, w, batch) => {
      const x = arange(c * r * r * h * w).reshape([...(batch ? [1] : []), c * r * r, h, w]);
      const y = pixelShuffle(x, r);
      expect(y.shape.slice(-3)).toEqual([c, h * r, w * r]);
      const at = (k: number, i: number, j: number): number => values(y)[(k * h * r + i) * w * r + j]!;
      for (let i = 0; i < h * r; i++)
        for (let j = 0; j < w * r; j++) {
          const channel = (c - 1) * r * r + (i % r) * r + (j % r);
          expect(at(c - 1, i, j)).toBe((channel * h + Math.floor(i / r)) * w + Math.floor(j / r));
        }
      expect(pixelUnshuffle(y, r).toArray()).toEqual(x.toArray());
    }),
  );
});

test("channelShuffle reads the groups by columns", () => {
  expect(values(channelShuffle(arange(6).reshape([1, 6, 1]), 2))).toEqual([0, 3, 1, 4, 2, 5]);
  expect(new nn.ChannelShuffle(3).call(randn([2, 6, 2, 2])).shape).toEqual([2, 6, 2, 2]);
});

test("unfold and fold take a single image", () => {
  const x = randn([2, 4, 5]);
  const columns = unfold(x, [2, 3], { padding: 1, stride: [1, 2] });
  expect(columns.shape).toEqual([12, 15]);
  expect(values(columns)).toEqual(values(new nn.Unfold([2, 3], { padding: 1, stride: [1, 2] }).call(x.unsqueeze(0))));
  const image = fold(columns, [4, 5], [2, 3], { padding: 1, stride: [1, 2] });
  expect(image.shape).toEqual([2, 4, 5]);
  expect(values(new nn.Fold([4, 5], [2, 3], { padding: 1, stride: [1, 2] }).call(columns.unsqueeze(0)))).toEqual(
    values(image),
  );
});

test("localResponseNorm divides by what the channels around have", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), (channels, width) => {
      const x = randn([2, channels, 3], { dtype: "float64" });
      const y = localResponseNorm(x, width, { alpha: 0.5, beta: 0.75, k: 2 });
      const at = (n: number, c: number, i: number): number => values(x)[(n * channels + c) * 3 + i] ?? 0;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = c - Math.floor(width / 2); k < c - Math.floor(width / 2) + width; k++)
          if (k >= 0 && k < channels) sum += at(1, k, 2) ** 2;
        expect(values(y)[(channels + c) * 3 + 2]).toBeCloseTo(at(1, c, 2) / (2 + (0.5 * sum) / width) ** 0.75, 12);
      }
    }),
  );
  expect(localResponseNorm(ones([0, 2, 3]), 2).shape).toEqual([0, 2, 3]);
});

test("Unflatten divides an axis", () => {
  expect(new nn.Unflatten(1, [2, 3]).call(ones([4, 6, 5])).shape).toEqual([4, 2, 3, 5]);
  expect(new nn.Unflatten(-1, [-1, 3]).call(ones([4, 6])).shape).toEqual([4, 2, 3]);
});

test("pads take a number or a list, the last axis first", () => {
  const x = randn([2, 3, 4]);
  expect(new nn.ZeroPad1d([1, 2]).call(x).shape).toEqual([2, 3, 7]);
  expect(new nn.ConstantPad3d(1, 2.5).call(x).shape).toEqual([4, 5, 6]);
  expect(values(new nn.ConstantPad2d([1, 0, 0, 0], 2.5).call(x))[0]).toBe(2.5);
  expect(new nn.ReflectionPad2d([1, 2, 0, 1]).call(x).shape).toEqual([2, 4, 7]);
  expect(new nn.ReplicationPad1d([-1, 0]).call(x).shape).toEqual([2, 3, 3]);
  expect(new nn.CircularPad3d(1).call(x.unsqueeze(0)).shape).toEqual([1, 4, 5, 6]);
});

test("bad arguments", () => {
  const x = ones([1, 6, 3, 4]);
  const calls: [call: () => unknown, message: string][] = [
    [() => pixelShuffle(x, 2), "pixelShuffle: the channels of [1,6,3,4] must be divisible by 2²"],
    [() => pixelShuffle(ones([2, 2]), 2), "pixelShuffle: expected images […,C,H,W], got [2,2]"],
    [() => pixelUnshuffle(x, 2), "pixelUnshuffle: height and width of [1,6,3,4] must be divisible by 2"],
    [() => pixelShuffle(x, 0), "pixelShuffle: upscaleFactor must be a positive integer, got 0"],
    [() => new nn.PixelUnshuffle(1.5), "PixelUnshuffle: downscaleFactor must be a positive integer, got 1.5"],
    [() => channelShuffle(x, 4), "channelShuffle: expected [N,C,…] with channels divisible by 4, got [1,6,3,4]"],
    [() => localResponseNorm(ones([2, 3]), 2), "localResponseNorm: expected [N,C,…] with at least 3 axes, got [2,3]"],
    [() => new nn.LocalResponseNorm(0), "LocalResponseNorm: size must be a positive integer, got 0"],
    [() => new nn.Unfold(2, { padding: -1 }), "Unfold: padding must be a non-negative integer, got -1"],
    [() => new nn.Fold([4, 5, 6] as never, 2), "Fold: outputSize must be a number or [height, width], got [4,5,6]"],
    [
      () => new nn.ReflectionPad2d([1, 2] as never),
      "ReflectionPad2d: padding must be an integer or a list of 4, got [1,2]",
    ],
    [() => new nn.ConstantPad1d(0.5, 1), "ConstantPad1d: padding must be an integer or a list of 2, got [0.5]"],
    [() => new nn.ReflectionPad1d(3).call(ones([1, 3])), 'pad: mode "reflect" cannot pad axis 1 of [1,3] by [3,3]'],
    [
      () => new nn.Unflatten(1, [2, 2]).call(x),
      "unflatten: [6] has 6 elements and cannot become [2,2] (in Unflatten); the sizes must multiply to 6; one of them may be -1",
    ],
  ];
  for (const [call, message] of calls) expect(call).toThrow(message);
});

import { cpu } from "@descent/backend-cpu";
import { gradcheck, type Parameter, pad, randn, setBackend, type Tensor } from "@descent/core";
import { describe, expect, test } from "vitest";
import * as nn from "./index.ts";

setBackend(cpu());
const values = (x: Tensor): number[] => [...x.dataSync()];
const { conv1d, conv3d, convTranspose2d } = nn.functional;

const CASES = [
  [new nn.Conv1d(2, 4, 3, { groups: 2 }), [5], [2, 1], [3]],
  [new nn.Conv3d(2, 4, [1, 2, 3]), [2, 3, 4], [2, 2], [2, 2, 2]],
  [new nn.ConvTranspose1d(2, 4, 3, { stride: 2 }), [3], [2, 4], [7]],
  [new nn.ConvTranspose2d(2, 4, [2, 3], { groups: 2, bias: false }), [3, 4], [2, 2], [4, 6]],
  [new nn.ConvTranspose3d(2, 4, 2, { padding: 1, dilation: 2 }), [2, 3, 4], [2, 4], [2, 3, 4]],
] as const;

test.each(CASES)("%s takes a batch and a single element", (layer, size, _, output) => {
  const x = randn([3, 2, ...size]);
  const y = layer.call(x);
  expect(y.shape).toEqual([3, 4, ...output]);
  expect(values(layer.call(x.narrow(0, 1, 1).squeeze(0)))).toEqual(values(y.narrow(0, 1, 1)));
});

test("weights of transposed convolutions have the inputs first, and start within 1/√fanIn of PyTorch", () => {
  const layer = new nn.ConvTranspose2d(6, 8, [3, 2], { groups: 2 });
  expect([layer.weight.shape, layer.bias!.shape]).toEqual([[6, 4, 3, 2], [8]]);
  expect(Object.keys(layer.stateDict())).toEqual(["weight", "bias"]);
  const bound = 1 / Math.sqrt(4 * 3 * 2);
  const largest = (p: Parameter): number => Math.max(...values(p).map(Math.abs));
  expect(largest(layer.weight)).toBeLessThanOrEqual(bound);
  expect(largest(layer.weight)).toBeGreaterThan(0.9 * bound);
  expect(largest(layer.bias!)).toBeLessThanOrEqual(bound);
});

describe("paddingMode", () => {
  test.each(["reflect", "replicate", "circular"] as const)("%s pads first", (paddingMode) => {
    const x = randn([2, 2, 5]);
    const layer = new nn.Conv1d(2, 3, 3, { padding: 2, stride: 2, paddingMode });
    const { weight, bias } = layer;
    const expected = conv1d(pad(x, [2, 2], { mode: paddingMode }), weight, { bias, stride: 2 });
    expect(values(layer.call(x))).toEqual(values(expected));
    expect(values(layer.call(x.narrow(0, 0, 1).squeeze(0)))).toEqual(values(expected.narrow(0, 0, 1)));
  });

  test("each axis has its own, the first axis first", () => {
    const x = randn([1, 1, 3, 4, 5]);
    const layer = new nn.Conv3d(1, 2, [1, 2, 3], { padding: "same", paddingMode: "circular" });
    const framed = pad(x, [1, 1, 0, 1, 0, 0], { mode: "circular" });
    expect(values(layer.call(x))).toEqual(values(conv3d(framed, layer.weight, { bias: layer.bias })));
    const uneven = new nn.Conv2d(1, 1, 3, { padding: [0, 1], paddingMode: "reflect" });
    expect(uneven.call(randn([1, 1, 4, 4])).shape).toEqual([1, 1, 2, 4]);
  });
});

test("outputSize picks one of the sizes that fit", () => {
  const layer = new nn.ConvTranspose2d(2, 3, 3, { stride: [3, 2], padding: 1 });
  const x = randn([1, 2, 4, 5]);
  expect(layer.call(x).shape).toEqual([1, 3, 10, 9]);
  const y = layer.call(x, [12, 10]);
  expect(y.shape).toEqual([1, 3, 12, 10]);
  expect(values(layer.call(x, [1, 3, 12, 10]))).toEqual(values(y));
  const { weight, bias } = layer;
  const options = { stride: [3, 2], padding: 1, outputPadding: [2, 1] } as const;
  expect(values(convTranspose2d(x, weight, { ...options, bias }))).toEqual(values(y));
  for (const size of [[13, 10], [9, 9], [10], [1, 2, 10, 9, 1]])
    expect(() => layer.call(x, size)).toThrow(
      `ConvTranspose2d: outputSize [${size}] is not possible (in ConvTranspose2d); the sizes run from [10,9] to [12,10]`,
    );
});

test("gradients of a transposed convolution with all options", () => {
  const like = { dtype: "float64", requiresGrad: true } as const;
  const options = { stride: [2, 1], padding: 1, outputPadding: [1, 1], dilation: [1, 2], groups: 2 } as const;
  gradcheck(
    (x, weight, bias) => convTranspose2d(x!, weight!, { ...options, bias: bias! }),
    [randn([2, 3, 3], like), randn([2, 1, 2, 2], like), randn([2], like)],
  );
});

test("bad arguments", () => {
  const make =
    (...args: unknown[]) =>
    () =>
      new nn.ConvTranspose1d(...(args as [number, number, number]));
  expect(make(1, 2, 0)).toThrow("ConvTranspose1d: kernelSize must be a positive integer, got 0");
  expect(make(1, 2, [3, 1])).toThrow("ConvTranspose1d: kernelSize must be a number or [width], got [3,1]");
  expect(make(1, 2, 3, { outputPadding: -1 })).toThrow(
    "ConvTranspose1d: outputPadding must be a non-negative integer, got -1",
  );
  expect(make(1, 2, 3, { padding: "same" })).toThrow(
    "ConvTranspose1d: padding must be a non-negative integer, got same",
  );
  expect(make(1, 2, 3, { paddingMode: "reflect" })).toThrow(
    'ConvTranspose1d: unknown paddingMode "reflect"; use one of "zeros"',
  );
  expect(make(3, 4, 3, { groups: 2 })).toThrow(
    "ConvTranspose1d: inChannels 3 and outChannels 4 must be divisible by groups 2",
  );
  const [x, w] = [randn([1, 2, 5]), randn([2, 3, 3])];
  expect(() => nn.functional.convTranspose1d(x, w, { stride: [1, 2] as never })).toThrow(
    "convTranspose1d: stride must be a number or [width], got [1,2]",
  );
  expect(() => nn.functional.convTranspose1d(x, w, { output: 1 } as never)).toThrow(
    'convTranspose1d: there is no option "output"; the options are bias, stride, padding, dilation, groups, outputPadding',
  );
  expect(() => new nn.Conv3d(1, 1, [1, 2] as never)).toThrow(
    "Conv3d: kernelSize must be a number or [depth, height, width], got [1,2]",
  );
});

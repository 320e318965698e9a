import { cpu } from "@descent/backend-cpu";
import { ArgumentError, gradcheck, padZeros, randn, setBackend, type Tensor } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Conv2d, functional } from "./index.ts";

setBackend(cpu());
const { conv2d } = functional;
const values = (x: Tensor): number[] => [...x.dataSync()];
const size = fc.integer({ min: 1, max: 4 });

describe("padding", () => {
  test('"same" keeps the size, an odd zero at the end', () => {
    fc.assert(
      fc.property(size, size, size, size, (kh, kw, dh, dw) => {
        const [x, w] = [randn([1, 2, 5, 6]), randn([3, 2, kh, kw])];
        const dilation = [dh, dw] as const;
        const [rows, columns] = [dh * (kh - 1), dw * (kw - 1)];
        const framed = padZeros(x, [
          [Math.floor(rows / 2), Math.ceil(rows / 2)],
          [Math.floor(columns / 2), Math.ceil(columns / 2)],
        ]);
        const y = conv2d(x, w, { padding: "same", dilation });
        expect(y.shape).toEqual([1, 3, 5, 6]);
        expect(values(y)).toEqual(values(conv2d(framed, w, { dilation })));
      }),
    );
  });

  test('"valid" is none', () => {
    const [x, w] = [randn([1, 2, 5, 6]), randn([3, 2, 2, 3])];
    const stride = [2, 1] as const;
    expect(values(conv2d(x, w, { padding: "valid", stride }))).toEqual(values(conv2d(x, w, { padding: 0, stride })));
  });
});

test("a single image is a batch of one", () => {
  const layer = new Conv2d(2, 3, [3, 2], { padding: "same" });
  const x = randn([2, 4, 5]);
  const y = layer.call(x);
  expect(y.shape).toEqual([3, 4, 5]);
  expect(values(y)).toEqual(values(layer.call(x.unsqueeze(0))));
});

test("gradients of all kinds of padding", () => {
  const like = { dtype: "float64", requiresGrad: true } as const;
  for (const padding of ["same", "valid", 1, [0, 1]] as const)
    gradcheck(
      (x, weight, bias) => conv2d(x!, weight!, { bias: bias!, padding, dilation: [1, 2], groups: 2 }),
      [randn([2, 4, 5], like), randn([2, 1, 2, 2], like), randn([2], like)],
    );
});

test("the layer has a weight per group and a bias", () => {
  const layer = new Conv2d(4, 6, [3, 2], { groups: 2 });
  expect([layer.weight.shape, layer.bias!.shape]).toEqual([[6, 2, 3, 2], [6]]);
  expect(new Conv2d(1, 1, 1, { bias: false }).bias).toBeNull();
});

describe("bad arguments", () => {
  const make =
    (...args: unknown[]) =>
    () =>
      new Conv2d(...(args as [number, number, number]));

  test("of the layer", () => {
    expect(make(1, 2, 0)).toThrow(new ArgumentError("Conv2d", "kernelSize must be a positive integer, got 0"));
    expect(make(1, 2, [3, 0])).toThrow("Conv2d: kernelSize must be a positive integer, got [3,0]");
    expect(make(1, 2, [3])).toThrow("Conv2d: kernelSize must be a number or [height, width], got [3]");
    expect(make(1, 2, 3, { stride: 0 })).toThrow("Conv2d: stride must be a positive integer, got 0");
    expect(make(1, 2, 3, { padding: -1 })).toThrow("Conv2d: padding must be a non-negative integer, got -1");
    expect(make(1, 2, 3, { padding: [1, 2, 3] })).toThrow(
      "Conv2d: padding must be a number or [height, width], got [1,2,3]",
    );
    expect(make(1, 2, 3, { padding: "full" })).toThrow('Conv2d: unknown padding "full"; use one of "same", "valid"');
    expect(make(1, 2, 3, { padding: "same", stride: 2 })).toThrow(
      'Conv2d: padding "same" needs stride 1, got [2,2]; give the padding as numbers',
    );
    expect(make(3, 4, 3, { groups: 2 })).toThrow(
      "Conv2d: inChannels 3 and outChannels 4 must be divisible by groups 2",
    );
    expect(make(1, 2, 3, { paddingMode: "mirror" })).toThrow(
      'Conv2d: unknown paddingMode "mirror"; use one of "zeros", "reflect", "replicate", "circular"',
    );
    expect(make(1, 2, 3, 1, 2)).toThrow(
      "Conv2d: expected an object of options, got 1; write { stride: … } for stride, ",
    );
  });

  test("of the function", () => {
    const [x, w] = [randn([1, 2, 5, 6]), randn([3, 2, 3, 3])];
    expect(() => conv2d(x, w, { padding: "same", stride: 2 })).toThrow(
      'conv2d: padding "same" needs stride 1, got [2,2]',
    );
    expect(() => conv2d(x, w, { padding: "full" as "same" })).toThrow('conv2d: unknown padding "full"');
    expect(() => conv2d(x, randn([3, 2]), { padding: "same" })).toThrow(
      "conv2d: expected an input [N,C,H,W] and a weight [O,C/groups,kh,kw], got [1,2,5,6] and [3,2]",
    );
    expect(() => conv2d(randn([2, 2]), w)).toThrow("conv2d: expected an input [N,C,H,W]");
  });
});

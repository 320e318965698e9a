import { cpu } from "@descent/backend-cpu";
import { type Backend, batchNorm, conv2d, grad, layerNorm, linear, linearRelu, ones, type Tensor } from "@descent/core";
import { describe, expect, test } from "vitest";

// Ops whose gradients share work compute those of some inputs without the work for the others.

/** The reference backend, and the kernels it was asked for. */
function watched(): { backend: Backend; kernels: string[] } {
  const kernels: string[] = [];
  const backend: Backend = new Proxy(cpu(), {
    get: (target, name: keyof Backend) => {
      const member: unknown = target[name];
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        kernels.push(name);
        return member.apply(target, args);
      };
    },
  });
  return { backend, kernels };
}

type Affine = (x: Tensor, weight: Tensor, bias: Tensor) => Tensor;
const conv = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
const OPS: Readonly<Record<string, { shapes: readonly number[][]; fn: Affine; ofBias: readonly string[] }>> = {
  linear: { shapes: [[4, 3], [2, 3], [2]], fn: linear, ofBias: ["reduce"] },
  linearRelu: { shapes: [[4, 3], [2, 3], [2]], fn: linearRelu, ofBias: ["binary", "select", "reduce"] },
  conv2d: {
    shapes: [[2, 1, 3, 3], [2, 1, 2, 2], [2]],
    fn: (x, weight, bias) => conv2d(x, weight, bias, conv),
    ofBias: ["reduce"],
  },
  batchNorm: {
    shapes: [[4, 3], [3], [3]],
    fn: (x, weight, bias) => batchNorm(x, weight, bias, 1e-5).output,
    ofBias: ["reduce"],
  },
  layerNorm: {
    shapes: [[4, 3], [3], [3]],
    fn: (x, weight, bias) => layerNorm(x, [3], weight, bias, 1e-5),
    ofBias: ["reduce"],
  },
};

describe.each(Object.entries(OPS))("%s", (_, { shapes, fn, ofBias }) => {
  /** The kernels that the gradients of some inputs take. */
  const kernelsFor = (...wanted: readonly number[]): string[] => {
    const { backend, kernels } = watched();
    const xs = shapes.map((shape, i) => ones(shape, { backend, requiresGrad: wanted.includes(i) }));
    const y = fn(xs[0]!, xs[1]!, xs[2]!);
    const seed = ones(y.shape, { backend });
    kernels.length = 0;
    grad(
      y,
      wanted.map((i) => xs[i]!),
      { gradOutputs: seed },
    );
    return kernels.filter((name) => name !== "free" && name !== "fill");
  };

  test("reduces for the gradient of the bias and does nothing else", () => {
    expect(kernelsFor(2)).toEqual(ofBias);
  });

  test("does less for one of input and weight than for both", () => {
    const both = kernelsFor(0, 1).length;
    for (const one of [0, 1]) expect(kernelsFor(one).length).toBeLessThan(both);
  });
});

test("the gradient of a statistic of batchNorm alone has the shape of the input", () => {
  const backend = cpu();
  const x = ones([4, 3], { backend, requiresGrad: true });
  const { mean } = batchNorm(x, null, null, 1e-5);
  const g = grad(mean, x, { gradOutputs: ones([1, 3], { backend }) });
  expect([g.shape, [...g.dataSync()]]).toEqual([[4, 3], new Array(12).fill(0.25)]);
});

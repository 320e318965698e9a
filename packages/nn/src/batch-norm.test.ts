import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  Buffer,
  gradcheck,
  ones,
  randn,
  ShapeError,
  setBackend,
  type Tensor,
  tensor,
  zeros,
} from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchNorm1d, BatchNorm2d, functional } from "./index.ts";

setBackend(cpu());
const values = (x: Tensor): number[] => [...x.dataSync()];
const close = (actual: Tensor, expected: Tensor | readonly number[], digits = 9): void => {
  const want = Array.isArray(expected) ? expected : values(expected as Tensor);
  expect(actual.numel()).toBe(want.length);
  values(actual).forEach((v, i) => {
    expect(v).toBeCloseTo(want[i] as number, digits);
  });
};
const f64 = { dtype: "float64" } as const;
const some = fc.integer({ min: 2, max: 5 });

describe("batch normalisation", () => {
  test("gives every channel mean 0 and variance 1, then weight and bias", () => {
    fc.assert(
      fc.property(some, some, some, (n, c, l) => {
        const layer = new BatchNorm1d(c, { eps: 0 }).to("float64");
        layer.weight!.assign(
          tensor(
            Array.from({ length: c }, (_, i) => i + 1),
            f64,
          ),
        );
        layer.bias!.assign(
          tensor(
            Array.from({ length: c }, (_, i) => -i),
            f64,
          ),
        );
        const y = layer.call(randn([n, c, l], f64).mul(3).add(2));
        close(y.mean([0, 2]), layer.bias!);
        close(y.std([0, 2], { correction: 0 }), layer.weight!);
      }),
    );
  });

  test("follows the batches with running statistics", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 0.1, 0.7, 1), some, (momentum, batches) => {
        const layer = new BatchNorm2d(2, { momentum }).to("float64");
        let [mean, variance] = [zeros([2], f64), ones([2], f64)];
        for (let i = 0; i < batches; i++) {
          const x = randn([3, 2, 2, 2], f64).add(i);
          layer.call(x);
          mean = mean.mul(1 - momentum).add(x.mean([0, 2, 3]).mul(momentum));
          variance = variance.mul(1 - momentum).add(x.var([0, 2, 3]).mul(momentum));
        }
        close(layer.runningMean!, mean);
        close(layer.runningVar!, variance);
        expect(layer.numBatchesTracked!.item()).toBe(batches);
      }),
    );
  });

  test("averages all batches alike where momentum is null", () => {
    const layer = new BatchNorm1d(2, { momentum: null }).to("float64");
    const batches = [0, 1, 2].map((i) => randn([4, 2], f64).mul(i + 1));
    for (const x of batches) layer.call(x);
    const average = (of: (x: Tensor) => Tensor): Tensor =>
      batches
        .map(of)
        .reduce((a, b) => a.add(b))
        .div(3);
    close(
      layer.runningMean!,
      average((x) => x.mean(0)),
    );
    close(
      layer.runningVar!,
      average((x) => x.var(0)),
    );
  });

  test("evaluates every sample by itself, and leaves the statistics alone", () => {
    const layer = new BatchNorm1d(3);
    layer.call(randn([5, 3]));
    const before = Object.values(layer.stateDict()).map(values);
    layer.eval();
    const x = randn([4, 3]);
    const y = layer.call(x);
    for (let i = 0; i < 4; i++) close(layer.call(x.narrow(0, i, 1)), y.narrow(0, i, 1), 6);
    const scale = layer.runningVar!.add(1e-5).sqrt();
    close(y, x.sub(layer.runningMean!).div(scale), 5);
    expect(Object.values(layer.stateDict()).map(values)).toEqual(before);
  });

  test("without running statistics evaluates with those of the batch", () => {
    const layer = new BatchNorm1d(2, { trackRunningStats: false });
    expect(layer.buffers()).toEqual([]);
    const x = randn([4, 2]);
    const y = values(layer.call(x));
    expect(values(layer.eval().call(x))).toEqual(y);
  });

  test("its gradients, with batch and running statistics", () => {
    const like = { ...f64, requiresGrad: true };
    for (const training of [true, false])
      gradcheck(
        (x, weight, bias) =>
          functional.batchNorm(x!, new Buffer(tensor([0.5, -1], f64)), new Buffer(tensor([2, 3], f64)), {
            weight: weight!,
            bias: bias!,
            training,
          }),
        [randn([3, 2, 2], like), randn([2], like), randn([2], like)],
      );
  });

  test("statistics never join the graph", () => {
    const layer = new BatchNorm1d(2);
    layer.call(layer.call(randn([3, 2], { requiresGrad: true })));
    for (const buffer of layer.buffers()) expect(buffer.requiresGrad).toBe(false);
  });

  test("an empty batch moves nothing", () => {
    const layer = new BatchNorm1d(2);
    expect(layer.call(zeros([0, 2])).shape).toEqual([0, 2]);
    expect(layer.runningMean!.toArray()).toEqual([0, 0]);
    expect(layer.runningVar!.toArray()).toEqual([1, 1]);
  });

  test("weight and bias can be left out", () => {
    expect(Object.keys(new BatchNorm2d(2, { bias: false }).stateDict())).not.toContain("bias");
    const plain = new BatchNorm2d(2, { affine: false });
    expect(plain.parameters()).toEqual([]);
    expect(Object.keys(plain.stateDict())).toEqual(["running_mean", "running_var", "num_batches_tracked"]);
  });

  test("rejects bad inputs and changes nothing", () => {
    const layer = new BatchNorm2d(3, { affine: false });
    const before = Object.values(layer.stateDict()).map(values);
    const shapes = [
      [2, 3, 4],
      [2, 4, 5, 5],
      [1, 3, 1, 1],
    ];
    for (const shape of shapes) expect(() => layer.call(ones(shape))).toThrow(ShapeError);
    expect(() => layer.call(ones([2, 3, 4]))).toThrow("BatchNorm2d: expected [N,C,H,W] with C = 3, got [2,3,4]");
    const bare = new BatchNorm2d(3, { affine: false, trackRunningStats: false });
    expect(() => bare.call(ones([2, 4, 5, 5]))).toThrow("BatchNorm2d: expected [N,C,H,W] with C = 3, got [2,4,5,5]");
    expect(() => new BatchNorm1d(3).call(ones([3]))).toThrow(
      "BatchNorm1d: expected [N,C] or [N,C,L] with C = 3, got [3]",
    );
    expect(() => layer.call(ones([1, 3, 1, 1]))).toThrow(
      "batchNorm: expected more than 1 value per channel, got [1,3,1,1] (in BatchNorm2d); use a larger input, or eval() with running statistics",
    );
    expect(Object.values(layer.stateDict()).map(values)).toEqual(before);
    expect(layer.eval().call(ones([1, 3, 1, 1])).shape).toEqual([1, 3, 1, 1]);
  });

  test("rejects bad arguments", () => {
    expect(() => new BatchNorm1d(0)).toThrow("BatchNorm1d: numFeatures must be a positive integer, got 0");
    expect(() => new BatchNorm1d(2, { momentum: 2 })).toThrow("BatchNorm1d: momentum must lie in [0, 1], got 2");
    expect(() => new BatchNorm2d(2, { eps: -1 })).toThrow(
      new ArgumentError("BatchNorm2d", "eps must not be negative, got -1"),
    );
    const { batchNorm } = functional;
    expect(() => batchNorm(ones([3]), null, null)).toThrow("batchNorm: expected [N,C,…], got [3]");
    expect(() => batchNorm(ones([3, 2]), null, null)).toThrow(
      "batchNorm: there are no running statistics; pass them, or use those of the input",
    );
    expect(() => batchNorm(ones([3, 2]), new Buffer(ones([3])), null, { training: true })).toThrow(
      "batchNorm: running statistics [3] for an input [3,2]",
    );
  });
});

import { cpu } from "@descent/backend-cpu";
import { arange, Buffer, ones, randn, setBackend, sin, type Tensor, zeros } from "@descent/core";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchNorm3d, functional as F, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from "./index.ts";

setBackend(cpu());
const f64 = { dtype: "float64" } as const;
const close = (actual: Tensor, expected: Tensor, atol = 1e-9): void =>
  expectClose(actual, expected, { rtol: 1e-9, atol });
const some = fc.integer({ min: 1, max: 4 });

test("normalises each channel of each sample by itself, whatever the mode", () => {
  fc.assert(
    fc.property(some, some, some, fc.boolean(), (n, c, l, mode) => {
      const x = randn([n, c, l + 1], f64)
        .mul(3)
        .add(2);
      const y = new InstanceNorm1d(c, { eps: 0 }).train(mode).call(x);
      close(y.mean(2), zeros([n, c], f64));
      close(y.var(2, { correction: 0 }), ones([n, c], f64));
    }),
  );
});

test("takes single samples", () => {
  for (const [layer, shape] of [
    [new InstanceNorm1d(3), [3, 4]],
    [new InstanceNorm2d(3), [3, 2, 2]],
    [new InstanceNorm3d(3), [3, 2, 1, 2]],
  ] as const) {
    const x = randn(shape);
    close(layer.call(x), layer.call(x.unsqueeze(0)).squeeze(0), 0);
  }
});

describe("running statistics", () => {
  const x = sin(arange(12).to("float64")).reshape([2, 2, 3]);

  test("follow the averages over the samples, and are used in evaluation, as in PyTorch", () => {
    const layer = new InstanceNorm1d(2, { trackRunningStats: true, momentum: 0.25 }).to("float64");
    const train = layer.call(x);
    const expected = [
      -1.410999, 0.623504, 0.787495, 1.392961, -0.485105, -0.907856, -1.36833, 0.374806, 0.993524, 1.341563, -0.283336,
      -1.058227,
    ];
    expectClose(train, { shape: [2, 2, 3], dtype: "float64", data: expected }, { rtol: 0, atol: 1e-6 });
    const statistic = (data: number[]): object => ({ shape: [2], dtype: "float64", data });
    const tight = { rtol: 0, atol: 1e-12 };
    expectClose(layer.runningMean!, statistic([0.12990407328236764, -0.11277081642122982]) as never, tight);
    expectClose(layer.runningVar!, statistic([0.8361792139569855, 0.8577786908462375]) as never, tight);
    expect(layer.numBatchesTracked!.item()).toBe(0);
    const evaluated = [
      -0.14206, 0.77815, 0.852323, 0.27413, -0.695372, -0.913606, -0.447621, 0.576403, 0.939876, 0.566732, -0.465628,
      -0.957946,
    ];
    expectClose(layer.eval().call(x), { shape: [2, 2, 3], dtype: "float64", data: evaluated }, { rtol: 0, atol: 1e-6 });
  });

  test("stay where momentum is null, in evaluation, and for empty batches", () => {
    const still = new InstanceNorm1d(2, { trackRunningStats: true, momentum: null }).to("float64");
    still.call(x);
    const other = new InstanceNorm1d(2, { trackRunningStats: true }).to("float64");
    expect(other.call(zeros([0, 2, 3], f64)).shape).toEqual([0, 2, 3]);
    other.eval().call(x);
    for (const { runningMean, runningVar } of [still, other])
      expect([runningMean!.toArray(), runningVar!.toArray()]).toEqual([
        [0, 0],
        [1, 1],
      ]);
  });
});

test("state and printed form", () => {
  expect(Object.keys(new InstanceNorm2d(3).stateDict())).toEqual([]);
  expect(Object.keys(new InstanceNorm2d(3, { affine: true, trackRunningStats: true }).stateDict())).toEqual([
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "num_batches_tracked",
  ]);
  expect(String(new InstanceNorm2d(3))).toBe(
    "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
  );
  expect(String(new BatchNorm3d(2))).toBe(
    "BatchNorm3d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
  );
});

test.each<[() => unknown, string]>([
  [
    () => new InstanceNorm1d(3).call(ones([2, 4, 5])),
    "InstanceNorm1d: expected [C,L] or [N,C,L] with C = 3, got [2,4,5] (in InstanceNorm1d)",
  ],
  [
    () => new InstanceNorm2d(3).call(ones([3, 4])),
    "InstanceNorm2d: expected [C,H,W] or [N,C,H,W] with C = 3, got [3,4] (in InstanceNorm2d)",
  ],
  [
    () => new InstanceNorm3d(3).eval().call(ones([2, 3, 1, 1, 1])),
    "instanceNorm: expected more than 1 value per channel, got [2,3,1,1,1] (in InstanceNorm3d); use a larger input, or eval() with running statistics",
  ],
  [() => F.instanceNorm(ones([3])), "instanceNorm: expected [N,C,…], got [3]"],
  [
    () => F.instanceNorm(ones([2, 3, 4]), { useInputStats: false }),
    "instanceNorm: there are no running statistics; pass them, or use those of the input",
  ],
  [
    () => F.instanceNorm(ones([2, 3, 4]), { runningMean: new Buffer(ones([2])) }),
    "instanceNorm: running statistics [2] for an input [2,3,4]",
  ],
  [() => new BatchNorm3d(2).call(ones([2, 2, 3, 3])), "BatchNorm3d: expected [N,C,D,H,W] with C = 2, got [2,2,3,3]"],
  [() => new InstanceNorm1d(2, { momentum: 2 }), "InstanceNorm1d: momentum must lie in [0, 1], got 2"],
])("rejects what does not fit: %#", (run, message) => {
  expect(run).toThrow(message);
});

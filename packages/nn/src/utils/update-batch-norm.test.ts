import { cpu } from "@descent/backend-cpu";
import { manualSeed, randn, setBackend, type Tensor, tensor } from "@descent/core";
import { countingBackend, expectClose } from "@descent/testing";
import { beforeEach, expect, test } from "vitest";
import { BatchNorm1d, Dropout, InstanceNorm1d, Linear, Module, Sequential, utils } from "../index.ts";

beforeEach(() => {
  setBackend(cpu());
  manualSeed(0);
});
const { updateBatchNorm } = utils;

test("running statistics become the averages over all batches, whatever they were", () => {
  const norm = new BatchNorm1d(2, { momentum: 0.3 });
  norm.call(randn([5, 2]));
  const batches = [0, 1, 2].map((i) => randn([4, 2]).add(i));
  updateBatchNorm(batches, norm);
  const mean = (statistic: (x: Tensor) => Tensor): Tensor =>
    batches
      .map(statistic)
      .reduce((a, b) => a.add(b))
      .div(batches.length);
  expectClose(
    norm.runningMean!,
    mean((x) => x.mean(0)),
    1e-6,
  );
  expectClose(
    norm.runningVar!,
    mean((x) => x.var(0)),
    1e-6,
  );
  expect(norm.numBatchesTracked!.item()).toBe(3);

  // Training goes on with the momentum of the layer.
  const before = norm.runningMean!.detach();
  norm.call(batches[0]!);
  expectClose(norm.runningMean!, before.mul(0.7).add(batches[0]!.mean(0).mul(0.3)), 1e-6);
});

// torch.optim.swa_utils.update_bn of PyTorch 2.15: BatchNorm1d(2), batches [[1, 2], [3, 6]] and [[0, 1], [0, 5], [6, 0]].
test("gives PyTorch's numbers, of batches alone or with labels", () => {
  const norm = new BatchNorm1d(2);
  const labels = tensor([0]);
  updateBatchNorm(
    [
      [
        tensor([
          [1, 2],
          [3, 6],
        ]),
        labels,
      ],
      [
        tensor([
          [0, 1],
          [0, 5],
          [6, 0],
        ]),
        labels,
      ],
    ],
    norm,
  );
  expect([norm.runningMean!.toArray(), norm.runningVar!.toArray()]).toEqual([
    [2, 3],
    [7, 7.5],
  ]);
});

test("touches nothing else: not weights, gradients, modes, or statistics of other norms", () => {
  const model = new Sequential(new Linear(3, 3), new BatchNorm1d(3), new Dropout(0.5), new BatchNorm1d(3));
  const other = new Sequential(new InstanceNorm1d(3, { trackRunningStats: true }), new Linear(3, 3));
  model.eval();
  model.children()[3]!.train();
  const weights = model.parameters().map((p) => p.toArray());
  updateBatchNorm([randn([6, 3])], model);
  expect(model.modules().map(({ training }) => training)).toEqual([false, false, false, false, true]);
  expect(model.parameters().map((p) => p.toArray())).toEqual(weights);
  expect(model.parameters().map(({ grad }) => grad)).toEqual([null, null, null, null, null, null]);
  updateBatchNorm([], other);
  expect(other.buffers()[2]!.item()).toBe(0);
});

test("a model that throws gets its modes and its momentum back", () => {
  class Failing extends Module {
    readonly norm = new BatchNorm1d(2);
    forward(x: Tensor): Tensor {
      if (x.shape[0] === 7) throw new RangeError("no");
      return this.norm.call(x);
    }
  }
  const model = new Failing().eval();
  expect(() => updateBatchNorm([randn([4, 2]), randn([7, 2])], model)).toThrow("no");
  expect([model.training, model.norm.training]).toEqual([false, false]);
  const before = model.norm.runningMean!.detach();
  const x = randn([4, 2]);
  model.train().call(x);
  expectClose(model.norm.runningMean!, before.mul(0.9).add(x.mean(0).mul(0.1)), 1e-6);
});

test("leaves nothing behind", () => {
  const backend = countingBackend();
  setBackend(backend);
  const norm = new BatchNorm1d(2);
  const batches = [0, 1].map((i) =>
    tensor([
      [i, 1],
      [2, 3],
    ]),
  );
  const before = backend.liveBytes;
  updateBatchNorm(batches, norm);
  expect(backend.liveBytes).toBe(before);
});

test("resetRunningStats goes back to the start", () => {
  const norm = new BatchNorm1d(2);
  norm.call(randn([5, 2]));
  norm.resetRunningStats();
  expect(norm.buffers().map((b) => b.toArray())).toEqual([[0, 0], [1, 1], 0]);
  expect(() => new BatchNorm1d(2, { trackRunningStats: false }).resetRunningStats()).not.toThrow();
});

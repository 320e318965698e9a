import "@descent/core/methods";
import { cpu } from "@descent/backend-cpu";
import { ArgumentError, arange, IndexError, ShapeError, setBackend, tensor, zeros } from "@descent/core";
import { countingBackend } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { type Dataset, Subset, TensorDataset } from "./dataset.ts";

setBackend(cpu());

const x = tensor([
  [0, 1],
  [2, 3],
  [4, 5],
]);
const y = tensor(Int32Array.of(10, 11, 12));

describe("TensorDataset", () => {
  test("reads tensors side by side", () => {
    const data = new TensorDataset(x, y);
    expect(data.length).toBe(3);
    expect(data.get(1).map((t) => t.toArray())).toEqual([[2, 3], 11]);
    const [xs, ys] = data.batch(Int32Array.of(2, 0, 2));
    expect(xs.toArray()).toEqual([
      [4, 5],
      [0, 1],
      [4, 5],
    ]);
    expect([ys.dtype, ys.toArray()]).toEqual(["int32", [12, 10, 12]]);
  });

  test("leaves nothing behind but the batch", () => {
    const backend = countingBackend();
    const [row] = new TensorDataset(x.to(backend)).batch(Int32Array.of(1));
    expect(row.toArray()).toEqual([[2, 3]]);
    expect(backend.liveBytes).toBe((6 + 2) * 4);
  });

  test("rejects tensors that do not belong together, and samples that are not there", () => {
    expect(() => new TensorDataset()).toThrow(
      new ArgumentError("TensorDataset", "there is no tensor", "pass at least one"),
    );
    for (const [tensors, shapes] of [
      [[x, zeros([2])], "[3,2] and [2]"],
      [[tensor(1)], "[]"],
    ] as const)
      expect(() => new TensorDataset(...tensors)).toThrow(
        new ShapeError(
          "TensorDataset",
          `the tensors ${shapes} have no common first axis`,
          "give every tensor one row per sample",
        ),
      );
    const data = new TensorDataset(x);
    for (const index of [-1, 3, 0.5])
      expect(() => data.get(index)).toThrow(
        new IndexError("TensorDataset", `there is no sample ${index} among 3`, "use 0 to 2"),
      );
    expect(() => data.batch(Int32Array.of(0, 3))).toThrow(IndexError);
  });
});

describe("Subset", () => {
  const squares: Dataset<number> = { length: 5, get: (i) => i * i };

  test("reads the samples it names, one by one and in batches", () => {
    const subset = new Subset(squares, [4, 2]);
    expect([subset.length, subset.get(0), subset.get(1), subset.batch]).toEqual([2, 16, 4, undefined]);

    const nested = new Subset(new Subset(new TensorDataset(arange(5)), [4, 3, 2]), [2, 0]);
    expect(nested.get(0)[0].item()).toBe(2);
    expect(nested.batch!(Int32Array.of(1, 0, 1))[0].toArray()).toEqual([4, 2, 4]);
  });

  test("rejects samples that are not there", () => {
    expect(() => new Subset(squares, [0, 5])).toThrow(
      new IndexError("Subset", "there is no sample 5 among 5", "use 0 to 4"),
    );
    expect(() => new Subset(squares, [0]).get(1)).toThrow(
      new IndexError("Subset", "there is no sample 1 among 1", "use 0 to 0"),
    );
  });
});

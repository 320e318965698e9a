import { cpu } from "@descent/backend-cpu";
import { ArgumentError, DTypeError, ShapeError, setBackend, type Tensor, tensor, withBackend } from "@descent/core";
import { countingBackend } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { collate } from "./collate.ts";

setBackend(cpu());

const seen = (x: Tensor): unknown => [x.dtype, x.toArray()];

describe("collate", () => {
  test("stacks tensors along a new first axis", () => {
    expect(seen(collate([tensor([1, 2]), tensor([3, 4])]))).toEqual([
      "float32",
      [
        [1, 2],
        [3, 4],
      ],
    ]);
  });

  test("makes int32 of integers, float32 of other numbers, bool of booleans", () => {
    expect(seen(collate([1, -2, 3]))).toEqual(["int32", [1, -2, 3]]);
    expect(seen(collate([1, 0.5]))).toEqual(["float32", [1, 0.5]]);
    expect(seen(collate([1, Number.NaN]))).toEqual(["float32", [1, Number.NaN]]);
    expect(seen(collate([true, false]))).toEqual(["bool", [1, 0]]);
  });

  test("keeps the dtype of typed arrays", () => {
    expect(seen(collate([new Uint8Array([1, 2]), new Uint8Array([3, 4])]))).toEqual([
      "int32",
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    expect(collate([new Float64Array(3)]).dtype).toBe("float64");
  });

  test("goes into arrays and plain objects, and lists strings", () => {
    const [xs, { label, name, box }] = collate([
      [tensor([1]), { label: 1, name: "a", box: [0.5, 2] }],
      [tensor([2]), { label: 0, name: "b", box: [1.5, 3] }],
    ] as [Tensor, { label: number; name: string; box: [number, number] }][]);
    expect(xs.toArray()).toEqual([[1], [2]]);
    expect(seen(label)).toEqual(["int32", [1, 0]]);
    expect(name).toEqual(["a", "b"]);
    expect(box.map(seen)).toEqual([
      ["float32", [0.5, 1.5]],
      ["int32", [2, 3]],
    ]);
  });

  test("leaves nothing behind but the batch", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const samples = [tensor([1, 2]), tensor([3, 4])];
      const batches = [collate(samples), collate([new Float32Array(2), new Float32Array(2)])];
      for (const sample of samples) sample.dispose();
      expect(backend.liveBytes).toBe(2 * 16);
      for (const batch of batches) batch.dispose();
      expect(backend.liveBytes).toBe(0);
    });
  });

  test("says which entries do not fit together", () => {
    const remedy = "give all samples one form, or pass a collate function";
    const cases: [samples: unknown[], error: new (...args: never[]) => Error, message: string][] = [
      [[], ArgumentError, "collate: the list of samples is empty"],
      [
        [{ x: tensor([1]) }, { x: tensor([1, 2]) }],
        ShapeError,
        `collate: sample.x is a tensor of shape [2] in sample 1 and a tensor of shape [1] in sample 0; ${remedy}`,
      ],
      [
        [new Float32Array(2), new Float32Array(3)],
        ShapeError,
        `collate: sample is a typed array of length 3 in sample 1 and a typed array of length 2 in sample 0; ${remedy}`,
      ],
      [
        [[1], [1, 2]],
        ArgumentError,
        `collate: sample is an array of length 2 in sample 1 and an array of length 1 in sample 0; ${remedy}`,
      ],
      [[{ a: 1 }, { b: 1 }], ArgumentError, `collate: sample is { b } in sample 1 and { a } in sample 0; ${remedy}`],
      [[[1], ["a"]], ArgumentError, `collate: sample[0] is a string in sample 1 and a number in sample 0; ${remedy}`],
      [[1, null], ArgumentError, `collate: sample has no batched form in sample 1: null; ${remedy}`],
      [[{ at: new Date() }], ArgumentError, `collate: sample.at has no batched form in sample 0: Date; ${remedy}`],
      [[3e9], DTypeError, 'tensor: 3000000000 does not fit into int32; use dtype: "float64"'],
    ];
    for (const [samples, error, message] of cases) {
      expect(() => collate(samples)).toThrow(error);
      expect(() => collate(samples)).toThrow(message);
    }
  });
});

import { cpu } from "@descent/backend-cpu";
import {
  arange,
  DTypeError,
  empty,
  eye,
  fromTypedArray,
  full,
  linspace,
  logspace,
  ones,
  setBackend,
  type TensorLike,
  tensor,
  zeros,
  zerosLike,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

describe("tensor", () => {
  test("is what toArray gives back", () => {
    const nested = fc.array(fc.nat(3), { maxLength: 3 }).chain((shape) => {
      const build = (axis: number): fc.Arbitrary<TensorLike> =>
        axis === shape.length
          ? fc.integer({ min: -8, max: 8 }).map((v) => v / 4)
          : fc.array(build(axis + 1), { minLength: shape[axis]!, maxLength: shape[axis]! });
      return build(0);
    });
    fc.assert(
      fc.property(nested, (values) => {
        // An axis behind an empty one leaves no trace in nested arrays.
        expect(tensor(values).toArray()).toEqual(values);
      }),
    );
  });

  test("keeps the dtype of typed arrays and infers that of values", () => {
    const dtypes = [
      tensor(1),
      tensor([true]),
      tensor(new Float64Array(2)),
      tensor(new Int32Array(2)),
      tensor(new Float32Array(2)),
    ];
    expect(dtypes.map((x) => x.dtype)).toEqual(["float32", "bool", "float64", "int32", "float32"]);
    const bytes = tensor(Uint8Array.of(0, 255));
    expect([bytes.dtype, bytes.toArray()]).toEqual(["int32", [0, 255]]);
    expect(tensor([0, 2, Number.NaN], { dtype: "bool" }).toArray()).toEqual([0, 1, 1]);
    expect(tensor([1.7, -1.7], { dtype: "int32" }).toArray()).toEqual([1, -1]);
  });

  test("takes typed arrays inside of nested ones, booleans and numbers together, and bigints", () => {
    const rows = tensor([Float64Array.of(1, 2), Float64Array.of(3, 4)]);
    expect([rows.dtype, rows.shape, rows.sum().item()]).toEqual(["float64", [2, 2], 10]);
    expect(tensor([[Int32Array.of(1)], [Int32Array.of(2)]]).dtype).toBe("int32");
    const mixed = tensor([true, 2]);
    expect([mixed.dtype, mixed.toArray()]).toEqual(["float32", [1, 2]]);
    expect(tensor(BigInt64Array.of(1n, -2n)).toArray()).toEqual([1, -2]);
    expect(tensor([BigInt64Array.of(3n)]).toArray()).toEqual([[3]]);
  });

  test("copies: later changes of the array do not show", () => {
    const values = Float32Array.of(1, 2);
    const x = tensor(values);
    values[0] = 9;
    expect(x.toArray()).toEqual([1, 2]);
    x.dataSync()[0] = 9;
    expect(x.toArray()).toEqual([1, 2]);
  });

  test.each([
    [
      [[1, 2], [3]],
      "tensor: the nested arrays are ragged: [1] has 1 elements, the first row of its kind 2; make all rows equally long",
    ],
    [[[1, 2], 3], "tensor: the nested arrays are ragged: [1] has no elements, the first row of its kind 2"],
    [[1, [2]], "tensor: expected a number at [1], got an array; make all rows equally deep"],
    [
      [
        [[1], [2]],
        [[3], [4, 5]],
      ],
      "tensor: the nested arrays are ragged: [1,1] has 2 elements, the first row of its kind 1",
    ],
  ])("rejects %j", (values, message) => {
    expect(() => tensor(values as TensorLike)).toThrow(message);
  });

  test("rejects what is no number, and integers that do not fit", () => {
    expect(() => tensor(["1"] as unknown as TensorLike)).toThrow("tensor: expected a number at [0], got string");
    expect(() => tensor([2 ** 31], { dtype: "int32" })).toThrow(
      'tensor: 2147483648 does not fit into int32; use dtype: "float64"',
    );
    expect(() => tensor([1], { dtype: "float16" as "float32" })).toThrow(
      'tensor: unknown dtype "float16"; use one of bool, int32, float32, float64',
    );
  });
});

test("an unknown dtype is a DTypeError wherever it is named", () => {
  const unknown = "float16" as "float32";
  const calls = [
    () => zeros([1], { dtype: unknown }),
    () => fromTypedArray(Float32Array.of(1), [1], unknown),
    () => zeros([1]).to(unknown),
  ];
  for (const call of calls) expect(call).toThrow(DTypeError);
});

describe("fromTypedArray", () => {
  test("has one axis and the dtype of the array where nothing else is said, and converts", () => {
    const x = fromTypedArray(Float32Array.of(1, 2));
    expect([x.shape, x.dtype, x.toArray()]).toEqual([[2], "float32", [1, 2]]);
    const bytes = fromTypedArray(Uint8Array.of(7, 255), [1, 2]);
    expect([bytes.dtype, bytes.toArray()]).toEqual(["int32", [[7, 255]]]);
    expect(fromTypedArray(Uint8Array.of(0, 1), [2], "bool").dtype).toBe("bool");
    expect(fromTypedArray(Float64Array.of(0.5, 0), [2], "bool").toArray()).toEqual([1, 0]);
    expect(fromTypedArray(Int32Array.of(3), [], "float64", { requiresGrad: true }).requiresGrad).toBe(true);
  });
});

describe("filled and counted tensors", () => {
  test("have the values that their names say", () => {
    expect(
      [zeros([2]), ones([1, 1]), full([], 7), eye(2, 3), zerosLike(ones([2], { dtype: "int32" }))].map((x) =>
        x.toArray(),
      ),
    ).toEqual([
      [0, 0],
      [[1]],
      7,
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      [0, 0],
    ]);
    expect([arange(3), arange(1, 2, 0.5), arange(3, 0, -1), linspace(0, 1, 3)].map((x) => x.toArray())).toEqual([
      [0, 1, 2],
      [1, 1.5],
      [3, 2, 1],
      [0, 0.5, 1],
    ]);
    expect([empty([2]).shape, empty([0], { dtype: "int32" }).dtype]).toEqual([[2], "int32"]);
    expect([logspace(0, 2, 3).toArray(), logspace(0, 3, 2, { base: 2, dtype: "int32" }).toArray()]).toEqual([
      [1, 10, 100],
      [1, 8],
    ]);
    expect([arange(3).dtype, arange(0, 1, 0.5).dtype, linspace(0, 1, 0).shape]).toEqual(["int32", "float32", [0]]);
  });

  test.each([
    [() => zeros([2, -1]), "full: sizes must be non-negative integers, got [2,-1]"],
    [
      () => arange(0, 3, -1),
      "arange: no sequence leads from 0 to 3 in steps of -1; let the sign of step point to the end",
    ],
    [() => arange(0, 3, 0), "arange: no sequence leads from 0 to 3 in steps of 0"],
    [() => linspace(0, 1, 1.5), "linspace: sizes must be non-negative integers, got [1.5]"],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(message);
  });
});

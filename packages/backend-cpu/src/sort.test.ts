import { allocate, DTYPES, type DType, type Operand, type Shape, sizeOf, type TypedArray } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "./index.ts";

const backend = cpu();
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const operand = (
  values: readonly number[],
  shape: Shape = [values.length],
  dtype: DType = "float64",
): Operand<TypedArray> => {
  const handle = allocate(dtype, values.length);
  handle.set(values);
  return { handle, shape, dtype };
};

const VALUES: Record<DType, fc.Arbitrary<number>> = {
  bool: fc.nat(1),
  int32: fc.integer({ min: -3, max: 3 }),
  float32: fc.integer({ min: -3, max: 3 }),
  float64: fc.constantFrom(-inf, -1, -0, 0, 1, inf, nan),
};

const cases = (dtype: DType) =>
  fc
    .record({ outer: fc.nat(2), size: fc.nat(12), inner: fc.nat(3), descending: fc.boolean() })
    .chain(({ outer, size, inner, descending }) => {
      const shape = [outer, size, inner];
      return fc
        .array(VALUES[dtype], { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
        .map((values) => ({ x: operand(values, shape, dtype), descending }));
    });

/** Every line along the middle axis. */
const lines = (values: TypedArray, [outer, size, inner]: Shape): number[][] =>
  Array.from({ length: outer! * inner! }, (_, line) =>
    Array.from(
      { length: size! },
      (_, k) => values[(Math.floor(line / inner!) * size! + k) * inner! + (line % inner!)]!,
    ),
  );

describe("sort", () => {
  test.each(DTYPES)("%s equals sorting pairs of value and place, in both directions", (dtype) => {
    fc.assert(
      fc.property(cases(dtype), ({ x, descending }) => {
        const [values, indices] = backend.sort(x, 1, descending);
        // A number for every value that puts NaN behind infinity and makes no difference between the zeros.
        const rank = (value: number) => (Number.isNaN(value) ? 5 : value === inf ? 4 : value === -inf ? -4 : value);
        const expected = lines(x.handle, x.shape).map((line) =>
          line
            .map((value, place) => ({ value, place }))
            .sort((a, b) => (rank(a.value) - rank(b.value)) * (descending ? -1 : 1) || a.place - b.place),
        );
        expect(values).toBeInstanceOf(allocate(dtype, 0).constructor);
        expect(indices).toBeInstanceOf(Int32Array);
        expect(lines(values, x.shape)).toEqual(expected.map((line) => line.map(({ value }) => value)));
        expect(lines(indices, x.shape)).toEqual(expected.map((line) => line.map(({ place }) => place)));
      }),
    );
  });

  test("edges as PyTorch 2.15 has them", () => {
    const x = operand([nan, 1, -0, 0, -inf, inf, nan, 1]);
    expect(backend.sort(x, 0, false).map((y) => Array.from(y))).toEqual([
      [-inf, -0, 0, 1, 1, inf, nan, nan],
      [4, 2, 3, 1, 7, 5, 0, 6],
    ]);
    expect(backend.sort(x, 0, true).map((y) => Array.from(y))).toEqual([
      [nan, nan, inf, 1, 1, -0, 0, -inf],
      [0, 6, 5, 1, 7, 2, 3, 4],
    ]);
  });

  test("stays stable on a long line of ties", () => {
    const x = operand(Array.from({ length: 1000 }, (_, i) => i % 3));
    for (const descending of [false, true]) {
      const [values, indices] = backend.sort(x, 0, descending);
      for (let k = 1; k < 1000; k++)
        if (values[k] === values[k - 1]) expect(indices[k]).toBeGreaterThan(indices[k - 1]!);
    }
  });

  test("the operand stays as it was", () => {
    const x = operand([2, 1]);
    backend.sort(x, 0, false);
    expect(Array.from(x.handle)).toEqual([2, 1]);
  });
});

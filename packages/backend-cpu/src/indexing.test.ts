import { IndexError, type Operand, type PutMode, type Shape, sizeOf, type TypedArray } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "./index.ts";

const backend = cpu();

const floats = (values: readonly number[], shape: Shape = [values.length]): Operand<TypedArray> => ({
  handle: Float64Array.from(values),
  shape,
  dtype: "float64",
});
const ints = (values: readonly number[], shape: Shape = [values.length]): Operand<TypedArray> => ({
  handle: Int32Array.from(values),
  shape,
  dtype: "int32",
});

interface Case {
  axis: number;
  x: Operand<TypedArray>;
  index: Operand<TypedArray>;
  /** As many elements as `take` returns. */
  y: Operand<TypedArray>;
}

const valuesOf = (shape: Shape) =>
  fc
    .array(fc.integer({ min: -9, max: 9 }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
    .map((values) => floats(values, shape));

const cases: fc.Arbitrary<Case> = fc
  .record({
    before: fc.array(fc.nat(3), { maxLength: 2 }),
    size: fc.integer({ min: 1, max: 4 }),
    // Up to rows long enough to be copied as a whole.
    after: fc.array(fc.oneof(fc.nat(3), fc.constant(35)), { maxLength: 2 }),
    indexShape: fc.array(fc.nat(3), { maxLength: 2 }),
  })
  .chain(({ before, size, after, indexShape }) => {
    const count = sizeOf(indexShape);
    return fc.record({
      axis: fc.constant(before.length),
      x: valuesOf([...before, size, ...after]),
      index: fc.array(fc.nat(size - 1), { minLength: count, maxLength: count }).map((list) => ints(list, indexShape)),
      y: valuesOf([...before, ...indexShape, ...after]),
    });
  });

/** Calls `visit` with the number of every element of `y` and that of the element of `x` it stands for. */
function pairs({ axis, x, index, y }: Case, visit: (iy: number, ix: number) => void): void {
  const inner = sizeOf(x.shape.slice(axis + 1));
  const block = sizeOf(index.shape) * inner;
  for (let iy = 0; iy < y.handle.length; iy++) {
    const [o, m, i] = [Math.floor(iy / block), Math.floor((iy % block) / inner), iy % inner];
    visit(iy, (o * x.shape[axis]! + index.handle[m]!) * inner + i);
  }
}

const take = ({ axis, x, index, y }: Case) => Array.from(backend.take(x, index, axis, y));
const put = (mode: PutMode, base: Operand<TypedArray> | number, { axis, x, index, y }: Case) =>
  Array.from(backend.put(mode, base, index, y, axis, x));

describe("take", () => {
  test("reads along any axis, by an index of any shape", () => {
    fc.assert(
      fc.property(cases, (c) => {
        const expected: number[] = [];
        pairs(c, (iy, ix) => {
          expected[iy] = c.x.handle[ix]!;
        });
        expect(take(c)).toEqual(expected);
      }),
    );
  });

  test("put with add is its adjoint", () => {
    const dot = (a: Iterable<number>, b: ArrayLike<number>) => [...a].reduce((sum, value, i) => sum + value * b[i]!, 0);
    fc.assert(
      fc.property(cases, (c) => {
        expect(dot(take(c), c.y.handle)).toBe(dot(c.x.handle, put("add", 0, c)));
      }),
    );
  });
});

describe("put", () => {
  test.each<PutMode>(["set", "add"])("%s changes what the index names, in order, and nothing else", (mode) => {
    fc.assert(
      fc.property(cases, fc.option(fc.integer({ min: -9, max: 9 })), (c, number) => {
        const expected = Array.from(c.x.handle, (value) => number ?? value);
        const before = c.x.handle.slice();
        pairs(c, (iy, ix) => {
          expected[ix] = (mode === "add" ? expected[ix]! : 0) + c.y.handle[iy]!;
        });
        expect(put(mode, number ?? c.x, c)).toEqual(expected);
        expect(c.x.handle).toEqual(before);
      }),
    );
  });

  test("later writes win, and additions meet", () => {
    const c = { axis: 0, x: floats([1, 2, 3]), index: ints([1, 1, 0]), y: floats([10, 20, 30]) };
    expect(put("set", c.x, c)).toEqual([30, 20, 3]);
    expect(put("add", c.x, c)).toEqual([31, 32, 3]);
  });

  test("a number as base fills in the dtype of the result", () => {
    const out = { shape: [3], dtype: "float32" } as const;
    const values = { handle: Float32Array.of(1), shape: [1], dtype: "float32" } as const;
    expect(backend.put("set", 0.1, ints([2]), values, 0, out)).toEqual(Float32Array.of(0.1, 0.1, 1));
  });

  test("NaN and −0 are written like any value", () => {
    const c = { axis: 0, x: floats([1, 2]), index: ints([0, 1]), y: floats([Number.NaN, -0]) };
    expect(put("set", c.x, c)).toEqual([Number.NaN, -0]);
  });
});

describe("an index out of range", () => {
  const x = floats([1, 2, 3, 4, 5]);

  test.each([
    [7, "take: index 7 is out of range for axis 0 of size 5; indices run from 0 to 4"],
    [5, "take: index 5 is out of range for axis 0 of size 5; indices run from 0 to 4"],
    [-1, "take: index -1 is out of range for axis 0 of size 5; indices run from 0 to 4"],
  ])("take rejects %d", (i, message) => {
    expect(() => backend.take(x, ints([0, i]), 0, floats([0, 0]))).toThrow(IndexError);
    expect(() => backend.take(x, ints([0, i]), 0, floats([0, 0]))).toThrow(message);
  });

  test("put rejects it before it writes", () => {
    expect(() => backend.put("set", x, ints([0, 5]), floats([9, 9]), 0, x)).toThrow(
      "put: index 5 is out of range for axis 0 of size 5; indices run from 0 to 4",
    );
    expect(Array.from(x.handle)).toEqual([1, 2, 3, 4, 5]);
  });

  test("every index is, into an empty axis", () => {
    expect(() => backend.take(floats([], [2, 0]), ints([0]), 1, floats([0, 0], [2, 1]))).toThrow(
      "take: index 0 is out of range for axis 1 of size 0; an empty axis has no elements",
    );
  });
});

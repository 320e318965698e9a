import { allocate, type DType, type Operand, type Shape, sizeOf, type TypedArray } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "./index.ts";

const backend = cpu();

const operand = (values: readonly number[], shape: Shape, dtype: DType): Operand<TypedArray> => {
  const handle = allocate(dtype, values.length);
  handle.set(values);
  return { handle, shape, dtype };
};
const indices = (shape: Shape): number[][] =>
  shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );

/** Element `[…stack, row, column]` of an operand whose last two axes may be swapped and whose other axes may be stretched. */
function elementAt(
  { handle, shape }: Operand<TypedArray>,
  transpose: boolean,
  stack: number[],
  row: number,
  column: number,
): number {
  const index = [...stack, ...(transpose ? [column, row] : [row, column])];
  return handle[shape.reduce((at, size, axis) => at * size + (size === 1 ? 0 : index[axis]!), 0)]!;
}

interface Case {
  a: Operand<TypedArray>;
  b: Operand<TypedArray>;
  transposeA: boolean;
  transposeB: boolean;
  shape: Shape;
  k: number;
}

const cases = (dtype: DType, value: fc.Arbitrary<number>): fc.Arbitrary<Case> => {
  const filled = (shape: Shape) =>
    fc
      .array(value, { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
      .map((values) => operand(values, shape, dtype));
  const axes = fc.array(fc.record({ size: fc.nat(3), stretchA: fc.boolean(), stretchB: fc.boolean() }), {
    maxLength: 2,
  });
  // Up to 9: three rows of tiles and four columns, with every remainder.
  return fc
    .record({
      m: fc.nat(5),
      n: fc.nat(9),
      k: fc.nat(4),
      stack: axes,
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
    })
    .chain(({ m, n, k, stack, transposeA, transposeB }) => {
      const sizes = (stretch: "stretchA" | "stretchB") => stack.map((axis) => (axis[stretch] ? 1 : axis.size));
      return fc.record({
        a: filled([...sizes("stretchA"), ...(transposeA ? [k, m] : [m, k])]),
        b: filled([...sizes("stretchB"), ...(transposeB ? [n, k] : [k, n])]),
        transposeA: fc.constant(transposeA),
        transposeB: fc.constant(transposeB),
        shape: fc.constant([...stack.map(({ size, stretchA, stretchB }) => (stretchA && stretchB ? 1 : size)), m, n]),
        k: fc.constant(k),
      });
    });
};

function model({ a, b, transposeA, transposeB, shape, k }: Case): number[] {
  return indices(shape).map((index) => {
    const [stack, [row, column]] = [index.slice(0, -2), index.slice(-2) as [number, number]];
    let sum = 0;
    for (let p = 0; p < k; p++)
      sum += elementAt(a, transposeA, stack, row, p) * elementAt(b, transposeB, stack, p, column);
    return sum;
  });
}

const run = ({ a, b, transposeA, transposeB, shape }: Case, dtype: DType) =>
  backend.matmul(a, b, transposeA, transposeB, { shape, dtype });

describe("matmul", () => {
  test.each<DType>(["float64", "float32", "int32"])(
    "%s equals three loops, for all stacks that broadcast and both transposes",
    (dtype) => {
      fc.assert(
        fc.property(cases(dtype, fc.integer({ min: -9, max: 9 })), (c) => {
          const y = run(c, dtype);
          expect(y).toBeInstanceOf(allocate(dtype, 0).constructor);
          // Adding 0 makes one zero of two: a sum that begins with 0 is never −0.
          expect(Array.from(y)).toEqual(model(c).map((value) => value + 0));
        }),
      );
    },
  );

  test("adds in the order of k, to the last bit", () => {
    fc.assert(
      fc.property(cases("float64", fc.double({ min: -1, max: 1, noNaN: true })), (c) => {
        expect(Array.from(run(c, "float64"))).toEqual(model(c).map((value) => value + 0));
      }),
    );
  });

  const product = (a: number[], b: number[], dtype: DType) =>
    Array.from(
      backend.matmul(operand(a, [1, a.length], dtype), operand(b, [b.length, 1], dtype), false, false, {
        shape: [1, 1],
        dtype,
      }),
    );

  test("a float32 sum is rounded once, at its end", () => {
    expect(product([2 ** 24, 1, 1], [1, 1, 1], "float32")).toEqual([2 ** 24 + 2]);
  });

  test("int32 wraps around without losing low bits", () => {
    expect(product([123456789, 1], [987654321, 1], "int32")).toEqual([-67153018]);
  });

  test("NaN and infinities stay in their rows and columns", () => {
    const a = operand([Number.NaN, 1, 2, Number.POSITIVE_INFINITY, 1, 0], [3, 2], "float64");
    const y = backend.matmul(a, operand([1, 0, 0, 1], [2, 2], "float64"), false, false, {
      shape: [3, 2],
      dtype: "float64",
    });
    expect(Array.from(y)).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, 1, 0]);
  });
});

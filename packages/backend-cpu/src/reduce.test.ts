import {
  type ArgReduceFn,
  allocate,
  DTYPES,
  type DType,
  type Operand,
  type ReduceFn,
  type ScanFn,
  type Shape,
  sizeOf,
  type TypedArray,
} from "@descent/core";
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
const indices = (shape: Shape): number[][] =>
  shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );

/** The elements that fall together when `axes` go, in order: one list per element of the result. */
function groups({ handle, shape }: Operand<TypedArray>, axes: readonly number[]): number[][] {
  const kept = shape.filter((_, i) => !axes.includes(i));
  const keys = indices(kept).map(String);
  const lists = keys.map((): number[] => []);
  for (const [at, index] of indices(shape).entries())
    lists[keys.indexOf(String(index.filter((_, i) => !axes.includes(i))))]!.push(handle[at]!);
  return lists;
}

const call = (dtype: DType, value: fc.Arbitrary<number>, smallest: number) =>
  fc.array(fc.integer({ min: smallest, max: 3 }), { maxLength: 4 }).chain((shape) =>
    fc.record({
      x: fc
        .array(value, { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
        .map((values) => operand(values, shape, dtype)),
      axes: fc.subarray([...shape.keys()]),
      keepdim: fc.boolean(),
    }),
  );
const valuesOf = (dtype: DType) => (dtype === "bool" ? fc.nat(1) : fc.integer({ min: -9, max: 9 }));

describe("reduce", () => {
  const MODEL: Record<ReduceFn, (xs: number[]) => number> = {
    sum: (xs) => xs.reduce((a, b) => a + b, 0),
    max: (xs) => Math.max(...xs),
    min: (xs) => Math.min(...xs),
  };
  const cases = (Object.keys(MODEL) as ReduceFn[]).flatMap((fn) =>
    DTYPES.filter((dtype) => dtype !== "bool" || fn !== "sum").map((dtype) => [fn, dtype] as const),
  );

  test.each(cases)("%s of %s equals its model for all axes", (fn, dtype) => {
    fc.assert(
      fc.property(call(dtype, valuesOf(dtype), fn === "sum" ? 0 : 1), ({ x, axes, keepdim }) => {
        const shape = keepdim
          ? x.shape.map((size, i) => (axes.includes(i) ? 1 : size))
          : x.shape.filter((_, i) => !axes.includes(i));
        const y = backend.reduce(fn, x, axes, { shape, dtype });
        expect(y).toBeInstanceOf(allocate(dtype, 0).constructor);
        expect(Array.from(y)).toEqual(groups(x, axes).map(MODEL[fn]));
      }),
    );
  });

  test.each<[ReduceFn, number[], number]>([
    ["sum", [], 0],
    ["sum", [inf, -inf], nan],
    ["sum", [nan, 1], nan],
    ["max", [1, nan, 2], nan],
    ["min", [nan, 1, 2], nan],
    ["max", [-inf, -inf], -inf],
    ["min", [inf, inf], inf],
  ])("%s of %j is %d", (fn, values, expected) => {
    expect(Array.from(backend.reduce(fn, operand(values), [0], { shape: [], dtype: "float64" }))).toEqual([expected]);
  });

  test("a float32 sum is rounded once, at its end", () => {
    const y = backend.reduce("sum", operand([2 ** 24, 1, 1], [3], "float32"), [0], { shape: [], dtype: "float32" });
    expect(Array.from(y)).toEqual([2 ** 24 + 2]);
  });

  test("an int32 sum wraps around", () => {
    const y = backend.reduce("sum", operand([2 ** 31 - 1, 1], [2], "int32"), [0], { shape: [], dtype: "int32" });
    expect(Array.from(y)).toEqual([-(2 ** 31)]);
  });
});

describe("argReduce", () => {
  const withNaN = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: -2, max: 2 }) }, fc.constant(nan));

  test.each<[ArgReduceFn, (...xs: number[]) => number]>([
    ["argmax", Math.max],
    ["argmin", Math.min],
  ])("%s finds the first extreme element, or the first NaN", (fn, extreme) => {
    const cases = call("float64", withNaN, 1).filter(({ x }) => x.shape.length > 0);
    fc.assert(
      fc.property(cases, fc.nat(), ({ x, keepdim }, pick) => {
        const axis = pick % x.shape.length;
        const shape = keepdim ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1);
        const y = backend.argReduce(fn, x, axis, { shape, dtype: "int32" });
        expect(y).toBeInstanceOf(Int32Array);
        expect(Array.from(y)).toEqual(
          groups(x, [axis]).map((xs) => xs.findIndex((value) => Object.is(value, extreme(...xs)))),
        );
      }),
    );
  });

  test("equal infinities and zeros of either sign count as ties", () => {
    const at = (fn: ArgReduceFn, values: number[]) =>
      Array.from(backend.argReduce(fn, operand(values), 0, { shape: [], dtype: "int32" }));
    expect(at("argmax", [-inf, -inf])).toEqual([0]);
    expect(at("argmax", [-0, 0])).toEqual([0]);
    expect(at("argmin", [0, -0])).toEqual([0]);
    expect(at("argmax", [1, 5, 5, nan, nan])).toEqual([3]);
  });

  test("nothing comes of nothing", () => {
    const y = backend.argReduce("argmax", operand([], [0, 3]), 1, { shape: [0], dtype: "int32" });
    expect(y).toEqual(new Int32Array(0));
  });
});

describe("scan", () => {
  test.each<DType>(["int32", "float32", "float64"])(
    "the running sum of %s equals its model, in both directions",
    (dtype) => {
      const cases = call(dtype, valuesOf(dtype), 0).filter(({ x }) => x.shape.length > 0);
      fc.assert(
        fc.property(cases, fc.nat(), fc.boolean(), ({ x }, pick, reverse) => {
          const axis = pick % x.shape.length;
          const y = operand(Array.from(backend.scan("sum", x, axis, reverse, x)), x.shape);
          const expected = groups(x, [axis]).map((xs) =>
            xs.map((_, k) => (reverse ? xs.slice(k) : xs.slice(0, k + 1)).reduce((a, b) => a + b)),
          );
          expect(groups(y, [axis])).toEqual(expected);
        }),
      );
    },
  );

  test("NaN stays, infinities cancel to NaN", () => {
    expect(Array.from(backend.scan("sum", operand([1, inf, -inf, 2]), 0, false, operand([0, 0, 0, 0])))).toEqual([
      1,
      inf,
      nan,
      nan,
    ]);
    expect(Array.from(backend.scan("sum", operand([1, nan, 2]), 0, true, operand([0, 0, 0])))).toEqual([nan, nan, 2]);
  });

  test.each<[ScanFn, number[]]>([
    ["prod", [2, 6, 0, nan]],
    ["max", [2, 3, 3, nan]],
    ["min", [2, 2, 0, nan]],
  ])("running %s", (fn, expected) => {
    const x = operand([2, 3, 0, nan]);
    expect(Array.from(backend.scan(fn, x, 0, false, x))).toEqual(expected);
    expect(Array.from(backend.scan(fn, operand([nan, 5]), 0, true, operand([0, 0])))).toEqual([nan, 5]);
  });

  test("an int32 product wraps around", () => {
    const x = operand([65537, 65537, 65537, 3], [4], "int32");
    const wrapped = [65537, 131073, Math.imul(131073, 65537), Math.imul(Math.imul(131073, 65537), 3)];
    expect(Array.from(backend.scan("prod", x, 0, false, x))).toEqual(wrapped);
  });

  test("a float32 total is kept in a double", () => {
    const x = operand([2 ** 24, 1, 1], [3], "float32");
    expect(Array.from(backend.scan("sum", x, 0, false, x))).toEqual([2 ** 24, 2 ** 24, 2 ** 24 + 2]);
  });
});

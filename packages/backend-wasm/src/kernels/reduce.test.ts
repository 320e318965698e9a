import { type ReduceFn, type Shape, sizeOf } from "@descent/core";
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { EDGE_SIZES, endThreads, expectAgreement, scattered } from "../testing/variants.ts";

afterAll(endThreads);

const edgeSize = fc.constantFrom(...EDGE_SIZES);

const FNS = { sum: "sum", max: "amax", min: "amin" } as const;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Sums may be off by some roundings of the sum of absolute values, which are at most 2 and 1 on average; extremes are exact. */
function expectReduction(fn: ReduceFn, shape: Shape, axes: readonly number[], value = scattered()): void {
  const count = sizeOf(axes.map((axis) => shape[axis]!));
  const tolerance = fn === "sum" ? { rtol: 1e-7, atol: 1e-7 * count } : 0;
  expectAgreement([{ shape, value }], (x) => [x[FNS[fn]](axes)], tolerance);
}

describe("reduce", () => {
  const shapes = fc
    .array(edgeSize, { minLength: 1, maxLength: 4 })
    .filter((shape) => sizeOf(shape) <= 20_000)
    .chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.subarray(
          shape.map((_, i) => i),
          { minLength: 1 },
        ),
        fc.constantFrom(...(["sum", "max", "min"] as const)),
      ),
    );

  test("equals the reference over any axes", () => {
    fc.assert(
      fc.property(shapes, ([shape, axes, fn]) => {
        expectReduction(fn, shape, axes);
      }),
      { numRuns: 100 },
    );
  });

  test.each<[Shape, number[]]>([
    [[2 ** 16 + 5], [0]],
    [[3, 40_001], [1]],
    [[30_001, 3], [0]],
    [[400, 200], [0]],
    [
      [23, 3, 1001],
      [0, 2],
    ],
    [[2, 20_000, 3], [1]],
  ])("of %j over %j goes by parts", (shape, axes) => {
    for (const fn of ["sum", "max"] as const) expectReduction(fn, shape, axes);
  });

  test("sums of many numbers of one sign stay accurate", () => {
    for (const [shape, axes] of [
      [[2 ** 18], [0]],
      [[2 ** 16, 4], [0]],
      [
        [2 ** 14, 4, 3],
        [0, 2],
      ],
    ])
      expectAgreement([{ shape: shape!, value: (i) => 0.1 + (i % 7) / 64 }], (x) => [x.sum(axes)], {
        rtol: 5e-7,
        atol: 0,
      });
  });

  test("NaN counts wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.nat(),
        fc.constantFrom<ReduceFn>("max", "min", "sum"),
        (n, pick, fn) => {
          const value = (i: number): number => (i === pick % n ? nan : scattered()(i));
          expectReduction(fn, [n], [0], value);
          expectReduction(fn, [n, 21], [0], (i) => value(Math.floor(i / 21)));
        },
      ),
    );
  });

  test.each<[ReduceFn, number[]]>([
    ["sum", [inf, 1, -inf]],
    ["sum", [-inf, 1]],
    ["max", [-inf, -inf]],
    ["min", [inf, inf]],
    ["max", [-inf, inf]],
  ])("%s of %s", (fn, values) => {
    expectReduction(fn, [values.length], [0], (i) => values[i]!);
    expectReduction(fn, [values.length, 5], [0], (i) => values[Math.floor(i / 5)]!);
  });

  test.each([[[0]], [[1]], [[0, 1]]])("of int32 over %j wraps around", (axes) => {
    const value = (i: number): number => Math.round(scattered()(i) * 2 ** 21);
    expectAgreement([{ shape: [300, 37], value }], (x) => [x.to("int32").mul(4099).sum(axes)], 0);
  });
});

describe("argReduce finds the first extreme element, or the first NaN", () => {
  const values = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -9, max: 9 }) }, fc.constantFrom(nan, inf, -inf));

  test("along any axis", () => {
    fc.assert(
      fc.property(
        fc.tuple(edgeSize, edgeSize, edgeSize).filter((shape) => sizeOf(shape) <= 20_000),
        fc.integer({ min: 0, max: 2 }),
        fc.array(values, { minLength: 1, maxLength: 50 }),
        (shape, axis, pool) => {
          // The elements differ from line to line, whatever the sizes are.
          const value = (i: number): number => pool[(i + (i >> 4) + (i >> 7)) % pool.length]!;
          expectAgreement([{ shape, value }], (x) => [x.argmax(axis), x.argmin(axis)], 0);
        },
      ),
    );
  });

  test.each<[Shape, number]>([
    [[3000, 20], 1],
    [[3, 900, 40], 1],
  ])("of %j along %i on two threads", (shape, axis) => {
    expectAgreement([{ shape, value: scattered() }], (x) => [x.argmax(axis), x.argmin(axis)], 0);
  });

  test("in lines of −∞", () => {
    expectAgreement([{ shape: [7, 9], value: () => -inf }], (x) => [x.argmax(0), x.argmax(1), x.argmin(1)], 0);
  });
});

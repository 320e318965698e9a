import { type Operand, type Shape, sizeOf, type TypedArray, type View } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "./index.ts";

const backend = cpu();

const operand = (values: readonly number[], shape: Shape = [values.length]): Operand<TypedArray> => ({
  handle: Float32Array.from(values),
  shape,
  dtype: "float32",
});
const indices = (shape: Shape): number[][] =>
  shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
const spec = (shape: Shape) => ({ shape, dtype: "float32" as const });

/** The position of every element of a view, in row-major order. */
const positions = ({ shape, strides, offset }: View): number[] =>
  indices(shape).map((index) => index.reduce((at, i, axis) => at + i * strides[axis]!, offset));

interface Case {
  view: View;
  /** Elements that the view reads from. */
  x: number[];
  /** As many elements as the view has. */
  y: number[];
}

const value = fc.integer({ min: -9, max: 9 });
const valuesOf = (length: number) => fc.array(value, { minLength: length, maxLength: length });

/** Views of every kind: stretched, flipped, overlapping, with gaps; now and then with rows long enough to be copied as a whole. */
const cases: fc.Arbitrary<Case> = fc
  .array(fc.record({ size: fc.nat(3), stride: fc.integer({ min: -4, max: 4 }) }), { maxLength: 4 })
  .chain((axes) =>
    fc.option(fc.integer({ min: 30, max: 40 })).map((run) => (run ? [...axes, { size: run, stride: 1 }] : axes)),
  )
  .chain((axes) => {
    const shape = axes.map(({ size }) => size);
    const strides = axes.map(({ stride }) => stride);
    const reach = positions({ shape, strides, offset: 0 });
    const [first, last] = reach.length === 0 ? [0, 0] : [Math.min(...reach), Math.max(...reach)];
    return fc.tuple(fc.nat(2), fc.nat(2)).chain(([before, after]) =>
      fc.record({
        view: fc.constant({ shape, strides, offset: before - first }),
        x: valuesOf(before + last - first + 1 + after),
        y: valuesOf(sizeOf(shape)),
      }),
    );
  });

const gather = (x: number[], view: View) => Array.from(backend.gatherView(operand(x), view, spec(view.shape)));
const scatter = (y: number[], view: View, length: number) =>
  Array.from(backend.scatterView(operand(y, view.shape), view, spec([length])));

describe("views", () => {
  test("gatherView reads every element where the view puts it", () => {
    fc.assert(
      fc.property(cases, ({ view, x }) => {
        expect(gather(x, view)).toEqual(positions(view).map((at) => x[at]));
      }),
    );
  });

  test("scatterView adds every element where the view puts it", () => {
    fc.assert(
      fc.property(cases, ({ view, x, y }) => {
        const expected = x.map(() => 0);
        for (const [i, at] of positions(view).entries()) expected[at]! += y[i]!;
        expect(scatter(y, view, x.length)).toEqual(expected);
      }),
    );
  });

  test("scatterView is the adjoint of gatherView", () => {
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    fc.assert(
      fc.property(cases, ({ view, x, y }) => {
        expect(dot(gather(x, view), y)).toBe(dot(x, scatter(y, view, x.length)));
      }),
    );
  });

  test("a permuted, a flipped and a stretched matrix", () => {
    const x = [1, 2, 3, 4, 5, 6];
    expect(gather(x, { shape: [3, 2], strides: [1, 3], offset: 0 })).toEqual([1, 4, 2, 5, 3, 6]);
    expect(gather(x, { shape: [2, 3], strides: [-3, -1], offset: 5 })).toEqual([6, 5, 4, 3, 2, 1]);
    expect(gather(x, { shape: [2, 2], strides: [0, 1], offset: 4 })).toEqual([5, 6, 5, 6]);
  });

  test("a scalar is a view of one element", () => {
    expect(gather([1, 2, 3], { shape: [], strides: [], offset: 1 })).toEqual([2]);
    expect(scatter([7], { shape: [], strides: [], offset: 1 }, 3)).toEqual([0, 7, 0]);
  });

  test("NaN and −0 come through", () => {
    expect(gather([Number.NaN, -0], { shape: [2], strides: [-1], offset: 1 })).toEqual([-0, Number.NaN]);
  });

  test("what gatherView returns shares nothing with its operand", () => {
    const x = operand([1, 2]);
    const y = backend.gatherView(x, { shape: [2], strides: [1], offset: 0 }, spec([2]));
    expect(y.buffer).not.toBe(x.handle.buffer);
  });
});

describe("concat", () => {
  test("puts one operand behind the other along any axis", () => {
    const parts = fc
      .record({
        before: fc.array(fc.nat(3), { maxLength: 2 }),
        sizes: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
        // Up to rows long enough to be copied as a whole.
        after: fc.array(fc.oneof(fc.nat(3), fc.constant(35)), { maxLength: 1 }),
      })
      .chain(({ before, sizes, after }) =>
        fc.tuple(...sizes.map((size) => valuesOf(sizeOf([...before, size, ...after])))).map((values) => ({
          axis: before.length,
          shape: [...before, sizes.reduce((a, b) => a + b), ...after],
          xs: values.map((elements, i) => operand(elements, [...before, sizes[i]!, ...after])),
        })),
      );
    fc.assert(
      fc.property(parts, ({ xs, axis, shape }) => {
        const expected = indices(shape).map((index) => {
          let k = index[axis]!;
          let part = 0;
          while (k >= xs[part]!.shape[axis]!) k -= xs[part++]!.shape[axis]!;
          const { handle, shape: sizes } = xs[part]!;
          return handle[index.with(axis, k).reduce((at, i, j) => at * sizes[j]! + i, 0)];
        });
        expect(Array.from(backend.concat(xs, axis, spec(shape)))).toEqual(expected);
      }),
    );
  });

  test("one operand is copied", () => {
    const x = operand([1, 2]);
    const y = backend.concat([x], 0, x);
    expect(y).toEqual(x.handle);
    expect(y.buffer).not.toBe(x.handle.buffer);
  });
});

import { type Shape, sizeOf } from "@descent/core";
import { arbitraries } from "@descent/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collapse, walk } from "./walk.ts";

/** The places that a walk visits, in order. */
function visited(shape: Shape, strides: readonly number[]): number[] {
  let places = [0];
  for (const [axis, size] of shape.entries())
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[axis]!));
  return places;
}

test("with axes merged, a walk visits the same places in the same order", () => {
  const cases = arbitraries.shape({ maxRank: 5 }).chain((shape) => {
    const strides = fc.array(fc.integer({ min: -6, max: 6 }), { minLength: shape.length, maxLength: shape.length });
    return fc.record({ shape: fc.constant(shape), a: strides, b: strides });
  });
  fc.assert(
    fc.property(cases, ({ shape, a, b }) => {
      const { sizes, strides } = collapse(shape, [{ strides: a }, { strides: b }]);
      expect(sizes).not.toContain(1);
      expect(sizeOf(sizes)).toBe(sizeOf(shape));
      for (const [j, steps] of [a, b].entries()) expect(visited(sizes, strides[j]!)).toEqual(visited(shape, steps));
    }),
  );
});

test.each([
  ["what is in order", [3, 4, 5], [20, 5, 1], 1],
  ["what is stretched along the first axes", [3, 4, 5], [0, 0, 1], 2],
  ["what is transposed", [4, 3], [1, 4], 2],
])("%s is walked along as few axes as it can be", (_, shape, strides, rank) => {
  expect(collapse(shape, [{ strides }]).sizes).toHaveLength(rank);
});

test("shapes do not show in the text of a walk", () => {
  const of = (rows: number, columns: number) =>
    walk([rows, columns], { x: { strides: [columns, 1], offset: 0 }, y: { strides: [0, 1], offset: 0 } });
  const [small, large] = [of(2, 3), of(50, 70)];
  expect(large.key).toBe(small.key);
  expect(large.code()).toBe(small.code());
  expect(large.values).not.toEqual(small.values);
});

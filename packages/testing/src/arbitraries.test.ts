import { cpu } from "@descent/backend-cpu";
import { broadcastShapes as broadcast, conv2d, matmul, type Shape, sizeOf, type View, zeros } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as arb from "./arbitraries.ts";

/** The positions that a view reads. */
function positions({ shape, strides, offset }: View): number[] {
  let at = [offset];
  for (const [axis, size] of shape.entries())
    at = at.flatMap((p) => Array.from({ length: size }, (_, k) => p + k * strides[axis]!));
  return at;
}

const smallest = <T>(from: fc.Arbitrary<T>): T => {
  const { counterexample } = fc.check(fc.property(from, () => false));
  return counterexample![0] as T;
};

describe("arbitraries", () => {
  test("views stay inside, and repeat, reverse and permute", () => {
    const seen = { repeated: 0, reversed: 0, permuted: 0 };
    fc.assert(
      fc.property(
        arb.shape({ maxRank: 4 }).chain((from) => fc.tuple(fc.constant<Shape>(from), arb.view(from))),
        ([from, view]) => {
          expect(positions(view).every((at) => at >= 0 && at < sizeOf(from))).toBe(true);
          seen.repeated += Number(view.strides.some((stride, i) => stride === 0 && view.shape[i]! > 1));
          seen.reversed += Number(view.strides.some((stride) => stride < 0));
          seen.permuted += Number(
            view.strides.some((stride, i) => i > 0 && Math.abs(stride) > Math.abs(view.strides[i - 1]!)),
          );
        },
      ),
      { numRuns: 300 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
  });

  test("broadcast shapes fit, and often differ", () => {
    let different = 0;
    fc.assert(
      fc.property(arb.broadcastShapes(3), (shapes) => {
        expect(() => shapes.reduce((a, b) => [...broadcast("test", a, b)])).not.toThrow();
        different += Number(new Set(shapes.map(String)).size > 1);
      }),
    );
    expect(different).toBeGreaterThan(30);
  });

  test("grids stay away from kinks and from each other", () => {
    fc.assert(
      fc.property(arb.grid([20]), arb.grid([20], { parity: "even" }), arb.distinct([12]), (odd, even, distinct) => {
        expect(odd.every((v) => Math.abs(v * 8 - Math.round(v * 8)) === 0.5 && Math.abs(v) < 2)).toBe(true);
        expect(even.every((v) => Number.isInteger(v * 8) && Math.abs(v) <= 2)).toBe(true);
        expect(new Set(distinct).size).toBe(12);
        expect([...odd, ...even, ...distinct].every((v) => Math.fround(v) === v)).toBe(true);
      }),
    );
  });

  test("operands of products and convolutions fit", () => {
    const backend = cpu();
    fc.assert(
      fc.property(arb.matmul, arb.convolution, ({ a, b, ...flags }, { image, weight, ...attrs }) => {
        matmul(zeros(a, { backend }), zeros(b, { backend }), flags.transposeA, flags.transposeB);
        conv2d(zeros(image, { backend }), zeros(weight, { backend }), null, attrs);
      }),
    );
  });

  test("shrink to small shapes", () => {
    expect(smallest(arb.shape({ minRank: 1 }))).toEqual([1]);
    expect(smallest(arb.broadcastShapes(2))).toEqual([[], []]);
    expect(smallest(arb.convolution)).toMatchObject({ image: [1, 1, 1, 1], weight: [1, 1, 1, 1], stride: [1, 1] });
  });
});

import { stridesOf } from "@descent/core";
import { describe, expect, test } from "vitest";
import { rowsOf, startsOf } from "./rows.ts";

const whole = (shape: readonly number[]) => ({ strides: stridesOf(shape), offset: 0 });
const cut = (...call: Parameters<typeof rowsOf>) => {
  const { length, steps, starts } = rowsOf(...call);
  return { length, steps, starts: starts.map((list) => Array.from(list)) };
};

describe("rowsOf makes rows as long as they get", () => {
  test("contiguous operands are one row", () => {
    const shape = [2, 3, 4];
    expect(cut(shape, [whole(shape), whole(shape)])).toEqual({ length: 24, steps: [1, 1], starts: [[0], [0]] });
  });

  test("so is a number beside them", () => {
    expect(cut([2, 3], [whole([2, 3]), { strides: [0, 0], offset: 0 }])).toEqual({
      length: 6,
      steps: [1, 0],
      starts: [[0], [0]],
    });
  });

  test("axes of size 1 do not cut, whatever their stride", () => {
    expect(cut([2, 1, 3, 1], [{ strides: [3, 99, 1, 99], offset: 5 }])).toEqual({
      length: 6,
      steps: [1],
      starts: [[5]],
    });
  });

  test("one operand that jumps cuts the rows of all", () => {
    // A bias per channel beside images.
    expect(cut([2, 3, 2, 2], [whole([2, 3, 2, 2]), { strides: [0, 1, 0, 0], offset: 0 }])).toEqual({
      length: 4,
      steps: [1, 0],
      starts: [
        [0, 4, 8, 12, 16, 20],
        [0, 1, 2, 0, 1, 2],
      ],
    });
  });

  test("a flipped tensor is one row backwards", () => {
    expect(cut([2, 3], [{ strides: [-3, -1], offset: 5 }])).toEqual({ length: 6, steps: [-1], starts: [[5]] });
  });

  test("a scalar is a row of one element, an empty tensor has none", () => {
    expect(cut([], [whole([])])).toEqual({ length: 1, steps: [0], starts: [[0]] });
    const { length, starts } = rowsOf([2, 0, 3], [whole([2, 0, 3])]);
    expect(length * starts[0]!.length).toBe(0);
  });
});

test("startsOf visits a view in row-major order", () => {
  expect(Array.from(startsOf([2, 3], { strides: [10, -1], offset: 2 }))).toEqual([2, 1, 0, 12, 11, 10]);
});

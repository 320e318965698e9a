import { cpu } from "@descent/backend-cpu";
import { sizeOf, stridesOf, type View } from "@descent/core";
import { arbitraries } from "@descent/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planScatter, type ScatterPlan } from "./scatter.ts";

/** What the shader does, in plain loops. */
function gather({ tried, solved, offset, from }: ScatterPlan, x: Float32Array, n: number): Float32Array {
  const count = tried.reduce((total, { size }) => total * size, 1);
  return Float32Array.from({ length: n }, (_, place) => {
    let total = 0;
    for (let k = 0; k < count; k++) {
      let [at, left, rest] = [from, place - offset, k];
      for (const { size, stride, step } of tried) {
        left -= (rest % size) * stride;
        at += (rest % size) * step;
        rest = Math.floor(rest / size);
      }
      for (const { size, stride, step } of solved) {
        const index = Math.floor(left / stride);
        if (left < 0 || index >= size) left = Number.NaN;
        at += index * step;
        left -= index * stride;
      }
      if (left === 0) total += x[at]!;
    }
    return total;
  });
}

test("of any view, the plan finds what belongs to every place", () => {
  const views = arbitraries
    .shape({ minSize: 1, maxRank: 4 })
    .chain((from) => arbitraries.view(from).map((view) => ({ from, view })));
  fc.assert(
    fc.property(views, ({ from, view }) => {
      const x = Float32Array.from({ length: sizeOf(view.shape) }, (_, i) => i + 1);
      const operand = { shape: view.shape, dtype: "float32" as const, handle: x };
      const expected = cpu().scatterView(operand, view, { shape: from, dtype: "float32" });
      expect(gather(planScatter(view), x, sizeOf(from))).toEqual(expected);
    }),
  );
});

/** Windows of 5 × 5 over images [2, 3, 28, 28]. */
const windows = (stride: number): View => {
  const [n, c, h, w] = stridesOf([2, 3, 28, 28]) as [number, number, number, number];
  const positions = Math.floor(23 / stride) + 1;
  return { shape: [2, 3, 5, 5, positions, positions], strides: [n, c, h, w, h * stride, w * stride], offset: 0 };
};

test.each([
  ["that overlap, the places in the window are tried, not its positions", windows(1), 25],
  ["that overlap in part, too", windows(3), 25],
  ["that do not overlap, nothing is tried", windows(5), 1],
])("of windows %s", (_, view, count) => {
  const { tried } = planScatter(view);
  expect(tried.reduce((total, { size }) => total * size, 1)).toBe(count);
});

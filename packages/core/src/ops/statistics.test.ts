import { cpu } from "@descent/backend-cpu";
import {
  aminmax,
  corrcoef,
  cov,
  cummax,
  cumprod,
  diff,
  dist,
  grad,
  logcumsumexp,
  nanmean,
  nanquantile,
  nansum,
  norm,
  prod,
  quantile,
  setBackend,
  stdMean,
  type Tensor,
  tensor,
  varMean,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const integers = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 9 });
const double = { dtype: "float64", requiresGrad: true } as const;
const close = (values: readonly number[]) => values.map((v) => (Number.isFinite(v) ? expect.closeTo(v, 8) : v));
const gradient = (fn: (x: Tensor) => Tensor, values: readonly number[]) => {
  const x = tensor(values, double);
  return grad(fn(x).sum(), x).toArray<number[]>();
};
const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1) + 0;

describe("products", () => {
  test("their gradients are the products of all other factors, zeros included", () => {
    fc.assert(
      fc.property(integers, (values) => {
        const x = tensor(values, double);
        expect(prod(x).item() + 0).toBe(product(values));
        expect(gradient(prod, values).map((v) => v + 0)).toEqual(values.map((_, i) => product(values.toSpliced(i, 1))));
        expect(
          cumprod(x, 0)
            .toArray<number[]>()
            .map((v) => v + 0),
        ).toEqual(values.map((_, i) => product(values.slice(0, i + 1))));
        const slopes = values.map((_, i) =>
          values.reduce((sum, _, j) => sum + (j < i ? 0 : product(values.slice(0, j + 1).toSpliced(i, 1))), 0),
        );
        expect(gradient((x) => cumprod(x, 0), values).map((v) => v + 0)).toEqual(slopes);
      }),
    );
  });

  test("of int32 wrap around, of bool count as int32, of nothing are 1", () => {
    const large = tensor([65537, 65537, 3], { dtype: "int32" });
    expect([prod(large).item(), cumprod(large, 0).toArray()]).toEqual([393219, [65537, 131073, 393219]]);
    expect([prod(tensor([true, true])).dtype, cumprod(tensor([true, false]), 0).toArray()]).toEqual(["int32", [1, 0]]);
    expect(prod(zeros([0, 2]), 0).toArray()).toEqual([1, 1]);
    expect(prod(zeros([2, 3]), [0, -1], { keepdim: true }).shape).toEqual([1, 1]);
  });
});

test("what changes nothing gives a tensor of its own", () => {
  for (const fn of [prod, (x: Tensor) => diff(x.reshape([1]), { n: 0 }).reshape([])]) {
    const x = tensor(3);
    const y = fn(x);
    x.dispose();
    expect(y.item()).toBe(3);
  }
});

describe("norm", () => {
  test.each<[order: number | "fro", value: number, slope: number[]]>([
    [0, 2, [0, 0, 0]],
    [1, 7, [1, 0, -1]],
    [2, 5, [0.6, 0, -0.8]],
    ["fro", 5, [0.6, 0, -0.8]],
    [3, 91 ** (1 / 3), [9 / 91 ** (2 / 3), 0, -16 / 91 ** (2 / 3)]],
    [0.5, (3 ** 0.5 + 2) ** 2, [(3 ** 0.5 + 2) / 3 ** 0.5, 0, -(3 ** 0.5 + 2) / 2]],
    [inf, 4, [0, 0, -1]],
    [-inf, 0, [0, 0, 0]],
    [-1, 0, [0, 0, 0]],
  ])("of order %s", (order, value, slope) => {
    expect(norm(tensor([3, 0, -4], double), order).item()).toBeCloseTo(value, 8);
    expect(gradient((x) => norm(x, order), [3, 0, -4]).map((v) => v + 0)).toEqual(close(slope));
  });

  test("at 0 has slope 0, to any order", () => {
    for (const order of [0, 1, 1.5, 2, 3, inf]) {
      const x = tensor([0, 0], double);
      const slope = grad(norm(x, order), x, { createGraph: true });
      expect(slope.toArray()).toEqual([0, 0]);
      if (!slope.requiresGrad) continue;
      const [curvature] = grad(slope.sum(), [x], { allowUnused: true });
      expect(curvature?.toArray() ?? [0, 0]).toEqual([0, 0]);
    }
    expect(
      dist(
        tensor([1, 2]),
        tensor([
          [1, 2],
          [4, 6],
        ]),
      ).item(),
    ).toBe(5);
  });
});

describe("running extremes and sums of exponentials", () => {
  test("equal those of the beginnings", () => {
    fc.assert(
      fc.property(integers, (values) => {
        const x = tensor(values, double);
        const starts = values.map((_, i) => values.slice(0, i + 1));
        const { values: most, indices } = cummax(x, 0);
        expect(most.toArray()).toEqual(starts.map((start) => Math.max(...start)));
        expect(indices.toArray()).toEqual(starts.map((start) => start.lastIndexOf(Math.max(...start))));
        const sums = starts.map((start) => Math.log(start.reduce((sum, v) => sum + Math.exp(v), 0)));
        expect(logcumsumexp(x, 0).toArray()).toEqual(close(sums));
      }),
    );
  });

  test("neither overflow nor spoil what stands before an infinity", () => {
    expect(logcumsumexp(tensor([1000, 1000, -inf]), 0).toArray()).toEqual([
      1000,
      ...Array(2).fill(Math.fround(1000 + Math.LN2)),
    ]);
    expect(logcumsumexp(tensor([-inf, -inf, 1]), 0).toArray()).toEqual([-inf, -inf, 1]);
    expect(gradient((x) => logcumsumexp(x, 0), [0, inf, 1])).toEqual([1, nan, 0]);
    expect(cummax(tensor([1, nan, 3, nan]), 0).indices.toArray()).toEqual([0, 1, 1, 3]);
  });
});

describe("statistics", () => {
  test("nansum, nanmean and nanquantile pass over NaN", () => {
    const x = tensor([
      [1, nan, 3],
      [nan, nan, nan],
    ]);
    expect([nansum(x, 1).toArray(), nanmean(x, 1).toArray()]).toEqual([
      [4, 0],
      [2, nan],
    ]);
    expect(nanquantile(x, [0, 0.25], 1).toArray()).toEqual([
      [1, nan],
      [1.5, nan],
    ]);
    expect(quantile(x, 0.5).item()).toBeNaN();
    expect(x.countNonzero(1).toArray()).toEqual([3, 3]);
  });

  test.each([
    ["linear", 1.75],
    ["lower", 1],
    ["higher", 2],
    ["midpoint", 1.5],
    ["nearest", 2],
  ] as const)("the %s quantile between two elements is %d", (interpolation, expected) => {
    expect(quantile(tensor([2, 0, 1]), 0.875, 0, { interpolation }).item()).toBe(expected);
  });

  test("variances and means come together", () => {
    const x = tensor([
      [1, 3],
      [2, 6],
    ]);
    expect(varMean(x, 1).map((y) => y.toArray())).toEqual([
      [2, 8],
      [2, 4],
    ]);
    expect(stdMean(x, 1, { correction: 0, keepdim: true }).map((y) => y.toArray())).toEqual([
      [[1], [2]],
      [[2], [4]],
    ]);
    const { min, max } = aminmax(x, { dim: 0 });
    expect([min.toArray(), max.toArray()]).toEqual([
      [1, 3],
      [2, 6],
    ]);
  });

  test("differences of what stands side by side, of bool whether they differ", () => {
    const x = tensor([1, 3, 6]);
    expect([diff(x).toArray(), diff(x, { n: 2 }).toArray(), diff(x, { n: 4 }).toArray()]).toEqual([[2, 3], [1], []]);
    expect(diff(x, { prepend: tensor([0]), append: tensor([6]) }).toArray()).toEqual([1, 2, 3, 0]);
    expect(diff(tensor([true, true, false])).toArray()).toEqual([0, 1]);
  });

  test("covariances with weights equal those of repeated observations; correlations do not see scales", () => {
    const x = tensor([
      [1, 2, 4],
      [3, 1, 0],
    ]);
    const repeated = tensor([
      [1, 2, 2, 4, 4, 4],
      [3, 1, 1, 0, 0, 0],
    ]);
    const fweights = tensor([1, 2, 3], { dtype: "int32" });
    expect(cov(x, { fweights }).dataSync()).toEqual(cov(repeated).dataSync());
    expect(cov(x.slice(0)).item()).toBeCloseTo(7 / 3, 5);
    const r = [...corrcoef(x).dataSync()];
    expect([...corrcoef(x.mul(tensor([[2], [5]]))).dataSync()]).toEqual(r.map((v) => expect.closeTo(v, 5)));
    expect([r[0], r[3], corrcoef(tensor([1, 2])).item()]).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6), 1]);
  });
});

import { cpu } from "@descent/backend-cpu";
import { grad, kthvalue, mode, setBackend, type Tensor, tensor, topk } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const some = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 9 });
const gradient = (fn: (x: Tensor) => Tensor, values: number[]) => {
  const x = tensor(values, { requiresGrad: true });
  return grad(fn(x), x).toArray();
};

describe("what is selected of equal elements", () => {
  test("equals its model, and stands where its index says", () => {
    fc.assert(
      fc.property(some, fc.nat(), (values, pick) => {
        const [x, sorted, k] = [tensor(values), ascending(values), (pick % values.length) + 1];
        const count = (v: number) => values.filter((w) => w === v).length;
        const most = Math.max(...values.map(count));
        const models = [
          [x.max(0), sorted.at(-1)],
          [x.min(0), sorted[0]],
          [x.median(0), sorted[(values.length - 1) >> 1]],
          [x.nanmedian(0), sorted[(values.length - 1) >> 1]],
          [kthvalue(x, k), sorted[k - 1]],
          [mode(x), sorted.find((v) => count(v) === most)],
        ] as const;
        for (const [{ values: y, indices }, expected] of models) {
          expect(y.item()).toBe(expected);
          expect(values[indices.item()]).toBe(expected);
        }
        expect(x.max(0).indices.item()).toBe(values.indexOf(sorted.at(-1)!));
        expect(mode(x).indices.item()).toBe(values.lastIndexOf(models[5][1]!));
        expect(topk(x, k).values.toArray()).toEqual(sorted.toReversed().slice(0, k));
        expect(topk(x, k, { largest: false }).values.toArray()).toEqual(sorted.slice(0, k));
      }),
    );
  });

  test("shares the gradient where all are looked at, and gets it whole along an axis", () => {
    expect(gradient((x) => x.max(), [1, 3, 3])).toEqual([0, 0.5, 0.5]);
    expect(gradient((x) => x.max(0).values, [1, 3, 3])).toEqual([0, 1, 0]);
    expect(gradient((x) => x.median(), [2, 2, 5, 1])).toEqual([0.5, 0.5, 0, 0]);
    expect(gradient((x) => x.min(), [nan, 1, nan])).toEqual([0.5, 0, 0.5]);
  });
});

test("NaN is the median where there is one, and nothing to nanmedian unless there is nothing else", () => {
  const x = tensor([
    [3, nan, 1, nan, 2],
    [nan, nan, nan, nan, nan],
  ]);
  expect(x.median().item()).toBeNaN();
  expect(x.median(1).indices.toArray()).toEqual([1, 0]);
  expect(x.nanmedian().item()).toBe(2);
  expect(x.nanmedian(1).values.toArray()).toEqual([2, nan]);
  expect(tensor([]).median().item()).toBeNaN();
  expect(tensor([1, nan, inf]).max().item()).toBeNaN();
  expect(topk(tensor([1, nan, inf]), 2).values.toArray()).toEqual([nan, inf]);
});

test("a scalar has one axis, which its results lack", () => {
  const x = tensor(3);
  for (const { values, indices } of [
    x.max(0),
    x.median(-1),
    x.sort(),
    topk(x, 1),
    kthvalue(x, 1),
    mode(x),
    x.cummin(0),
  ])
    expect([values.toArray(), indices.toArray()]).toEqual([3, 0]);
  expect(x.max(0, { keepdim: true }).values.shape).toEqual([]);
});

import { cpu } from "@descent/backend-cpu";
import {
  bincount,
  bucketize,
  grad,
  histc,
  searchsorted,
  setBackend,
  tensor,
  unique,
  uniqueConsecutive,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const nan = Number.NaN;
const some = fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 9 });
const ints = (values: readonly number[]) => tensor(values, { dtype: "int32" });
const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe("unique", () => {
  test("finds every element once, says where it went, and how often it occurs", () => {
    fc.assert(
      fc.property(some, (values) => {
        const { output, inverseIndices, counts } = unique(ints(values), { returnInverse: true });
        const expected = ascending([...new Set(values)]);
        expect(output.toArray()).toEqual(expected);
        expect(output.indexSelect(0, inverseIndices).toArray()).toEqual(values);
        expect(counts.toArray()).toEqual(expected.map((v) => values.filter((w) => w === v).length));
        expect(ints(values).unique().toArray()).toEqual(expected);
      }),
    );
  });

  test("of neighbours only, leaves the order", () => {
    const { output, inverseIndices, counts } = uniqueConsecutive(
      tensor([
        [1, 1],
        [2, 1],
      ]),
      { returnCounts: true },
    );
    expect([output.toArray(), inverseIndices.toArray(), counts.toArray()]).toEqual([
      [1, 2, 1],
      [
        [0, 0],
        [1, 2],
      ],
      [2, 1, 1],
    ]);
  });

  test("compares slices along an axis", () => {
    const x = tensor([
      [1, 2, 1],
      [0, 3, 0],
    ]);
    const { output, inverseIndices } = x.unique({ dim: 1, returnInverse: true });
    expect([output.toArray(), inverseIndices.toArray()]).toEqual([
      [
        [1, 2],
        [0, 3],
      ],
      [0, 1, 0],
    ]);
    expect(x.unique({ dim: 0 }).toArray()).toEqual([
      [0, 3, 0],
      [1, 2, 1],
    ]);
  });

  test("every NaN is one of its own, behind all numbers; the gradient goes to the first of equal elements", () => {
    const x = tensor([nan, 2, nan, 2], { requiresGrad: true });
    const y = x.unique();
    expect(y.toArray()).toEqual([2, nan, nan]);
    expect(grad(y.slice(0), x).toArray()).toEqual([0, 1, 0, 0]);
  });
});

test("bincount counts, or adds up weights", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 9 }), fc.nat(8), (values, minlength) => {
      const length = Math.max(minlength, ...values.map((v) => v + 1));
      const counts = Array.from({ length }, (_, i) => values.filter((v) => v === i).length);
      expect(bincount(ints(values), { minlength }).toArray()).toEqual(counts);
      const y = bincount(ints(values), { minlength, weights: tensor(values.map(() => 0.5)) });
      expect([y.dtype, y.toArray()]).toEqual(["float32", counts.map((n) => n / 2)]);
    }),
  );
});

test("histc: bins are closed below, the last one above too; what lies outside and NaN count nowhere", () => {
  const x = tensor([0, 1, 1.5, 2, 3, 4, -1, nan]);
  expect(histc(x, { bins: 3, min: 0, max: 3 }).toArray()).toEqual([1, 2, 2]);
  expect(histc(tensor([1, 2, 1]), { bins: 4 }).toArray()).toEqual([2, 0, 0, 1]);
  expect(histc(tensor([2, 2]), { bins: 3 }).toArray()).toEqual([0, 2, 0]);
  expect(histc(tensor([])).toArray()).toEqual(Array(100).fill(0));
});

describe("searchsorted", () => {
  test("finds the first place, or the last, at which a value keeps the order", () => {
    fc.assert(
      fc.property(some.map(ascending), some, (sequence, values) => {
        const places = (fits: (at: number, v: number) => boolean) =>
          values.map((v) => sequence.filter((at) => fits(at, v)).length);
        const [s, x] = [ints(sequence), ints(values)];
        expect(searchsorted(s, x).toArray()).toEqual(places((at, v) => at < v));
        expect(searchsorted(s, x, { right: true }).toArray()).toEqual(places((at, v) => at <= v));
        expect(bucketize(x, s).toArray()).toEqual(searchsorted(s, x, { side: "left" }).toArray());
        expect(bucketize(x, s, { right: true }).toArray()).toEqual(searchsorted(s, x, { side: "right" }).toArray());
      }),
    );
  });

  test("looks in the row of the value, in the order that a sorter brings, and for NaN at the end", () => {
    const rows = tensor([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect(
      searchsorted(
        rows,
        tensor([
          [3, 9],
          [3, 0],
        ]),
      ).toArray(),
    ).toEqual([
      [1, 3],
      [1, 0],
    ]);
    expect(searchsorted(tensor([5, 1]), 3, { sorter: ints([1, 0]) }).toArray()).toBe(1);
    expect(searchsorted(tensor([1, 2, nan]), tensor([nan, 2])).toArray()).toEqual([3, 1]);
  });
});

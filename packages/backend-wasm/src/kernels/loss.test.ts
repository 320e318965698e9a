import { mseLoss, type Reduction } from "@descent/core";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
  checkVariants,
  EDGE_SIZES,
  endThreads,
  expectAgreement,
  type Input,
  scattered,
  withGradients,
} from "../testing/variants.ts";

afterAll(endThreads);

const REDUCTIONS: readonly Reduction[] = ["none", "mean", "sum"];
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const inputs = (size: number): Input[] => [0, 1].map((seed) => ({ shape: [size], value: scattered(seed) }));

/** Squares are at most 16; a reduced loss may be off by some roundings of that, for each element. */
function expectLoss(size: number, reduction: Reduction): void {
  const atol = reduction === "sum" ? 2e-7 * size : 1e-6;
  const compute = withGradients((x, target) => [mseLoss(x!, target!, reduction)]);
  expectAgreement(inputs(size), compute, { rtol: 5e-7, atol });
}

describe("mseLoss", () => {
  test("and its gradients equal those of the reference", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...EDGE_SIZES), fc.integer({ min: 1, max: 5000 })),
        fc.constantFrom(...REDUCTIONS),
        (size, reduction) => {
          expectLoss(size, reduction);
        },
      ),
    );
  });

  // Two parts of one size, a last one that is shorter, and all that there may be.
  test.each([2 ** 16, 2 ** 17 + 5, 70_001, 2 ** 20 + 1])("of %i elements goes by parts", (size) => {
    for (const reduction of REDUCTIONS) expectLoss(size, reduction);
  });

  test("of many elements stays accurate", () => {
    const value = (i: number): number => Math.fround(0.1 + (i % 7) / 64);
    const many: Input[] = [
      { shape: [2 ** 18], value },
      { shape: [2 ** 18], value: () => 0 },
    ];
    checkVariants(
      many,
      (x, target) => [mseLoss(x!, target!, "sum"), mseLoss(x!, target!)],
      (y, expected, what) => expectClose(y, expected, { rtol: 5e-7, atol: 0 }, what),
    );
  });

  test("hands on NaN and infinities, wherever they stand", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), fc.nat(), fc.constantFrom(nan, inf, -inf), (size, pick, special) => {
        const value = (i: number): number => (i === pick % size ? special : scattered()(i));
        checkVariants(
          [{ shape: [size], value }, inputs(size)[1]!],
          withGradients((x, target) => REDUCTIONS.map((reduction) => mseLoss(x!, target!, reduction))),
          (y, expected, what) => expectClose(y, expected, 2e-5, what),
        );
      }),
    );
  });

  test("of nothing is 0 in sum and NaN on average", () => {
    checkVariants(
      inputs(0),
      (x, target) => REDUCTIONS.map((reduction) => mseLoss(x!, target!, reduction)),
      ({ data }, expected) => expect([...data]).toEqual([...expected.data]),
    );
  });
});

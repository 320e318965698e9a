import { type Shape, sizeOf, softmaxCrossEntropy, type Tensor, tensor } from "@descent/core";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { EDGE_SIZES, endThreads, expectAgreement, scattered, withGradients } from "../testing/variants.ts";
import { wasm } from "../wasm.ts";

afterAll(endThreads);

const edgeSize = fc.constantFrom(...EDGE_SIZES);

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
/** Of some roundings of exponentials, and of sums of them. */
const TOLERANCE = { rtol: 2e-6, atol: 2e-6 };

const expectSoftmax = (shape: Shape, dim: number): void => {
  const value = (i: number): number => 4 * scattered()(i);
  // The gradients take sums along the axis.
  const tolerance = { rtol: 2e-6, atol: 2e-6 + 2e-7 * shape[dim]! };
  expectAgreement(
    [{ shape, value }],
    withGradients((x) => [x!.softmax(dim), x!.logSoftmax(dim)]),
    tolerance,
  );
  for (const name of ["softmax", "logSoftmax"] as const)
    expectAgreement(
      [{ shape, value }],
      withGradients((x) => [x![name](dim)]),
      tolerance,
    );
};

describe("softmax and logSoftmax", () => {
  test("and their gradients equal their definition along any axis", () => {
    fc.assert(
      fc.property(
        fc.tuple(edgeSize, edgeSize, edgeSize).filter((shape) => sizeOf(shape) <= 10_000),
        fc.integer({ min: 0, max: 2 }),
        (shape, dim) => {
          expectSoftmax(shape, dim);
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each<[Shape, number]>([
    [[900, 40], 1],
    [[2, 50_000], 1],
    [[3, 40, 500], 1],
  ])("of %j along %i", (shape, dim) => {
    expectSoftmax(shape, dim);
  });

  test.each([
    [-inf, 1, 2],
    [-inf, -inf, -inf],
    [nan, 1, -inf],
    [inf, 1, 2],
    [1e38, -1e38, 0],
    [-2e4, -2e4, -3e4],
    [-200, 0, -90],
  ])("of rows such as %s, %s, %s", (...row) => {
    for (const length of [3, 9, 21]) {
      const value = (i: number): number => row[i % 3]!;
      expectAgreement([{ shape: [2, length], value }], (x) => [x!.softmax(1), x!.logSoftmax(1)], TOLERANCE);
      const down = (i: number): number => row[Math.floor(i / 21) % 3]!;
      expectAgreement([{ shape: [length, 21], value: down }], (x) => [x!.softmax(0), x!.logSoftmax(0)], TOLERANCE);
    }
  });

  test("what has no chance at all gets none", () => {
    const x = tensor([0, -inf, -1e30], { backend: wasm({ threads: 1 }) });
    expect(Array.from(x.softmax(0).dataSync())).toEqual([1, 0, 0]);
  });
});

describe("softmaxCrossEntropy", () => {
  const expectCrossEntropy = (
    rows: number,
    classes: number,
    value = (i: number): number => 4 * scattered()(i),
  ): void => {
    const loss = (x: Tensor): Tensor => {
      const target = Int32Array.from({ length: rows }, (_, i) => (i * 7) % classes);
      return softmaxCrossEntropy(x, tensor(target, { backend: x.backend }));
    };
    expectAgreement(
      [{ shape: [rows, classes], value }],
      withGradients((x) => [loss(x!)]),
      TOLERANCE,
    );
  };

  test("and its gradient equal their definition", () => {
    fc.assert(
      fc.property(edgeSize, edgeSize, (rows, classes) => {
        expectCrossEntropy(rows, classes);
      }),
      { numRuns: 40 },
    );
  });

  test("of many rows", () => {
    expectCrossEntropy(3000, 10);
  });

  test.each([
    [-inf, 1, 2],
    [nan, 1, 2],
    [inf, 1, 2],
    [-inf, -inf, -inf],
    [1000, -1000, 0],
  ])("of rows such as %s, %s, %s", (...row) => {
    expectCrossEntropy(6, 9, (i) => row[i % 3]!);
  });
});

test("float64 is left to the decomposition", () => {
  const compute = (x: Tensor): Tensor[] => {
    const x64 = x.to("float64");
    const target = tensor(new Int32Array(5), { backend: x.backend });
    return [x64.softmax(0), x64.logSoftmax(1), softmaxCrossEntropy(x64, target)];
  };
  expectAgreement([{ shape: [5, 7], value: scattered() }], (x) => compute(x!), 1e-12);
});

import { batchNorm, layerNorm, type Shape, sizeOf, type Tensor } from "@descent/core";
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { EDGE_SIZES, endThreads, expectAgreement, type Input, scattered, withGradients } from "../testing/variants.ts";

afterAll(endThreads);

const edgeSize = fc.constantFrom(...EDGE_SIZES);

const EPS = 1e-5;
/** Of results of a size around 1, which take some ten roundings. */
const TOLERANCE = { rtol: 1e-5, atol: 1e-5 };

/** Input, and of weight and bias as many as there are. */
const inputs = (shape: Shape, affine: Shape, parameters: number): Input[] => [
  { shape, value: scattered() },
  ...[1, 2].slice(0, parameters).map((seed) => ({ shape: affine, value: scattered(seed) })),
];

const normalizeChannels = (x: Tensor, weight?: Tensor, bias?: Tensor): Tensor[] => {
  const { output, mean, variance } = batchNorm(x, weight ?? null, bias ?? null, EPS);
  return [output, mean, variance];
};

/** Gradients of weight and bias are sums, and those of statistics are large beside those of single elements. */
const expectBatchNorm = (shape: Shape, parameters: number): void => {
  const roundings = 2e-7 * (sizeOf(shape) / shape[1]!);
  expectAgreement(
    inputs(shape, [shape[1]!], parameters),
    withGradients((...xs) => [normalizeChannels(...(xs as [Tensor]))[0]!]),
    { rtol: 1e-5, atol: 2e-5 + roundings },
  );
  expectAgreement(inputs(shape, [shape[1]!], parameters), (...xs) => normalizeChannels(...(xs as [Tensor])), TOLERANCE);
};

describe("batchNorm", () => {
  test("and its gradients equal their definition", () => {
    fc.assert(
      fc.property(
        fc.tuple(edgeSize, edgeSize, edgeSize).filter((shape) => sizeOf(shape) <= 10_000 && shape[0] * shape[2] > 8),
        fc.integer({ min: 0, max: 2 }),
        (shape, parameters) => {
          expectBatchNorm(shape, parameters);
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each<[Shape]>([[[5, 3, 128, 129]], [[1, 2, 300, 301]], [[64, 16, 8, 8]], [[3, 20, 47, 50]]])(
    "of %j, in parts where there are few channels",
    (shape) => {
      expectBatchNorm(shape, 2);
    },
  );

  const variance = (shape: Shape, value: (i: number) => number): void =>
    expectAgreement([{ shape, value }], (x) => normalizeChannels(x).slice(1), { rtol: 1e-5, atol: 0 });

  test("has a steady variance far from zero", () => {
    variance([4, 2, 40, 40], (i) => 3000 + scattered()(i));
  });

  test("has a steady variance where the first image is far from the others", () => {
    variance([70, 2, 8, 8], (i) => (i < 128 ? 0 : 3000) + scattered()(i));
  });

  test("has an infinite mean and no variance where an element is infinite", () => {
    for (const at of [0, 1, 5000])
      expectAgreement(
        [{ shape: [4, 1, 40, 40], value: (i) => (i === at ? Number.POSITIVE_INFINITY : 1) }],
        (x) => normalizeChannels(x),
        TOLERANCE,
      );
  });

  test.each([[[0]], [[1]], [[2]], [[0, 2]], [[1, 2]]])("gives the gradients of inputs %j alone", (wanted) => {
    expectAgreement(
      inputs([3, 2, 5, 5], [2], 2),
      withGradients((x, weight, bias) => [batchNorm(x!, weight!, bias!, EPS).output], wanted),
      { rtol: 1e-5, atol: 2e-5 },
    );
  });
});

describe("layerNorm", () => {
  const expectLayerNorm = (rows: number, size: number, parameters: number, wanted?: readonly number[]): void => {
    // Gradients of weight and bias are sums over rows.
    const tolerance = { rtol: 1e-5, atol: 2e-5 + 1e-6 * rows };
    expectAgreement(
      inputs([rows, size], [size], parameters),
      withGradients((x, weight, bias) => [layerNorm(x!, [size], weight ?? null, bias ?? null, EPS)], wanted),
      tolerance,
    );
  };

  test("and its gradients equal their definition", () => {
    fc.assert(
      fc.property(
        edgeSize,
        fc.oneof(edgeSize, fc.constantFrom(1023, 1100)),
        fc.integer({ min: 0, max: 2 }),
        (rows, size, parameters) => {
          // The deviation of two numbers may be next to nothing, which makes their gradients huge.
          fc.pre(size > 8);
          expectLayerNorm(rows, size, parameters);
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each([
    [2500, 20],
    [1, 5000],
    [33, 1],
  ])("of %i rows of %i", (rows, size) => {
    expectLayerNorm(rows, size, 2);
  });

  test.each([[[0]], [[1]], [[2]], [[0, 2]], [[1, 2]]])("gives the gradients of inputs %j alone", (wanted) => {
    expectLayerNorm(70, 37, 2, wanted);
  });

  test("normalises rows far from zero", () => {
    expectAgreement(
      [{ shape: [5, 300], value: (i) => 1000 + scattered()(i) }],
      (x) => [layerNorm(x!, [300], null, null, EPS)],
      { rtol: 0, atol: 2e-4 },
    );
  });
});

test("float64 is left to the decomposition", () => {
  const compute = (x: Tensor): Tensor[] => {
    const x64 = x.to("float64");
    return [batchNorm(x64, null, null, EPS).output, layerNorm(x64, [9], null, null, EPS)];
  };
  expectAgreement([{ shape: [4, 3, 9], value: scattered() }], (x) => compute(x!), 1e-12);
});

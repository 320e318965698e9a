import { cpu } from "@descent/backend-cpu";
import { type Backend, type Shape, sizeOf } from "@descent/core";
import { arbitraries } from "@descent/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { detectEngine } from "../engine.ts";
import { Runtime } from "../runtime.ts";
import { backendOver, wasm } from "../wasm.ts";

const { size, broadcastShapes } = arbitraries;
const reference = cpu();
const backends = {
  "one thread": wasm({ threads: 1 }),
  // The smallest work is shared.
  "two threads": backendOver(
    new Runtime(detectEngine({ relaxedSimd: true, threads: true }), 2, {}, { worthwhile: 0, chunk: 0 }),
  ),
  "without relaxed SIMD": wasm({ threads: 1, relaxedSimd: false }),
};
const { "one thread": one, "two threads": two } = backends;
afterAll(() => two.setNumThreads(1));

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly stackA?: Shape;
  readonly stackB?: Shape;
  readonly stack?: Shape;
}

/** The product of matrices with elements from `value`, which is called with their numbers. */
function product(
  backend: Backend,
  { m, n, k, transposeA, transposeB, stackA = [], stackB = [], stack = [] }: Case,
  value: (i: number) => number,
): Float32Array {
  const operand = (shape: Shape, from: number) => {
    const spec = { shape, dtype: "float32" } as const;
    const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(from + i));
    return { ...spec, handle: backend.upload(values, spec) };
  };
  const a = operand([...stackA, ...(transposeA ? [k, m] : [m, k])], 0);
  const b = operand([...stackB, ...(transposeB ? [n, k] : [k, n])], sizeOf(a.shape));
  const out = { shape: [...stack, m, n], dtype: "float32" } as const;
  const handle = backend.matmul(a, b, transposeA, transposeB, out);
  const result = backend.download({ ...out, handle }) as Float32Array;
  for (const block of [a.handle, b.handle, handle]) backend.free(block);
  return result;
}

/** Small integers, whose sums of products float32 holds exactly in any order. */
const whole = (i: number): number => (Math.imul(i + 1, 0x9e3779b1) >>> 29) - 4;
/** Sums of these depend on their order. */
const rough = (i: number): number => Math.sin(i) / 3;

const flags = { transposeA: fc.boolean(), transposeB: fc.boolean() };

function expectSame(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const at = actual.findIndex((value, i) => {
    const wanted = expected[i]!;
    return value !== wanted && !(Number.isNaN(value) && Number.isNaN(wanted));
  });
  if (at >= 0) expect.fail(`element ${at}: ${actual[at]}, expected ${expected[at]}`);
}

/** Sizes about those where blocks end, of which one operand may have one. */
const edge = fc.constantFrom(47, 48, 49, 143, 144, 145, 146, 255, 256, 257, 258, 511, 512, 513, 1023, 1024, 1025, 1026);
const aboutEdges: fc.Arbitrary<Case> = fc
  .tuple(edge, size(150), size(40), fc.integer({ min: 0, max: 5 }))
  .chain(([large, middle, small, order]) => {
    const [m, n, k] = [
      [large, middle, small],
      [large, small, middle],
      [middle, large, small],
      [small, large, middle],
      [middle, small, large],
      [small, middle, large],
    ][order] as [number, number, number];
    return fc.record({ m: fc.constant(m), n: fc.constant(n), k: fc.constant(k), ...flags });
  });

describe.each(Object.entries(backends))("matmul with %s", (_, backend) => {
  test("is the reference's for all sizes up to 40", () => {
    fc.assert(
      fc.property(fc.record({ m: size(40, 0), n: size(40, 0), k: size(40, 0), ...flags }), (c) =>
        expectSame(product(backend, c, whole), product(reference, c, whole)),
      ),
      { numRuns: 300 },
    );
  });

  test("is the reference's where blocks end", () => {
    fc.assert(
      fc.property(aboutEdges, (c) => expectSame(product(backend, c, whole), product(reference, c, whole))),
      { numRuns: 60 },
    );
  });

  test("is the reference's for stacks of matrices that broadcast", () => {
    const stacks = broadcastShapes(2, { maxRank: 3, maxSize: 3 }).filter(([a, b]) => a!.length === b!.length);
    fc.assert(
      fc.property(stacks, fc.record({ m: size(9), n: size(9), k: size(9), ...flags }), ([stackA, stackB], sizes) => {
        const stack = stackA!.map((n, i) => Math.max(n, stackB![i]!));
        const c = { ...sizes, stackA: stackA!, stackB: stackB!, stack };
        expectSame(product(backend, c, whole), product(reference, c, whole));
      }),
    );
  });

  test("hands on infinities and NaN to the elements that they belong to, and to no other", () => {
    const special = (i: number): number => (i % 61 === 5 ? [Number.NaN, Infinity, -Infinity][i % 3]! : whole(i));
    fc.assert(
      fc.property(fc.record({ m: size(20), n: size(20), k: size(20), ...flags }), (c) =>
        expectSame(product(backend, c, special), product(reference, c, special)),
      ),
    );
  });
});

test.each([
  ["dot products", { m: 33, n: 130, k: 301, transposeA: false, transposeB: true }],
  ["dot products, row by row", { m: 260, n: 11, k: 301, transposeA: false, transposeB: true }],
  ["few rows", { m: 50, n: 1001, k: 120, transposeA: true, transposeB: false }],
  ["blocks", { m: 150, n: 530, k: 530, transposeA: false, transposeB: false }],
  ["blocks of transposed operands", { m: 150, n: 530, k: 300, transposeA: true, transposeB: true }],
  ["a stack", { m: 20, n: 40, k: 60, transposeA: false, transposeB: false, stackA: [9], stackB: [9], stack: [9] }],
] as const)("%s give the same bits on any number of threads", (_, c) => {
  expectSame(product(two, c, rough), product(one, c, rough));
});

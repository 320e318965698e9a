import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  fromTypedArray,
  grad,
  linear,
  linearRelu,
  type Shape,
  sizeOf,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import { arbitraries } from "@descent/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { detectEngine } from "../engine.ts";
import { Runtime } from "../runtime.ts";
import { backendOver, wasm } from "../wasm.ts";

const { size } = arbitraries;
const reference = cpu();
const one = wasm({ threads: 1 });
// The smallest work is shared.
const two = backendOver(
  new Runtime(detectEngine({ relaxedSimd: true, threads: true }), 2, {}, { worthwhile: 0, chunk: 0 }),
);
afterAll(() => two.setNumThreads(1));

interface Case {
  readonly lead: Shape;
  readonly inputs: number;
  readonly outputs: number;
  readonly hasBias: boolean;
  readonly hasRelu: boolean;
}

/** The result of `linear` or `linearRelu` and the gradients of its inputs, from elements that `value` gives by their number. */
function results(backend: Backend, c: Case, value: (i: number) => number): Float32Array[] {
  return withBackend(backend, () => {
    let count = 0;
    const make = (...shape: number[]): Tensor => {
      const elements = Float32Array.from({ length: sizeOf(shape) }, () => value(count++));
      return fromTypedArray(elements, shape, "float32", { requiresGrad: true });
    };
    const x = make(...c.lead, c.inputs);
    const weight = make(c.outputs, c.inputs);
    const bias = c.hasBias ? make(c.outputs) : null;
    const y = (c.hasRelu ? linearRelu : linear)(x, weight, bias);
    const inputs = bias === null ? [x, weight] : [x, weight, bias];
    return [y, ...grad(y, inputs, { gradOutputs: make(...c.lead, c.outputs) })].map(
      (t) => t.dataSync() as Float32Array,
    );
  });
}

/** Small integers, whose sums of products float32 holds exactly in any order. */
const whole = (i: number): number => (Math.imul(i + 1, 0x9e3779b1) >>> 29) - 4;
/** Sums of these depend on their order. */
const rough = (i: number): number => Math.sin(i) / 3;

function expectSame(actual: readonly Float32Array[], expected: readonly Float32Array[]): void {
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  for (const [i, x] of actual.entries()) {
    const at = x.findIndex((value, j) => value !== expected[i]![j]);
    if (at >= 0) expect.fail(`output ${i}, element ${at}: ${x[at]}, expected ${expected[i]![at]}`);
  }
}

const flags = { hasBias: fc.boolean(), hasRelu: fc.boolean() };
const small = fc.record({
  lead: fc.array(size(9, 0), { maxLength: 2 }),
  inputs: size(40, 0),
  outputs: size(40, 0),
  ...flags,
});
/** Enough work to be packed: in one block of steps or two, in one band of columns or two. */
const large = fc.record({
  lead: fc.tuple(size(150, 130)),
  inputs: fc.constantFrom(255, 256, 257, 300),
  outputs: fc.constantFrom(130, 512, 519),
  hasBias: fc.boolean(),
  hasRelu: fc.constant(true),
});

describe.each([
  ["one thread", one],
  ["two threads", two],
])("linear with %s", (_, backend) => {
  test.each([
    ["small", small, 60],
    ["large", large, 6],
  ] as const)(
    "and its gradients are those of the decomposition on the reference where it is %s",
    (_, cases, numRuns) => {
      fc.assert(
        fc.property(cases, (c) => expectSame(results(backend, c, whole), results(reference, c, whole))),
        { numRuns },
      );
    },
  );
});

test.each([
  ["few rows", { lead: [32], inputs: 784, outputs: 128 }],
  ["many rows", { lead: [5, 130], inputs: 300, outputs: 70 }],
])("linear of %s gives the same bits on any number of threads", (_, sizes) => {
  const c = { ...sizes, hasBias: true, hasRelu: true };
  expectSame(results(two, c, rough), results(one, c, rough));
});

test("float64 is left to the decomposition", () => {
  withBackend(one, () => {
    const [x, weight, bias] = [[[1, 2]], [[3, 1e-9]], [1]].map((values) => tensor(values, { dtype: "float64" }));
    expect([...linear(x!, weight!, bias!).dataSync()]).toEqual([4 + 2e-9]);
  });
});

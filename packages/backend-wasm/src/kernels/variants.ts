import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  fromTypedArray,
  grad,
  type Shape,
  scope,
  sizeOf,
  type Tensor,
  type TypedArray,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { expectClose, type Tolerance } from "@descent/testing";
import fc from "fast-check";
import { expect } from "vitest";
import { detectEngine } from "../engine.ts";
import { Runtime } from "../runtime.ts";
import { backendOver, wasm } from "../wasm.ts";

// What tests of kernels share.

const reference = cpu();
const single = wasm({ threads: 1 });
const strict = wasm({ threads: 1, relaxedSimd: false });
// The smallest work is shared.
const shared = backendOver(
  new Runtime(detectEngine({ relaxedSimd: true, threads: true }), 2, {}, { worthwhile: 0, chunk: 0 }),
);
/** Ends the workers. */
export const endThreads = (): void => shared.setNumThreads(1);

/** Elements by their numbers. */
export interface Input {
  readonly shape: Shape;
  readonly value: (i: number) => number;
}

/** Numbers between −2 and 2 without order, that float32 holds exactly. */
export const scattered =
  (seed = 0) =>
  (i: number): number =>
    (Math.imul(i + 1 + 7919 * seed, 0x9e3779b1) >> 8) / 2 ** 22;

type Compute = (...xs: Tensor[]) => readonly Tensor[];

/** Results of some ops on a backend. */
function resultsOn(backend: Backend, dtype: "float32" | "float64", inputs: readonly Input[], compute: Compute) {
  const results = withBackend(backend, () =>
    scope(() => {
      const leaves = inputs.map(({ shape, value }) => {
        const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i));
        const elements = dtype === "float32" ? values : Float64Array.from(values);
        return fromTypedArray(elements, shape, dtype, { requiresGrad: true });
      });
      return [...compute(...leaves)];
    }),
  );
  return results.map((y) => ({ shape: y.shape, data: y.dataSync() }));
}

/** Compares what float32 kernels give with the reference in double precision, and the bits that two threads give with those of one. */
export function expectAgreement(inputs: readonly Input[], compute: Compute, tolerance: Tolerance | number): void {
  const expected = resultsOn(reference, "float64", inputs, compute);
  const [one, two, plain] = [single, shared, strict].map((backend) => resultsOn(backend, "float32", inputs, compute));
  for (const [i, y] of expected.entries()) {
    expectClose(one![i]!, y, tolerance, `result ${i}`);
    expectClose(plain![i]!, y, tolerance, `result ${i} without relaxed SIMD`);
    expectSameBits(two![i]!.data, one![i]!.data);
  }
}

// `toEqual` takes seconds for what these kernels give.
function expectSameBits(a: TypedArray, b: TypedArray): void {
  const words = ({ buffer, byteOffset, byteLength }: TypedArray) => new Int32Array(buffer, byteOffset, byteLength / 4);
  const [got, want] = [words(a), words(b)];
  expect(got.findIndex((word, i) => word !== want[i])).toBe(-1);
}

/** The results of ops and the gradients of their inputs, or of those that are `wanted`, for gradients of the results without order. */
export const withGradients =
  (compute: Compute, wanted?: readonly number[]): Compute =>
  (...inputs) => {
    const xs = inputs.map((x, i) => (wanted === undefined || wanted.includes(i) ? x : x.detach()));
    const ys = compute(...xs);
    const gradOutputs = ys.map(({ shape, dtype }, i) =>
      fromTypedArray(
        Float32Array.from({ length: sizeOf(shape) }, (_, k) => scattered(100 + i)(k)),
        shape,
        "float32",
      ).to(dtype),
    );
    const leaves = xs.filter((x) => x.requiresGrad);
    return [...ys, ...grad(ys, leaves, { gradOutputs })];
  };

/** Sizes around what vectors, their unrolling and blocks of columns take in. */
export const edgeSize = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(15, 16, 17, 31, 33, 63, 64, 67, 130));

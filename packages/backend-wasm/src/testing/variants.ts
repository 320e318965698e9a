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
import { wasm } from "../wasm.ts";
import { hostileBackend } from "./hostile-backend.ts";

// What tests of kernels share.

const reference = cpu();
const single = wasm({ threads: 1 });
const strict = wasm({ threads: 1, relaxedSimd: false });
const hostile = hostileBackend();
/** Ends the workers. */
export const endThreads = (): void => hostile.setNumThreads(1);

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

export type Compute = (...xs: Tensor[]) => readonly Tensor[];

interface Result {
  readonly shape: Shape;
  readonly data: TypedArray;
}

/** Results of some ops on a backend. */
function resultsOn(
  backend: Backend,
  dtype: "float32" | "float64",
  inputs: readonly Input[],
  compute: Compute,
): Result[] {
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

/** What a test compares, and what that is. */
type Check = (actual: Result, expected: Result, what: string) => void;

/**
 * Has `check` compare what float32 kernels give, with relaxed SIMD and without, with the reference in double precision. Throws where the
 * bits that two threads give are not those of one.
 */
export function checkVariants(inputs: readonly Input[], compute: Compute, check: Check): void {
  const expected = resultsOn(reference, "float64", inputs, compute);
  const [one, two, plain] = [single, hostile, strict].map((backend) => resultsOn(backend, "float32", inputs, compute));
  for (const [i, y] of expected.entries()) {
    check(one![i]!, y, `result ${i}`);
    check(plain![i]!, y, `result ${i} without relaxed SIMD`);
    const [a, b] = [wordsOf(two![i]!), wordsOf(one![i]!)];
    const at = a.findIndex((word, k) => word !== b[k]);
    if (at >= 0) throw new Error(`result ${i} on two threads differs from that on one at element ${at}`);
  }
}

/** Has the float32 kernels agree with the reference within a tolerance. */
export const expectAgreement = (inputs: readonly Input[], compute: Compute, tolerance: number | Tolerance): void =>
  checkVariants(inputs, compute, (y, expected, what) => expectClose(y, expected, tolerance, what));

const wordsOf = ({ data: { buffer, byteOffset, byteLength } }: Result) =>
  new Int32Array(buffer, byteOffset, byteLength / 4);

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
export const EDGE_SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 67, 130];

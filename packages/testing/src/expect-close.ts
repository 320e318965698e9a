import { type DType, type Shape, sameShape, show, Tensor } from "@descent/core";
import { assert } from "vitest";

/** How far two numbers may be apart: `atol + rtol·|expected|`. */
export interface Tolerance {
  /** Default 1e-4. */
  readonly rtol?: number;
  /** Default 1e-5. */
  readonly atol?: number;
  /** Whether a zero has to have its sign. Default false. */
  readonly signedZero?: boolean;
}

/** Elements in row-major order, as golden files and kernels give them. */
export interface Elements {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
  readonly dtype?: DType | undefined;
}

/**
 * Compares shape, dtype (where the expected side has one) and every element. NaN equals NaN and an infinity itself. One number as
 * tolerance is both `rtol` and `atol`; 0 wants the same bits, so that −0 is not 0.
 */
export function expectClose(
  actual: Tensor | Elements,
  expected: Tensor | Elements,
  tolerance: Tolerance | number = {},
  what = "tensor",
): void {
  const [got, want] = [elements(actual), elements(expected)];
  if (!sameShape(got.shape, want.shape))
    assert.fail(`${what} has shape ${show(got.shape)}, expected ${show(want.shape)}`);
  if (want.dtype !== undefined && got.dtype !== undefined && got.dtype !== want.dtype)
    assert.fail(`${what} has dtype ${got.dtype}, expected ${want.dtype}`);
  if (got.data.length !== want.data.length)
    assert.fail(`${what} ${show(want.shape)} has ${got.data.length} elements, expected ${want.data.length}`);
  const { rtol, atol, signedZero } = limits(tolerance);
  const exact = rtol === 0 && atol === 0;
  const allowed = (b: number): number => atol + rtol * Math.abs(b);
  const close = (a: number, b: number): boolean => {
    if (Object.is(a, b)) return true;
    if (exact || (signedZero && b === 0)) return false;
    // Anything would be close to an infinity.
    return a === b || (Number.isFinite(b) && Math.abs(a - b) <= allowed(b));
  };
  const wrong: number[] = [];
  for (let i = 0; i < want.data.length; i++) if (!close(got.data[i]!, want.data[i]!)) wrong.push(i);
  const [first] = wrong;
  if (first === undefined) return;
  const [a, b] = [got.data[first]!, want.data[first]!];
  const apart =
    exact || !Number.isFinite(a - b) ? "" : `, which are ${Math.abs(a - b)} apart where ${allowed(b)} is allowed`;
  const also = wrong.length === 1 ? "" : `; ${wrong.length} of ${want.data.length} elements are off`;
  assert.fail(
    `${what} ${show(want.shape)} at ${show(indexOf(first, want.shape))}: ${text(a)}, expected ${text(b)}${apart}${also}`,
  );
}

const limits = (tolerance: Tolerance | number): Required<Tolerance> =>
  typeof tolerance === "number"
    ? { rtol: tolerance, atol: tolerance, signedZero: false }
    : { rtol: 1e-4, atol: 1e-5, signedZero: false, ...tolerance };

const elements = (x: Tensor | Elements): Elements =>
  x instanceof Tensor ? { shape: x.shape, dtype: x.dtype, data: x.dataSync() } : x;

/** The position of an element along every axis. */
function indexOf(at: number, shape: Shape): number[] {
  const index: number[] = [];
  for (let rest = at, axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}

const text = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

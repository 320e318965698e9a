import type { TypedArray } from "@descent/core";
import { expect } from "vitest";

const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Throws where two arrays differ in a bit, signs of zeros and payloads of NaN included. */
export function expectSameBits(actual: TypedArray, expected: TypedArray): void {
  const [a, b] = [bytesOf(actual), bytesOf(expected)];
  expect(a.length).toBe(b.length);
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0) return;
  const i = Math.floor(at / expected.BYTES_PER_ELEMENT);
  throw new Error(`element ${i} is ${actual[i]} and should be ${expected[i]}`);
}

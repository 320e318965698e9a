import type { FloatLanes, IntLanes } from "./lanes.ts";

/** A polynomial by Horner's rule; the coefficient of the highest power comes first. */
export const polynomial = (x: FloatLanes, [first, second, ...rest]: readonly number[]): FloatLanes =>
  rest.reduce((y, c) => y.madd(x, c), x.madd(first!, second!));

/** `1.5·2²³`: a float of this size has no fraction, so that adding it rounds, and its last bits are the integer. */
const ROUNDER = 12582912;

/** The integer nearest to `x·factor`, for results of at most 22 bits: as a float, and as the low bits of an integer. */
export function roundProduct(x: FloatLanes, factor: number): { n: FloatLanes; bits: IntLanes } {
  const sum = x.madd(factor, ROUNDER);
  return { n: sum.sub(ROUNDER), bits: sum.bits() };
}

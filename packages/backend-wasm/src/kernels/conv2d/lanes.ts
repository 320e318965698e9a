import { type F32, F32x4, type FunctionBuilder, type I32, type Var } from "../../assembler/index.ts";
import { times } from "../idioms.ts";

/** The first `count` (1 to 4) of four floats, and zeros; reads no others. */
export function loadLanes(address: I32, offset: number, count: number): F32x4 {
  if (count === 4) return F32x4.load(address, offset);
  if (count === 1) return F32x4.loadOne(address, offset);
  const two = F32x4.loadTwo(address, offset);
  return count === 2 ? two : two.shuffle(F32x4.loadOne(address, offset + 8), [0, 1, 4, 5]);
}

/** Writes the first `count` lanes. */
export function storeLanes(f: FunctionBuilder, address: I32, value: Var<F32x4>, offset: number, count: number): void {
  if (count === 4) f.store(address, value, offset);
  else for (let lane = 0; lane < count; lane++) f.store(address, value.lane(lane), offset + 4 * lane);
}

/** The sum of the lanes of each of up to four vectors, and zeros. */
export function sumEach(f: FunctionBuilder, vectors: readonly F32x4[]): F32x4 {
  const [a, b, c, d] = times(4, (i) => vectors[i] ?? F32x4.const(0)) as [F32x4, F32x4, F32x4, F32x4];
  const half = (x: F32x4, y: F32x4): F32x4 => f.let(x.shuffle(y, [0, 1, 4, 5]).add(x.shuffle(y, [2, 3, 6, 7])));
  const [first, second] = [half(a, b), half(c, d)];
  return first.shuffle(second, [0, 2, 4, 6]).add(first.shuffle(second, [1, 3, 5, 7]));
}

/** The sum of the lanes. */
export const sumLanes = (value: Var<F32x4>): F32 =>
  value
    .lane(0)
    .add(value.lane(2))
    .add(value.lane(1).add(value.lane(3)));

/** Unrolled elements or vectors beyond this many become a loop. */
const MAX_UNROLLED = 16;

/** Where elements are that lie `stride` floats apart from `address` on: what a turn of a loop adds to a constant offset. */
export type Place = (address: I32, stride?: number) => I32;

/** Calls `body` for each of `length` elements, `step` at a time, with the part of its index that is constant and the rest as a place. */
export function eachElement(
  f: FunctionBuilder,
  length: number,
  body: (index: number, at: Place) => void,
  step = 1,
): void {
  if (length <= MAX_UNROLLED * step) for (let i = 0; i < length; i += step) body(i, (address) => address);
  else f.for(0, length, step, (i) => body(0, (address, stride = 1) => address.add(i.mul(4 * stride))));
}

/**
 * The same for the vectors of a row. Where the length is no multiple of four, the last vector reaches back, so that none reaches beyond the
 * row; a row of less than four floats has none.
 */
export function eachVector(f: FunctionBuilder, length: number, body: (index: number, at: Place) => void): void {
  eachElement(f, length - (length % 4), body, 4);
  if (length % 4 !== 0 && length > 4) body(length - 4, (address) => address);
}

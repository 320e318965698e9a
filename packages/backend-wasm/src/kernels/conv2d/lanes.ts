import { type F32, F32x4, type FunctionBuilder, type I32, type Var } from "../../assembler/index.ts";

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

/** `value` with zeros in all but the last `count` lanes. */
export function lastLanes(value: F32x4, count: number): F32x4 {
  if (count === 4) return value;
  return value.shuffle(F32x4.const(0), [4, count > 2 ? 1 : 4, count > 1 ? 2 : 4, 3]);
}

/** The sum of the lanes of each of up to four vectors, and zeros. */
export function sumEach(f: FunctionBuilder, vectors: readonly F32x4[]): F32x4 {
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => vectors[i] ?? F32x4.const(0)) as [F32x4, F32x4, F32x4, F32x4];
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

/** Unrolled vectors beyond this many become a loop. */
const MAX_UNROLLED = 16;

/**
 * Calls `body` for all vectors of a row of `length` floats with the element at which one begins: a constant, plus what a local holds, where
 * the loop is not unrolled. The last vector reaches back, so that none reaches beyond the row; a row of less than four floats has none.
 */
export function eachVector(
  f: FunctionBuilder,
  length: number,
  body: (index: number, moving: Var<I32> | null) => void,
): void {
  const whole = Math.floor(length / 4);
  if (whole <= MAX_UNROLLED) for (let v = 0; v < whole; v++) body(4 * v, null);
  else f.for(0, 4 * whole, 4, (i) => body(0, i));
  if (length % 4 !== 0 && length > 4) body(length - 4, null);
}

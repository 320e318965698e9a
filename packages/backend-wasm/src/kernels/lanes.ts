import { F32x4, F64, type F64x2, type FunctionBuilder, I32 } from "../assembler/index.ts";

/** How many floats a turn of a loop takes, and how it reads and writes them. */
export interface Lanes {
  /** The floats at `address + offset`; lanes beyond them hold copies of the first. */
  load(address: I32, offset?: number): F32x4;
  /** The same with zeros in the lanes beyond the floats, so that sums over all lanes count every float once. */
  counted(x: F32x4): F32x4;
  store(f: FunctionBuilder, address: I32, value: F32x4, offset?: number): void;
}

export const FOUR: Lanes = {
  load: F32x4.load,
  counted: (x) => x,
  store: (f, address, value, offset) => f.store(address, value, offset),
};

/** For what is left of a row: reading four would reach beyond the end of the memory in the last row of all. */
export const ONE: Lanes = {
  load: F32x4.loadSplat,
  counted: (x) => x.shuffle(F32x4.const(0), [0, 4, 4, 4]),
  store: (f, address, value, offset) => f.store(address, value.lane(0), offset),
};

/**
 * Walks over `bytes` bytes of floats: `unroll` vectors at a time, then single vectors, then single floats. `body` gets the position in
 * bytes as a variable part and a constant one, and which of the vectors of its turn it is about.
 */
export function sweep(
  f: FunctionBuilder,
  bytes: I32,
  unroll: 1 | 2 | 4,
  body: (at: I32, offset: number, lanes: Lanes, vector: number) => void,
): void {
  if (unroll > 1)
    f.for(0, bytes.and(-16 * unroll), 16 * unroll, (at) => {
      for (let vector = 0; vector < unroll; vector++) body(at, 16 * vector, FOUR, vector);
    });
  f.for(unroll === 1 ? 0 : bytes.and(-16 * unroll), bytes.and(-16), 16, (at) => body(at, 0, FOUR, 0));
  f.for(bytes.and(-16), bytes, 4, (at) => body(at, 0, ONE, 0));
}

/** The smaller of two counts. */
export const least = (a: I32, b: I32 | number): I32 => a.ltS(b).select(a, typeof b === "number" ? I32.const(b) : b);

/** Combines neighbours, and neighbours of what came of them, until one is left. */
export function tree<T>(values: readonly T[], combine: (a: T, b: T) => T): T {
  if (values.length === 1) return values[0]!;
  const half = values.length >> 1;
  return combine(tree(values.slice(0, half), combine), tree(values.slice(half), combine));
}

/** Combines the lanes of a vector; all lanes of the result are equal. */
export function acrossLanes(f: FunctionBuilder, x: F32x4, combine: (a: F32x4, b: F32x4) => F32x4): F32x4 {
  const whole = f.let(x);
  const halves = f.let(combine(whole, whole.shuffle(whole, [2, 3, 0, 1])));
  return f.let(combine(halves, halves.shuffle(halves, [1, 0, 3, 2])));
}

/** The last two lanes as doubles. */
export const upperHalf = (x: F32x4): F64x2 => x.shuffle(x, [2, 3, 2, 3]).toF64x2();

/** The sum of the lanes of a vector as a double. */
export function doubleSum(f: FunctionBuilder, x: F32x4): F64 {
  const lanes = f.let(x);
  const pairs = f.let(lanes.toF64x2().add(upperHalf(lanes)));
  return pairs.lane(0).add(pairs.lane(1));
}

export const zero = F64.const(0);

import { type F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import { FloatLanes } from "../../vector-math/index.ts";
import { acrossLanes, FOUR, type Lanes, ONE, tree } from "../lanes.ts";

type Combine = (a: F32x4, b: F32x4) => F32x4;
/** Looks at some vectors at a position in bytes. */
type Visit<T> = (at: I32, vectors: number, lanes: Lanes) => T;

/** How many vectors are looked at side by side. */
export const WIDTH = 4;

/** Elements along an axis, over which something is summed up: by vectors along the axis, or several such lines side by side. */
export interface Line {
  readonly f: FunctionBuilder;
  each(visit: Visit<void>): void;
  /** Combines what `visit` finds all along the line, in one vector for lines along the axis, in all for lines side by side. */
  fold(initial: number, combine: Combine, visit: Visit<FloatLanes>): FloatLanes;
  /** What came of `fold`, once for each of the vectors that are looked at. */
  spread(result: FloatLanes, vectors: number): FloatLanes;
}

const accumulators = (f: FunctionBuilder, count: number, initial: number) =>
  Array.from({ length: count }, () => f.let(f.f32x4(initial)));

/** A row of neighbouring floats. */
export function row(f: FunctionBuilder, bytes: I32): Line {
  const turn = 16 * WIDTH;
  const line: Line = {
    f,
    each(visit) {
      f.for(0, bytes.and(-turn), turn, (at) => visit(at, WIDTH, FOUR));
      f.for(bytes.and(-turn), bytes.and(-16), 16, (at) => visit(at, 1, FOUR));
      f.for(bytes.and(-16), bytes, 4, (at) => visit(at, 1, ONE));
    },
    fold(initial, combine, visit) {
      const found = accumulators(f, WIDTH, initial);
      line.each((at, vectors, lanes) => {
        const seen = visit(at, vectors, lanes).vectors;
        // What is left over is less than a vector: the other lanes of a sum stay as they are.
        for (const [i, x] of seen.entries()) found[i]!.set(combine(found[i]!, initial === 0 ? lanes.counted(x) : x));
      });
      return new FloatLanes(f, [acrossLanes(f, tree<F32x4>(found, combine), combine)]);
    },
    spread: ({ vectors: [x] }, vectors) => new FloatLanes(f, new Array<F32x4>(vectors).fill(x!)),
  };
  return line;
}

/** Columns side by side, in as many vectors, down `size` rows that are `stride` bytes apart. */
export function columns(f: FunctionBuilder, size: I32, stride: I32, vectors: number, lanes: Lanes): Line {
  const at = f.var(I32);
  const line: Line = {
    f,
    each(visit) {
      at.set(I32.const(0));
      f.for(0, size, 1, () => {
        visit(at, vectors, lanes);
        at.set(at.add(stride));
      });
    },
    fold(initial, combine, visit) {
      const found = accumulators(f, vectors, initial);
      line.each((at) => {
        for (const [i, x] of visit(at, vectors, lanes).vectors.entries()) found[i]!.set(combine(found[i]!, x));
      });
      return new FloatLanes(f, found);
    },
    spread: (result) => result,
  };
  return line;
}

/** The floats at a position of a line. */
export const read = (f: FunctionBuilder, address: I32, vectors: number, lanes: Lanes): FloatLanes =>
  new FloatLanes(
    f,
    Array.from({ length: vectors }, (_, i) => f.let(lanes.load(address, 16 * i))),
  );

export function write(f: FunctionBuilder, address: I32, values: FloatLanes, lanes: Lanes): void {
  for (const [i, x] of values.vectors.entries()) lanes.store(f, address, x, 16 * i);
}

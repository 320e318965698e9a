import { type F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import { FloatLanes } from "../../vector-math/index.ts";
import { increase, times } from "../idioms.ts";
import { acrossLanes, FOUR, type Lanes, ONE, tree } from "../lanes.ts";

type Combine = (a: F32x4, b: F32x4) => F32x4;

/** Some vectors at a place of a line, which is the same in all operands and results. */
export interface Here {
  /** The floats of an operand, given where its line begins. */
  read(line: I32): FloatLanes;
  write(line: I32, values: FloatLanes): void;
  /** What came of `fold`, once for each of the vectors. */
  spread(folded: FloatLanes): FloatLanes;
}

/** How many vectors are looked at side by side. */
const WIDTH = 4;

/** Elements along an axis, over which something is summed up: by vectors along the axis, or several such lines side by side. */
export interface Line {
  readonly f: FunctionBuilder;
  each(visit: (here: Here) => void): void;
  /** Combines what `visit` finds all along the line, in one vector for lines along the axis, in all for lines side by side. */
  fold(initial: number, combine: Combine, visit: (here: Here) => FloatLanes): FloatLanes;
}

/** `width` vectors at a position in bytes. */
const place = (f: FunctionBuilder, at: I32, width: number, lanes: Lanes): Here => ({
  read: (line) => {
    const from = line.add(at);
    return new FloatLanes(
      f,
      times(width, (i) => f.let(lanes.load(from, 16 * i))),
    );
  },
  write: (line, { vectors }) => {
    for (const [i, x] of vectors.entries()) lanes.store(f, line.add(at), x, 16 * i);
  },
  spread: ({ vectors }) => new FloatLanes(f, vectors.length === width ? vectors : times(width, () => vectors[0]!)),
});

const accumulators = (f: FunctionBuilder, count: number, initial: number) =>
  times(count, () => f.let(f.f32x4(initial)));

/** A row of neighbouring floats. */
export function row(f: FunctionBuilder, bytes: I32): Line {
  const walk = (visit: (here: Here, lanes: Lanes) => void): void => {
    let from: I32 | number = 0;
    for (const [turn, lanes] of [
      [16 * WIDTH, FOUR],
      [16, FOUR],
      [4, ONE],
    ] as const) {
      const to: I32 = lanes === ONE ? bytes : bytes.and(-turn);
      f.for(from, to, turn, (at) => visit(place(f, at, Math.ceil(turn / 16), lanes), lanes));
      from = to;
    }
  };
  return {
    f,
    each: walk,
    fold(initial, combine, visit) {
      const found = accumulators(f, WIDTH, initial);
      walk((here, lanes) => {
        // What is left over is less than a vector: the other lanes of a sum stay as they are.
        for (const [i, x] of visit(here).vectors.entries())
          found[i]!.set(combine(found[i]!, initial === 0 ? lanes.counted(x) : x));
      });
      return new FloatLanes(f, [acrossLanes(f, tree<F32x4>(found, combine), combine)]);
    },
  };
}

/** Columns side by side, in as many vectors, down `size` rows that are `stride` bytes apart. */
export function columns(f: FunctionBuilder, size: I32, stride: I32, width: number, lanes: Lanes): Line {
  const at = f.var(I32);
  const each = (visit: (here: Here) => void): void => {
    at.set(I32.const(0));
    f.for(0, size, 1, () => {
      visit(place(f, at, width, lanes));
      increase(at, stride);
    });
  };
  return {
    f,
    each,
    fold(initial, combine, visit) {
      const found = accumulators(f, width, initial);
      each((here) => {
        for (const [i, x] of visit(here).vectors.entries()) found[i]!.set(combine(found[i]!, x));
      });
      return new FloatLanes(f, found);
    },
  };
}

import { F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule, Range } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { fillRun } from "../movement/runs.ts";
import { rowSize, writeColumnSizes } from "./average.ts";
import { AVERAGE, GEOMETRY, type Geometry, overFours, type PoolName, rowsInside, withStride } from "./geometry.ts";

/** What a pool makes of the elements of a window. */
interface Combination {
  readonly neutral: number;
  readonly combine: (a: F32x4, b: F32x4) => F32x4;
}

/** The larger one, NaN where one of them is; `b` is used more than once. */
export const greater = (a: F32x4, b: F32x4): F32x4 => a.pmax(b).asI32x4().or(b.ne(b)).asF32x4();

const GREATEST: Combination = { neutral: Number.NEGATIVE_INFINITY, combine: greater };
const SUM: Combination = { neutral: 0, combine: (a, b) => a.add(b) };

/** Pools with any window: first the columns of a row of windows into a row of scratch memory, then that row. Items are planes. */
export function defineForward(m: KernelModule<PoolName>): void {
  m.kernel("maxPool", { x: I32, y: I32, ...GEOMETRY }, (f, p, range) =>
    pool(f, GREATEST, p, range, () => (greatest) => greatest),
  );
  m.kernel("averagePool", { x: I32, y: I32, ...AVERAGE }, (f, p, range) => {
    const sizes = f.let(range.scratch.add(p.framedWidth.shl(2)));
    writeColumnSizes(f, sizes, p);
    pool(f, SUM, p, range, (first) => {
      const rows = f.let(F32x4.splat(rowSize(f, first, p)));
      return (sum, i) => sum.div(F32x4.load(sizes.add(i.shl(2))).mul(rows));
    });
  });
}

/** `finish`, called with the first row of windows, says what becomes of four results from number `i` on. */
function pool(
  f: FunctionBuilder,
  combination: Combination,
  g: Geometry & { readonly x: I32; readonly y: I32 },
  { begin, end, scratch }: Range,
  finish: (first: I32) => (result: F32x4, i: I32) => F32x4,
): void {
  const [rowBytes, outBytes] = [f.let(g.width.shl(2)), f.let(g.outWidth.shl(2))];
  const step = f.let(g.dilationHeight.mul(rowBytes));
  fillRun(f, scratch, f.f32x4(combination.neutral), f.let(g.framedWidth.shl(2)));
  const inner = f.let(scratch.add(g.paddingWidth.shl(2)));
  const across = f.let(g.dilationWidth.shl(2));
  f.for(begin, end, 1, (plane) => {
    const image = f.let(g.x.add(plane.mul(g.height).mul(rowBytes)));
    const out = f.let(g.y.add(plane.mul(g.outHeight).mul(outBytes)));
    f.for(0, g.outHeight, 1, (oh) => {
      const first = f.let(oh.mul(g.strideHeight).sub(g.paddingHeight));
      const inside = rowsInside(f, first, g);
      const top = f.let(image.add(first.mul(rowBytes)).add(inside.begin.mul(step)));
      const rows = f.let(inside.end.sub(inside.begin));
      // One row of those that the windows see.
      overFours(f, g.width, (i, lanes) => {
        const seen = combined(f, combination, f.let(top.add(i.shl(2))), rows, step, lanes.load);
        lanes.store(f, inner.add(i.shl(2)), seen);
      });
      const finished = finish(first);
      withStride(f, g.strideWidth, (load) =>
        overFours(f, g.outWidth, (i, lanes) => {
          const at = f.let(scratch.add(i.mul(g.strideWidth).shl(2)));
          const seen = combined(f, combination, at, g.kernelWidth, across, load);
          lanes.store(f, out.add(i.shl(2)), f.let(finished(seen, i)));
        }),
      );
      increase(out, outBytes);
    });
  });
}

/** Combines `count` fours of floats that lie `step` bytes apart. */
function combined(
  f: FunctionBuilder,
  { neutral, combine }: Combination,
  at: Var<I32>,
  count: I32,
  step: I32,
  load: (address: I32) => F32x4,
): F32x4 {
  const result = f.let(f.f32x4(neutral));
  f.for(0, count, 1, () => {
    const next = f.let(load(at));
    result.set(combine(result, next));
    increase(at, step);
  });
  return result;
}

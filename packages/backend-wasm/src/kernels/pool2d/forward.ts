import { F32, F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { fillRun } from "../movement/runs.ts";
import { rowSize, writeColumnSizes } from "./average.ts";
import { GEOMETRY, type Geometry, overFours, type PoolName, rowsInside, withStride } from "./geometry.ts";

/** What a pool makes of the elements of a window. */
interface Combination {
  readonly neutral: number;
  vector(a: F32x4, b: F32x4): F32x4;
  scalar(a: F32, b: F32): F32;
}

/** The larger one, NaN where one of them is; `b` is used more than once. */
export const greater = (a: F32x4, b: F32x4): F32x4 => a.pmax(b).asI32x4().or(b.ne(b)).asF32x4();

const GREATEST: Combination = {
  neutral: Number.NEGATIVE_INFINITY,
  vector: greater,
  scalar: (a, b) => a.max(b),
};
const SUM: Combination = { neutral: 0, vector: (a, b) => a.add(b), scalar: (a, b) => a.add(b) };

/** Pools with any window: first the columns of a row of windows into a row of scratch memory, then that row. Items are planes. */
export function defineForward(m: KernelModule<PoolName>): void {
  m.kernel("maxPool", { x: I32, y: I32, ...GEOMETRY }, (f, { x, y, ...g }, { begin, end, scratch }) => {
    pool(f, GREATEST, x, y, g, { begin, end, row: scratch }, () => (greatest) => greatest);
  });
  m.kernel(
    "averagePool",
    { x: I32, y: I32, ...GEOMETRY, countIncludePad: I32, divisor: F32 },
    (f, { x, y, countIncludePad, divisor, ...g }, { begin, end, scratch }) => {
      const sizes = f.let(scratch.add(g.framedWidth.shl(2)));
      writeColumnSizes(f, sizes, g, countIncludePad, divisor);
      pool(f, SUM, x, y, g, { begin, end, row: scratch }, (first) => {
        const rows = f.let(F32x4.splat(rowSize(f, first, g, countIncludePad, divisor)));
        return (sum, i) => sum.div(F32x4.load(sizes.add(i.shl(2))).mul(rows));
      });
    },
  );
}

/** `finish`, called with the first row of windows, says what becomes of four results from number `i` on. */
function pool(
  f: FunctionBuilder,
  combination: Combination,
  x: Var<I32>,
  y: Var<I32>,
  g: Geometry,
  { begin, end, row }: { readonly begin: I32; readonly end: I32; readonly row: I32 },
  finish: (first: I32) => (result: F32x4, i: I32) => F32x4,
): void {
  const [rowBytes, outBytes] = [f.let(g.width.shl(2)), f.let(g.outWidth.shl(2))];
  const step = f.let(g.dilationHeight.mul(rowBytes));
  fillRun(f, row, f.f32x4(combination.neutral), f.let(g.framedWidth.shl(2)));
  const inner = f.let(row.add(g.paddingWidth.shl(2)));
  f.for(begin, end, 1, (plane) => {
    const image = f.let(x.add(plane.mul(g.height).mul(rowBytes)));
    const out = f.let(y.add(plane.mul(g.outHeight).mul(outBytes)));
    f.for(0, g.outHeight, 1, (oh) => {
      const first = f.let(oh.mul(g.strideHeight).sub(g.paddingHeight));
      const { begin, end } = rowsInside(f, first, g);
      const top = f.let(image.add(first.mul(rowBytes)).add(begin.mul(step)));
      combineColumns(f, combination, { to: inner, top, step, rows: f.let(end.sub(begin)), width: g.width });
      combineRow(f, combination, { row, out }, g, finish(first));
      out.set(out.add(outBytes));
    });
  });
}

interface Columns {
  readonly to: I32;
  /** The first of the rows, which lie `step` bytes apart. */
  readonly top: I32;
  readonly step: I32;
  readonly rows: I32;
  readonly width: I32;
}

/** Makes one row of those that a row of windows sees. */
function combineColumns(f: FunctionBuilder, combination: Combination, { to, top, step, rows, width }: Columns): void {
  const { neutral, vector, scalar } = combination;
  const down = (i: I32, body: (address: I32) => void): void => {
    const at = f.let(top.add(i.shl(2)));
    f.for(0, rows, 1, () => {
      body(at);
      at.set(at.add(step));
    });
  };
  overFours(
    f,
    width,
    (i) => {
      const result = f.let(f.f32x4(neutral));
      down(i, (at) => {
        const next = f.let(F32x4.load(at));
        result.set(vector(result, next));
      });
      f.store(to.add(i.shl(2)), result);
    },
    (i) => {
      const result = f.let(F32.const(neutral));
      down(i, (at) => result.set(scalar(result, F32.load(at))));
      f.store(to.add(i.shl(2)), result);
    },
  );
}

/** Makes the results of a row of windows of their columns. */
function combineRow(
  f: FunctionBuilder,
  { neutral, vector }: Combination,
  { row, out }: { readonly row: I32; readonly out: I32 },
  g: Geometry,
  finished: (result: F32x4, i: I32) => F32x4,
): void {
  const across = f.let(g.dilationWidth.shl(2));
  withStride(f, g.strideWidth, (load) => {
    const along = (i: I32): F32x4 => {
      const at = f.let(row.add(i.mul(g.strideWidth).shl(2)));
      const result = f.let(f.f32x4(neutral));
      f.for(0, g.kernelWidth, 1, () => {
        const next = f.let(load(at));
        result.set(vector(result, next));
        at.set(at.add(across));
      });
      return f.let(finished(result, i));
    };
    overFours(
      f,
      g.outWidth,
      (i) => f.store(out.add(i.shl(2)), along(i)),
      (i) => f.store(out.add(i.shl(2)), along(i).lane(0)),
    );
  });
}

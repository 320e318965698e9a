import { type DType, stridesOf, type View } from "@descent/core";
import { F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Runtime } from "../../runtime.ts";
import { increase, times } from "../idioms.ts";
import { FOUR, type Lanes, least, ONE } from "../lanes.ts";
import { lazy } from "../lazy.ts";
import { axisTypes, odometer, pushAxes } from "./odometer.ts";
import { fillRun } from "./runs.ts";
import { type Axis, disjointAxes, merged } from "./walk.ts";

/** Axes whose elements are items of their own, after one that cuts long rows, and axes (but for the rows) inside of an item. */
const OUTER = 4;
const INNER = 5;
/** Elements of a row that are an item where they have places of their own. */
const PIECE = 1024;

type Add = (a: F32x4, b: F32x4) => F32x4;

/** How vectors of a dtype are added. */
export const ADD = {
  float32: (a, b) => a.add(b),
  int32: (a, b) => a.asI32x4().add(b.asI32x4()).asF32x4(),
} satisfies Partial<Record<DType, Add>>;

const PARAMS = [I32, I32, I32, I32, I32, I32, ...axisTypes(OUTER + 1 + INNER)] as const;

/**
 * Adds up what shares a place: `y[view(i)] += x[i]`, with rows along the last axis of `x`. An item has all elements of its places, sets these
 * to zero first, and adds in the order of the elements.
 */
function define(m: KernelModule<keyof typeof ADD>): void {
  for (const dtype of ["float32", "int32"] as const)
    m.kernel(dtype, PARAMS, (f, range, x, y, length, piece, step, rows, ...axes) => {
      const inner = axes.splice(3 * (OUTER + 1));
      odometer(f, axes, range, x, y, (k) => {
        const left = f.let(length.sub(k.mul(piece)));
        const columns = f.let(least(left, piece));
        const [from, to] = [f.var(I32), f.var(I32)];
        const overRows = (body: () => void): void => {
          from.set(x);
          to.set(y);
          odometer(f, inner, { begin: 0, end: rows }, from, to, body);
        };
        overRows(() => clearRow(f, to, columns, step));
        overRows(() => addRow(f, ADD[dtype], to, from, columns, step));
      });
    });
}

function clearRow(f: FunctionBuilder, to: I32, length: I32, step: I32): void {
  f.if(
    step.eq(4),
    () => fillRun(f, to, f.f32x4(0), f.let(length.shl(2))),
    () => {
      const put = f.let(to);
      f.for(0, length, 1, () => {
        f.store(put, I32.const(0));
        increase(put, step);
      });
    },
  );
}

function addRow(f: FunctionBuilder, add: Add, to: I32, from: I32, length: I32, step: I32): void {
  const [at, put, i] = [f.let(from), f.let(to), f.var(I32)];
  i.set(I32.const(0));
  const countTo = (end: I32, by: number, body: () => void): void =>
    f.if(i.ltS(end), () =>
      f.loop((again) => {
        body();
        increase(at, 4 * by);
        increase(i, by);
        again(i.ltS(end));
      }),
    );
  const addAt = (lanes: Lanes, x: F32x4): void => lanes.store(f, put, add(lanes.load(put), x));
  f.if(step.eq(4), () =>
    countTo(f.let(length.and(-4)), 4, () => {
      addAt(FOUR, F32x4.load(at));
      increase(put, 16);
    }),
  );
  // A whole row with one place: sixteen sums, so that none waits for the one before, then their sum.
  f.if(step.eqz(), () => {
    const sums = times(4, () => f.let(f.f32x4(0)));
    countTo(f.let(length.and(-16)), 16, () => {
      for (const [k, sum] of sums.entries()) sum.set(add(sum, F32x4.load(at, 16 * k)));
    });
    const total = f.let(sums.slice(1).reduce<F32x4>(add, sums[0]!));
    const pairs = f.let(add(total, total.shuffle(total, [1, 1, 3, 3])));
    addAt(ONE, add(pairs, pairs.shuffle(pairs, [2, 2, 2, 2])));
  });
  countTo(length, 1, () => {
    addAt(ONE, ONE.load(at));
    increase(put, step);
  });
}

/** What scatters elements that share places: for a view it gives the way from the address of `x` to that of `y`, `null` where there is none. */
export function scatterAdder(runtime: Runtime) {
  const kernels = lazy(() => runtime.compile(define));
  return (view: View, dtype: DType): ((x: number, y: number) => void) | null => {
    const { outer, inner, row, isRowDisjoint } = split(view);
    if ((dtype !== "float32" && dtype !== "int32") || outer.length > OUTER || inner.length > INNER) return null;
    const piece = isRowDisjoint ? Math.min(row.size, PIECE) : row.size;
    const pieces = { size: Math.ceil(row.size / piece), from: piece * row.from, to: piece * row.to };
    const axes: number[] = [];
    const items = pushAxes(axes, [pieces], 1, 4) * pushAxes(axes, outer, OUTER, 4);
    const rows = pushAxes(axes, inner, INNER, 4);
    const cost = rows * (4 + piece / (row.to === 1 ? 4 : 1));
    return (x, y) => {
      const integers = [x, y + 4 * view.offset, row.size, piece, 4 * row.to, rows, ...axes];
      if (items > 0 && rows > 0) runtime.launch(kernels()[dtype], items, cost, integers);
    };
  };
}

/** The axes of items, those within an item in the order of the elements, and the last one, which may be either. */
function split({ shape, strides }: View): { outer: Axis[]; inner: Axis[]; row: Axis; isRowDisjoint: boolean } {
  const dense = stridesOf(shape);
  const axes = merged(shape.map((size, i): Axis => ({ size, from: dense[i]!, to: strides[i]! })));
  const row = axes.pop() ?? { size: 1, from: 1, to: 1 };
  const all = [...axes, row];
  const disjoint = disjointAxes({ shape: all.map(({ size }) => size), strides: all.map(({ to }) => to) });
  const outer = disjoint.map((i) => all[i]!);
  return {
    outer: merged(outer.filter((axis) => axis !== row)),
    inner: axes.filter((axis) => !outer.includes(axis)),
    row,
    isRowDisjoint: outer.includes(row),
  };
}

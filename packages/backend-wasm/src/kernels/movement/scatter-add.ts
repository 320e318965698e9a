import { type DType, stridesOf, type View } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32, I32x4, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { axisTypes, axisValues, odometer } from "./odometer.ts";
import { fillRun, least } from "./runs.ts";
import { type Axis, disjointAxes, merged } from "./walk.ts";

type ScatterAddName = "addFloat32" | "addInt32";

/** Axes whose elements are items of their own, after one that cuts long rows, and axes (but for the rows) inside of an item. */
const OUTER = 4;
const INNER = 5;
/** Elements of a row that are an item where they have places of their own. */
const PIECE = 1024;

/** The lanes that a kernel adds, and how. */
const TYPES = { addFloat32: [F32, F32x4], addInt32: [I32, I32x4] } as const;

/**
 * Adds up what shares a place: `y[view(i)] += x[i]`, with rows along the last axis of `x`. An item has all elements of its places, sets these
 * to zero first, and adds in the order of the elements.
 */
function define(m: KernelModule<ScatterAddName>): void {
  for (const name of ["addFloat32", "addInt32"] as const)
    m.kernel(
      name,
      {
        ...{ x: I32, y: I32, length: I32, piece: I32, step: I32, rows: I32 },
        ...axisTypes(OUTER + 1),
        ...axisTypes(INNER, "inner"),
      },
      (f, { x, y, length, piece, step, rows, ...axes }, range) =>
        odometer(f, axisValues(OUTER + 1, axes), range, x, y, ([k]) => {
          const left = f.let(length.sub(k!.mul(piece)));
          const columns = f.let(least(left, piece));
          const [from, to] = [f.var(I32), f.var(I32)];
          const overRows = (body: () => void): void => {
            from.set(x);
            to.set(y);
            odometer(f, axisValues(INNER, axes, "inner"), { begin: 0, end: rows }, from, to, body);
          };
          overRows(() => clearRow(f, to, columns, step));
          overRows(() => addRow(f, name, to, from, columns, step));
        }),
    );
}

function clearRow(f: FunctionBuilder, to: I32, length: I32, step: I32): void {
  f.if(
    step.eq(4),
    () => fillRun(f, to, f.f32x4(0), f.let(length.shl(2))),
    () => {
      const put = f.let(to);
      f.for(0, length, 1, () => {
        f.store(put, I32.const(0));
        put.set(put.add(step));
      });
    },
  );
}

function addRow(f: FunctionBuilder, name: ScatterAddName, to: I32, from: I32, length: I32, step: I32): void {
  const [at, put, i] = [f.let(from), f.let(to), f.var(I32)];
  const whole = f.let(length.and(-4));
  const addVector = (y: () => F32x4 | I32x4, x: F32x4 | I32x4): F32x4 | I32x4 =>
    name === "addFloat32" ? (y() as F32x4).add(x as F32x4) : (y() as I32x4).add(x as I32x4);
  const [Scalar, Vector] = TYPES[name];
  i.set(I32.const(0));
  const countTo = (end: I32, by: number, body: () => void): void =>
    f.if(i.ltS(end), () =>
      f.loop((again) => {
        body();
        at.set(at.add(4 * by));
        i.set(i.add(by));
        again(i.ltS(end));
      }),
    );
  f.if(step.eq(4), () =>
    countTo(whole, 4, () => {
      f.store(
        put,
        addVector(() => Vector.load(put), Vector.load(at)),
      );
      put.set(put.add(16));
    }),
  );
  // A whole row with one place: sixteen sums, so that none waits for the one before, then their sum.
  f.if(step.eqz(), () => {
    const sums = [0, 1, 2, 3].map(() => f.let(name === "addFloat32" ? f.f32x4(0) : f.i32x4(0)) as Var<F32x4 | I32x4>);
    const addTo = (sum: Var<F32x4 | I32x4>, offset: number) => sum.set(addVector(() => sum, Vector.load(at, offset)));
    countTo(f.let(length.and(-16)), 16, () => sums.forEach((sum, k) => addTo(sum, 16 * k)));
    const total = f.let(sums.reduce((a, b) => addVector(() => a, b) as Var<F32x4 | I32x4>));
    f.store(put, add(add(total.lane(0), total.lane(1)), add(total.lane(2), total.lane(3)), Scalar.load(put)));
  });
  countTo(length, 1, () => {
    f.store(put, add(Scalar.load(put), Scalar.load(at)));
    put.set(put.add(step));
  });
}

const add = (...terms: readonly (F32 | I32)[]): F32 | I32 =>
  terms.reduce((a, b) => (a instanceof F32 ? a.add(b as F32) : (a as I32).add(b as I32)));

/** Scatters elements that share places. */
export class ScatterAdd {
  readonly #runtime: Runtime;
  #kernels: Record<ScatterAddName, Kernel> | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  accepts(view: View, dtype: DType): boolean {
    if (dtype !== "float32" && dtype !== "int32") return false;
    const { outer, inner } = split(view);
    return outer.length <= OUTER && inner.length <= INNER;
  }

  run(view: View, dtype: DType, x: number, y: number): void {
    const { outer, inner, row, isRowDisjoint } = split(view);
    const piece = isRowDisjoint ? Math.min(row.size, PIECE) : row.size;
    const pieces = { size: Math.ceil(row.size / piece), from: piece * row.from, to: piece * row.to };
    const rows = inner.reduce((product, { size }) => product * size, 1);
    const items = outer.reduce((product, { size }) => product * size, pieces.size);
    const padded = [pieces, ...fill(outer, OUTER), ...fill(inner, INNER)];
    const integers = [x, y + 4 * view.offset, row.size, piece, 4 * row.to, rows];
    for (const { size, from, to } of padded) integers.push(size, 4 * from, 4 * to);
    this.#kernels ??= this.#runtime.compile(define);
    const kernel = this.#kernels[dtype === "float32" ? "addFloat32" : "addInt32"];
    if (items > 0 && rows > 0)
      this.#runtime.launch(kernel, items, rows * (4 + piece / (row.to === 1 ? 4 : 1)), integers);
  }
}

const fill = (axes: readonly Axis[], count: number): Axis[] => [
  ...Array.from({ length: count - axes.length }, () => ({ size: 1, from: 0, to: 0 })),
  ...axes,
];

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

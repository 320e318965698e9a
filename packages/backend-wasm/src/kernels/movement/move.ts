import { F32, F32x4, F64, F64x2, type FunctionBuilder, I8x16, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Runtime } from "../../runtime.ts";
import { increase, times, transposed } from "../idioms.ts";
import { least } from "../lanes.ts";
import { lazy } from "../lazy.ts";
import { axisTypes, odometer, pushAxes } from "./odometer.ts";
import { copyRun, fillRun, overVectors } from "./runs.ts";
import type { Axis, Walk } from "./walk.ts";

/** Bytes of an element: bool, int32 and float32, float64. */
export type ElementBytes = 1 | 4 | 8;
const SIZES = [1, 4, 8] as const;

/** Axes outside of the rows (or tiles) that a kernel walks at once. There is always one more in front, which cuts long rows into pieces. */
const OUTER = 5;
/** Elements of a piece of a long row. */
const PIECE = 4096;
/** Rows of the result that a tile of a transposition has: as many floats as a cache line. */
const TILE = 16;

type MoveName =
  | "zero"
  | "copyRows"
  | `${"strided" | "splat"}${ElementBytes}`
  | "reversed4"
  | "reversed8"
  | "transposed4"
  | "transposed8";

/** The parameters of a kernel over rows or tiles: two addresses, two lengths, two strides, and the axes. */
const PARAMS = [I32, I32, I32, I32, I32, I32, ...axisTypes(OUTER + 1)] as const;

/** Kernels that move elements without looking at them. Items are rows, pieces of them, or rows of tiles; no two write to one place. */
function defineMoves(m: KernelModule<MoveName>): void {
  m.kernel("zero", [I32, I32], (f, { begin, end }, y, bytes) => {
    const start = f.let(begin.mul(PIECE));
    const stop = least(f.let(end.mul(PIECE)), bytes);
    fillRun(f, f.let(y.add(start)), f.f32x4(0), f.let(stop.sub(start)));
  });

  /** A kernel over rows: `body` gets the addresses of a piece, its length in elements, and the bytes between neighbours. */
  const overRows = (
    name: MoveName,
    body: (f: FunctionBuilder, from: I32, to: I32, length: I32, fromStep: I32, toStep: I32) => void,
  ): void =>
    m.kernel(name, PARAMS, (f, range, x, y, length, piece, fromStep, toStep, ...axes) =>
      odometer(f, axes, range, x, y, (k) => {
        const left = f.let(length.sub(k.mul(piece)));
        body(f, x, y, f.let(least(left, piece)), fromStep, toStep);
      }),
    );

  overRows("copyRows", (f, from, to, length, bytes) => copyRun(f, to, from, f.let(length.mul(bytes))));
  for (const bytes of SIZES) {
    overRows(`splat${bytes}`, (f, from, to, length) =>
      fillRun(f, to, f.let(splat(from, bytes)), f.let(length.mul(bytes))),
    );
    overRows(`strided${bytes}`, (f, from, to, length, fromStep, toStep) => {
      const [at, put] = [f.let(from), f.let(to)];
      f.for(0, length, 1, () => {
        copyElement(f, put, at, bytes);
        increase(at, fromStep);
        increase(put, toStep);
      });
    });
    if (bytes === 1) continue;
    overRows(`reversed${bytes}`, (f, from, to, length) => {
      const run = f.let(length.mul(bytes));
      f.if(
        run.geS(16),
        () =>
          overVectors(f, run, (at, offset) => {
            const x = f.let(F32x4.load(from.sub(at).sub(16 - bytes + offset)));
            f.store(to.add(at), x.shuffle(x, bytes === 4 ? [3, 2, 1, 0] : [2, 3, 0, 1]), offset);
          }),
        () => f.for(0, run, bytes, (at) => copyElement(f, f.let(to.add(at)), f.let(from.sub(at)), bytes)),
      );
    });
    defineTransposed(m, bytes);
  }
}

/** One element in all lanes. */
function splat(from: I32, bytes: ElementBytes): F32x4 {
  if (bytes === 1) return I8x16.splat(I32.load8u(from)).asF32x4();
  return bytes === 4 ? F32x4.loadSplat(from) : F64x2.splat(F64.load(from)).asF32x4();
}

function copyElement(f: FunctionBuilder, to: I32, from: I32, bytes: ElementBytes): void {
  if (bytes === 1) f.store8(to, I32.load8u(from));
  else f.store(to, bytes === 4 ? F32.load(from) : F64.load(from));
}

/** `y[r·rowStep + c] = x[r + c·columnStep]` for the rows and columns of matrices, in tiles of a few vectors each way. */
function defineTransposed(m: KernelModule<MoveName>, bytes: 4 | 8): void {
  const lanes = 16 / bytes;
  m.kernel(`transposed${bytes}`, PARAMS, (f, range, x, y, rows, columns, columnStep, rowStep, ...axes) => {
    const wholeColumns = f.let(columns.and(-lanes));
    odometer(f, axes, range, x, y, (k) => {
      const height = f.let(least(f.let(rows.sub(k.mul(TILE))), TILE));
      const wholeRows = f.let(height.and(-lanes));
      const fromAt = (r: I32, c: I32): I32 => x.add(r.mul(bytes)).add(c.mul(columnStep));
      const single = (r0: I32 | number, r1: I32, c0: I32 | number, c1: I32): void =>
        f.for(r0, r1, 1, (r) =>
          f.for(c0, c1, 1, (c) => {
            const from = f.let(fromAt(r, c));
            copyElement(f, f.let(y.add(r.mul(rowStep)).add(c.mul(bytes))), from, bytes);
          }),
        );
      f.for(0, wholeColumns, TILE, (c0) => {
        const c1 = f.let(least(f.let(c0.add(TILE)), wholeColumns));
        f.for(0, wholeRows, lanes, (r) => {
          const [from, to] = [f.let(fromAt(r, c0)), f.let(y.add(r.mul(rowStep)))];
          f.for(c0, c1, lanes, (c) => {
            const tile = times(lanes, () => {
              const row = f.let(F32x4.load(from));
              increase(from, columnStep);
              return row;
            });
            const at = f.let(to.add(c.mul(bytes)));
            for (const row of lanes === 4 ? transposed(f, tile) : exchanged(tile)) {
              f.store(at, row);
              increase(at, rowStep);
            }
          });
        });
      });
      single(0, wholeRows, wholeColumns, columns);
      single(wholeRows, height, 0, columns);
    });
  });
}

/** The columns of two vectors of doubles. */
const exchanged = ([a, b]: readonly F32x4[]): F32x4[] => [a!.shuffle(b!, [0, 1, 4, 5]), a!.shuffle(b!, [2, 3, 6, 7])];

/** What moves elements between tensors at the addresses `x` and `y`; one for each runtime. */
export function mover(runtime: Runtime): Mover {
  const known = MOVERS.get(runtime) ?? newMover(runtime);
  MOVERS.set(runtime, known);
  return known;
}
const MOVERS = new WeakMap<Runtime, Mover>();
type Mover = ReturnType<typeof newMover>;

function newMover(runtime: Runtime) {
  const kernels = lazy(() => runtime.compile(defineMoves));

  /** The pieces of rows, or the rows of tiles, are in front even of the axes that are not there. */
  function launch(
    name: MoveName,
    pieces: Axis,
    outer: readonly Axis[],
    integers: number[],
    cost: number,
    bytes: number,
  ) {
    const items = pushAxes(integers, [pieces], 1, bytes) * pushAxes(integers, outer, OUTER, bytes);
    runtime.launch(kernels()[name], items, cost, integers);
  }

  function moveAxes(axes: readonly Axis[], x: number, y: number, bytes: ElementBytes): void {
    const column = columnOf(axes, bytes);
    const row = (column && axes.find(isRow)) ?? rowOf(axes);
    const outer = axes.filter((axis) => axis !== row && axis !== column);
    const { size, from, to } = row;
    if (outer.length > OUTER) {
      const [first] = outer;
      const rest = axes.filter((axis) => axis !== first);
      for (let i = 0; i < first!.size; i++)
        moveAxes(rest, x + i * first!.from * bytes, y + i * first!.to * bytes, bytes);
    } else if (column !== undefined) {
      const tiles = { size: Math.ceil(size / TILE), from: TILE, to: TILE * to };
      const integers = [x, y, size, column.size, column.from * bytes, to * bytes];
      launch(`transposed${bytes as 4 | 8}`, tiles, outer, integers, (TILE * column.size) / 4, bytes);
    } else {
      const piece = Math.min(size, PIECE);
      const pieces = { size: Math.ceil(size / piece), from: piece * from, to: piece * to };
      const name = kindOf(row, bytes);
      const cost = 3 + (piece * bytes) / (name.startsWith("strided") ? 2 * bytes : 24);
      launch(name, pieces, outer, [x, y, size, piece, from * bytes, to * bytes], cost, bytes);
    }
  }

  return {
    zero(y: number, bytes: number): void {
      runtime.launch(kernels().zero, Math.ceil(bytes / PIECE), PIECE / 30, [y, bytes]);
    },
    move({ axes, from, to }: Walk, x: number, y: number, bytes: ElementBytes): void {
      if (axes.every(({ size }) => size > 0)) moveAxes(axes, x + from * bytes, y + to * bytes, bytes);
    },
  };
}

/** Whether the operand has its neighbours along an axis, and enough of them for tiles. */
const isRow = ({ size, from }: Axis): boolean => from === 1 && size >= 4;

/** The axis along which the result has its neighbours, where that and a row are worth tiles. */
function columnOf(axes: readonly Axis[], bytes: ElementBytes): Axis | undefined {
  const column = axes.at(-1);
  const isApart = column?.to === 1 && column.size >= 4 && column.from !== 0 && column.from !== 1;
  return isApart && bytes !== 1 && axes.some(isRow) ? column : undefined;
}

const ONE: Axis = { size: 1, from: 1, to: 1 };

/** The axis to make rows of: the last one, unless it is short and one before it is much longer. */
function rowOf(axes: readonly Axis[]): Axis {
  const last = axes.at(-1) ?? ONE;
  return (last.size < 8 && axes.findLast(({ size }) => size >= 4 * last.size)) || last;
}

function kindOf({ from, to }: Axis, bytes: ElementBytes): MoveName {
  if (to !== 1) return `strided${bytes}`;
  if (from === 1) return "copyRows";
  if (from === 0) return `splat${bytes}`;
  return from === -1 && bytes !== 1 ? `reversed${bytes}` : `strided${bytes}`;
}

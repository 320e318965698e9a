import { F32, F32x4, F64, F64x2, type FunctionBuilder, I8x16, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { axisTypes, axisValues, odometer } from "./odometer.ts";
import { copyRun, fillRun, least, overVectors } from "./runs.ts";
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

export type MoveName =
  | "zero"
  | "copyRows"
  | `${"strided" | "splat"}${ElementBytes}`
  | "reversed4"
  | "reversed8"
  | "transposed4"
  | "transposed8";

/** Kernels that move elements without looking at them. Items are rows, pieces of them, or rows of tiles; no two write to one place. */
function defineMoves(m: KernelModule<MoveName>): void {
  m.kernel("zero", { y: I32, bytes: I32 }, (f, { y, bytes }, { begin, end }) => {
    const [first, last] = [begin.mul(PIECE), least(f.let(end.mul(PIECE)), bytes)];
    const start = f.let(first);
    fillRun(f, f.let(y.add(start)), f.f32x4(0), f.let(last.sub(start)));
  });

  /** A kernel over rows: `body` gets the addresses of a piece, its length in elements, and the bytes between neighbours. */
  const overRows = (
    name: MoveName,
    body: (f: FunctionBuilder, from: I32, to: I32, length: I32, fromStep: I32, toStep: I32) => void,
  ): void =>
    m.kernel(
      name,
      { x: I32, y: I32, length: I32, piece: I32, fromStep: I32, toStep: I32, ...axisTypes(OUTER + 1) },
      (f, { x, y, length, piece, fromStep, toStep, ...axes }, range) =>
        odometer(f, axisValues(OUTER + 1, axes), range, x, y, ([k]) => {
          const left = f.let(length.sub(k!.mul(piece)));
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
        at.set(at.add(fromStep));
        put.set(put.add(toStep));
      });
    });
  }
  for (const bytes of [4, 8] as const) {
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
  m.kernel(
    `transposed${bytes}`,
    { x: I32, y: I32, rows: I32, columns: I32, columnStep: I32, rowStep: I32, ...axisTypes(OUTER + 1) },
    (f, { x, y, rows, columns, columnStep, rowStep, ...axes }, range) => {
      const wholeColumns = f.let(columns.and(-lanes));
      odometer(f, axisValues(OUTER + 1, axes), range, x, y, ([k]) => {
        const height = f.let(least(f.let(rows.sub(k!.mul(TILE))), I32.const(TILE)));
        const wholeRows = f.let(height.and(-lanes));
        const single = (r0: I32 | number, r1: I32, c0: I32 | number, c1: I32): void =>
          f.for(r0, r1, 1, (r) =>
            f.for(c0, c1, 1, (c) => {
              const from = f.let(x.add(r.mul(bytes)).add(c.mul(columnStep)));
              copyElement(f, f.let(y.add(r.mul(rowStep)).add(c.mul(bytes))), from, bytes);
            }),
          );
        f.for(0, wholeColumns, TILE, (c0) => {
          const c1 = f.let(least(f.let(c0.add(TILE)), wholeColumns));
          f.for(0, wholeRows, lanes, (r) => {
            const [from, to] = [f.let(x.add(r.mul(bytes)).add(c0.mul(columnStep))), f.let(y.add(r.mul(rowStep)))];
            f.for(c0, c1, lanes, (c) => {
              const tile = Array.from({ length: lanes }, () => {
                const row = f.let(F32x4.load(from));
                from.set(from.add(columnStep));
                return row;
              });
              const at = f.let(to.add(c.mul(bytes)));
              for (const row of transposed(f, tile)) {
                f.store(at, row);
                at.set(at.add(rowStep));
              }
            });
          });
        });
        single(0, wholeRows, wholeColumns, columns);
        single(wholeRows, height, 0, columns);
      });
    },
  );
}

/** The rows of a square of vectors, four floats or two doubles wide, as its columns. */
function transposed(f: FunctionBuilder, rows: readonly F32x4[]): F32x4[] {
  const [a, b, c, d] = rows as [F32x4, F32x4, F32x4, F32x4];
  if (rows.length === 2) return [a.shuffle(b, [0, 1, 4, 5]), a.shuffle(b, [2, 3, 6, 7])];
  const [ab, cd] = [f.let(a.shuffle(b, [0, 4, 1, 5])), f.let(c.shuffle(d, [0, 4, 1, 5]))];
  const [ef, gh] = [f.let(a.shuffle(b, [2, 6, 3, 7])), f.let(c.shuffle(d, [2, 6, 3, 7]))];
  return [
    ab.shuffle(cd, [0, 1, 4, 5]),
    ab.shuffle(cd, [2, 3, 6, 7]),
    ef.shuffle(gh, [0, 1, 4, 5]),
    ef.shuffle(gh, [2, 3, 6, 7]),
  ];
}

/** Moves elements between tensors at the addresses `x` and `y`. */
export class Mover {
  readonly #runtime: Runtime;
  #compiled: Record<MoveName, Kernel> | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get #kernels(): Record<MoveName, Kernel> {
    this.#compiled ??= this.#runtime.compile(defineMoves);
    return this.#compiled;
  }

  /** Zeros. */
  zero(y: number, bytes: number): void {
    this.#runtime.launch(this.#kernels.zero, Math.ceil(bytes / PIECE), PIECE / 30, [y, bytes]);
  }

  move({ axes, from, to }: Walk, x: number, y: number, bytes: ElementBytes): void {
    if (axes.some(({ size }) => size === 0)) return;
    this.#move(axes, x + from * bytes, y + to * bytes, bytes);
  }

  #move(axes: readonly Axis[], x: number, y: number, bytes: ElementBytes): void {
    const tile = tileOf(axes, bytes);
    const inner = tile ?? [rowOf(axes)];
    const outer = axes.filter((axis) => !inner.includes(axis));
    if (outer.length > OUTER) {
      const { size, from, to } = outer[0]!;
      const rest = axes.filter((axis) => axis !== outer[0]);
      for (let i = 0; i < size; i++) this.#move(rest, x + i * from * bytes, y + i * to * bytes, bytes);
    } else if (tile !== null) this.#moveTiles(outer, tile, x, y, bytes as 4 | 8);
    else this.#moveRows(outer, inner[0]!, x, y, bytes);
  }

  #moveRows(outer: readonly Axis[], row: Axis, x: number, y: number, bytes: ElementBytes): void {
    const { size, from, to } = row;
    const piece = Math.min(size, PIECE);
    const pieces = { size: Math.ceil(size / piece), from: piece * from, to: piece * to };
    const name = kindOf(row, bytes);
    const cost = 3 + (piece * bytes) / (name.startsWith("strided") ? 2 * bytes : 24);
    this.#launch(name, [pieces, ...outer], [x, y, size, piece, from * bytes, to * bytes], cost, bytes);
  }

  #moveTiles(outer: readonly Axis[], [row, column]: Tile, x: number, y: number, bytes: 4 | 8): void {
    const tiles = { size: Math.ceil(row.size / TILE), from: TILE, to: TILE * row.to };
    const integers = [x, y, row.size, column.size, column.from * bytes, row.to * bytes];
    this.#launch(`transposed${bytes}`, [tiles, ...outer], integers, (TILE * column.size) / 4, bytes);
  }

  #launch(name: MoveName, axes: readonly Axis[], integers: number[], cost: number, bytes: number): void {
    let items = 1;
    for (let k = axes.length; k <= OUTER; k++) integers.push(1, 0, 0);
    const [first, ...rest] = axes as [Axis, ...Axis[]];
    // The pieces are in front even of the axes that are not there.
    integers.splice(6, 0, first.size, first.from * bytes, first.to * bytes);
    for (const { size, from, to } of rest) integers.push(size, from * bytes, to * bytes);
    for (const { size } of axes) items *= size;
    this.#runtime.launch(this.#kernels[name], items, cost, integers);
  }
}

type Tile = readonly [row: Axis, column: Axis];

/** The axes along which the result, and those along which the operand, has its neighbours, where these are worth tiles. */
function tileOf(axes: readonly Axis[], bytes: ElementBytes): Tile | null {
  const column = axes.at(-1);
  if (bytes === 1 || column === undefined || column.to !== 1 || column.size < 4) return null;
  if (column.from === 0 || column.from === 1) return null;
  const row = axes.find(({ size, from }) => from === 1 && size >= 4);
  return row === undefined ? null : [row, column];
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

import { F32x4, type FunctionBuilder, I32, i32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";

/** The part of a product that stays in registers: `rows` × 4·`vectors` elements. V8 < 13 has room for 8 vectors, newer ones for 12. */
export interface TileShape {
  readonly rows: number;
  readonly vectors: number;
}

/** The tile that is fastest where matrices are large enough to choose: 6 × 8, or 4 × 8 where a product takes a register before it is added. */
export const bestTile = ({ tileRows, target }: Pick<KernelModule<string>, "tileRows" | "target">): TileShape => ({
  rows: target.relaxed ? tileRows : 4,
  vectors: 2,
});

/** Columns of a tile. */
export const columnsOf = ({ vectors }: TileShape): number => 4 * vectors;

/** What a tile is the product of: `Σ a[k, row] · b[k, column]`, both with neighbouring elements side by side. All strides are in bytes. */
export interface TileOperands {
  readonly a: I32;
  /** Where `a` ends: the address that it has after the last `k`, of which there must be one. */
  readonly aEnd: I32;
  readonly b: I32;
  /** From one `k` to the next; as packed panels have it where it is left out. */
  readonly aStride?: I32 | number;
  readonly bStride?: I32 | number;
}

/**
 * The micro-kernel of a matrix product: accumulators in registers, and what is done with them.
 *
 * The loop is as V8's register allocator likes it: one step of `k` in a turn, since any unrolling makes it spill, and no other loop near it
 * in the same function that needs vectors.
 */
export class RegisterTile {
  readonly #f: FunctionBuilder;
  readonly #shape: TileShape;
  /** Row by row. */
  readonly #sums: readonly Var<F32x4>[];
  readonly #b: readonly Var<F32x4>[];
  readonly #a: Var<F32x4>;

  constructor(f: FunctionBuilder, shape: TileShape) {
    this.#f = f;
    this.#shape = shape;
    this.#sums = Array.from({ length: shape.rows * shape.vectors }, () => f.var(F32x4));
    this.#b = Array.from({ length: shape.vectors }, () => f.var(F32x4));
    this.#a = f.var(F32x4);
  }

  zero(): void {
    for (const sum of this.#sums) sum.set(F32x4.const(0));
  }

  /** Starts from a tile in memory whose rows are `stride` bytes apart. */
  load(c: I32, stride: I32 | number): void {
    this.#eachRow(c, stride, (at, sums) => {
      for (const [v, sum] of sums.entries()) sum.set(F32x4.load(at, 16 * v));
    });
  }

  /** Starts every row from the same elements, one for each column. */
  loadColumns(bias: I32): void {
    const { vectors } = this.#shape;
    for (const [i, sum] of this.#sums.entries())
      sum.set(i < vectors ? F32x4.load(bias, 16 * i) : this.#sums[i % vectors]!);
  }

  /** Starts every column from the same elements, one for each row. */
  loadRows(bias: I32): void {
    const { vectors } = this.#shape;
    for (const [i, sum] of this.#sums.entries())
      sum.set(i % vectors === 0 ? F32x4.loadSplat(bias, 4 * (i / vectors)) : this.#sums[i - 1]!);
  }

  /** Adds a product to the tile. */
  multiply({ a, aEnd, b, aStride, bStride }: TileOperands): void {
    const f = this.#f;
    const { rows, vectors } = this.#shape;
    const [ak, bk] = [f.let(a), f.let(b)];
    f.loop((again) => {
      for (const [v, column] of this.#b.entries()) column.set(F32x4.load(bk, 16 * v));
      for (let row = 0; row < rows; row++) {
        this.#a.set(F32x4.loadSplat(ak, 4 * row));
        for (const [v, column] of this.#b.entries()) {
          const sum = this.#sums[row * vectors + v]!;
          sum.set(f.madd(this.#a, column, sum));
        }
      }
      bk.set(bk.add(bStride ?? 16 * vectors));
      ak.set(ak.add(aStride ?? 4 * rows));
      again(ak.ne(aEnd));
    });
  }

  relu(): void {
    for (const sum of this.#sums) sum.set(sum.pmax(F32x4.const(0)));
  }

  /** Writes the tile; its rows are `stride` bytes apart. */
  store(c: I32, stride: I32 | number): void {
    this.#eachRow(c, stride, (at, sums) => {
      for (const [v, sum] of sums.entries()) this.#f.store(at, sum, 16 * v);
    });
  }

  #eachRow(c: I32, stride: I32 | number, body: (at: I32, sums: readonly Var<F32x4>[]) => void): void {
    const { rows, vectors } = this.#shape;
    const at = this.#f.let(c);
    for (let row = 0; row < rows; row++) {
      body(at, this.#sums.slice(row * vectors, (row + 1) * vectors));
      if (row < rows - 1) at.set(at.add(stride));
    }
  }
}

/** Code that others run with integers of these names. */
export type Routine<Name extends string> = (f: FunctionBuilder, args: Readonly<Record<Name, I32 | number>>) => void;
type Body<Name extends string> = (f: FunctionBuilder, args: Readonly<Record<Name, Var<I32>>>) => void;

/** A function of its own. Define it before those that call it. */
export function subroutine<Name extends string>(
  m: KernelModule<string>,
  names: readonly Name[],
  body: Body<Name>,
): Routine<Name> {
  const callee = m.function(
    null,
    names.map(() => I32),
    (f, ...values) => {
      body(f, zip(names, values));
    },
  );
  return (f, args) => f.call(callee, ...names.map((name) => i32(args[name])));
}

/**
 * A piece of code around a micro-kernel's loop: a function of its own from V8 13 on, which has more registers for it there; on older
 * engines, where it gains nothing and calls cost more, it goes into the function that uses it.
 */
export function routine<Name extends string>(
  m: KernelModule<string>,
  names: readonly Name[],
  body: Body<Name>,
): Routine<Name> {
  if (m.tileRows === 6) return subroutine(m, names, body);
  return (f, args) => {
    const values = names.map((name) => f.let(i32(args[name])));
    body(f, zip(names, values));
  };
}

const zip = <Name extends string, T>(names: readonly Name[], values: readonly T[]): Record<Name, T> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<Name, T>;

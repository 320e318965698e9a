import { F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { minimum } from "./macro-kernel.ts";
import { routine } from "./micro-kernel.ts";
import { transpose4 } from "./pack.ts";

/** A tile: dot products of two rows of A and four of Bᵀ. */
export const DOT_TILE = { rows: 2, columns: 4 } as const;

/**
 * Defines the kernels of `A · Bᵀ` for rows of A and B that both have their elements side by side, with nothing packed. They go through the
 * one matrix once and through the other again and again, which should be the smaller one: an item of `dot` is four columns (rows of B),
 * one of `dotRows` is two rows.
 */
export function defineDot(m: KernelModule<"dot" | "dotRows">): void {
  const names = ["a", "aStride", "b", "bStride", "k", "c", "cStride", "bias", "relu"] as const;
  const { rows: height, columns: width } = DOT_TILE;
  const whole = routine(m, names, (f, args) => dotTile(f, height, width, args));
  const row = routine(m, names, (f, args) => dotTile(f, 1, width, args));
  const single = routine(m, names, (f, args) => dotTile(f, 1, 1, args));
  const params = {
    ...{ a: I32, aStride: I32, b: I32, bStride: I32, c: I32, cStride: I32 },
    ...{ rows: I32, columns: I32, k: I32, bias: I32, relu: I32 },
  } as const;

  const tile = (
    f: FunctionBuilder,
    x: Record<keyof typeof params, Var<I32>>,
    firstRow: I32,
    firstColumn: I32,
  ): void => {
    const { aStride, bStride, k, cStride, relu } = x;
    const at = (i: I32, j: I32) => ({
      ...{ a: x.a.add(i.mul(aStride)), aStride, b: x.b.add(j.mul(bStride)), bStride, k, relu, cStride },
      c: x.c.add(i.mul(cStride)).add(j.shl(2)),
      bias: x.bias.eqz().select(x.bias, x.bias.add(j.shl(2))),
    });
    // The last tiles overlap those before them: they give the same elements again.
    const i = f.let(minimum(firstRow, x.rows.sub(height)));
    const j = f.let(minimum(firstColumn, x.columns.sub(width)));
    f.if(
      x.columns.ltS(width),
      () =>
        f.for(firstRow, minimum(firstRow.add(height), x.rows), 1, (i) =>
          f.for(0, x.columns, 1, (j) => single(f, at(i, j))),
        ),
      () =>
        f.if(
          x.rows.ltS(height),
          () => row(f, at(I32.const(0), j)),
          () => whole(f, at(i, j)),
        ),
    );
  };

  m.kernel("dot", params, (f, x, { begin, end }) =>
    f.for(begin.mul(width), end.mul(width), width, (j) => f.for(0, x.rows, height, (i) => tile(f, x, i, j))),
  );
  m.kernel("dotRows", params, (f, x, { begin, end }) =>
    f.for(begin.mul(height), end.mul(height), height, (i) => f.for(0, x.columns, width, (j) => tile(f, x, i, j))),
  );
}

type Arguments = Readonly<
  Record<"a" | "aStride" | "b" | "bStride" | "k" | "c" | "cStride" | "bias" | "relu", Var<I32>>
>;

function dotTile(
  f: FunctionBuilder,
  height: number,
  width: number,
  { a, aStride, b, bStride, k, c, cStride, bias, relu }: Arguments,
): void {
  const sums = Array.from({ length: height * width }, () => f.let(F32x4.const(0)));
  const [as, bs] = [rowsFrom(f, a, aStride, height), rowsFrom(f, b, bStride, width)];
  const end = f.let(a.add(k.and(-4).shl(2)));
  f.if(a.ne(end), () =>
    f.loop((again) => {
      const vectors = as.map((row) => f.let(F32x4.load(row)));
      for (const [j, row] of bs.entries()) {
        const column = f.let(F32x4.load(row));
        for (const [i, vector] of vectors.entries()) {
          const sum = sums[i * width + j]!;
          sum.set(f.madd(vector, column, sum));
        }
      }
      for (const row of [...as, ...bs]) row.set(row.add(16));
      again(as[0]!.ne(end));
    }),
  );

  // One vector for each row: across the lanes, with the bias, and with what is left of k.
  const totals = as.map((_, i) => {
    const lanes = sums.slice(i * width, (i + 1) * width);
    const [x, y = x, z = x, w = x] = lanes;
    const [p, q, r, s] = transpose4(f, [x!, y!, z!, w!]);
    return f.let(p.add(q).add(r.add(s)));
  });
  f.if(bias, () => {
    const offset = f.let(width === 4 ? F32x4.load(bias) : F32x4.loadOne(bias));
    for (const total of totals) total.set(total.add(offset));
  });
  f.for(0, k.and(3), 1, () => {
    const [x, y = x, z = x, w = x] = bs.map((row) => f.let(F32x4.loadOne(row)));
    const step = f.let(x!.shuffle(y!, [0, 4, 1, 5]).shuffle(z!.shuffle(w!, [0, 4, 1, 5]), [0, 1, 4, 5]));
    for (const [i, total] of totals.entries()) total.set(f.madd(F32x4.loadSplat(as[i]!), step, total));
    for (const row of [...as, ...bs]) row.set(row.add(4));
  });
  f.if(relu, () => {
    for (const total of totals) total.set(total.pmax(F32x4.const(0)));
  });
  for (const total of totals) {
    f.store(c, width === 4 ? total : total.lane(0));
    c.set(c.add(cStride));
  }
}

/** Pointers to rows that are `stride` bytes apart. */
function rowsFrom(f: FunctionBuilder, first: I32, stride: I32, rows: number): Var<I32>[] {
  const pointers = [f.let(first)];
  while (pointers.length < rows) pointers.push(f.let(pointers.at(-1)!.add(stride)));
  return pointers;
}

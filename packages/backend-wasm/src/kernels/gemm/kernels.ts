import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { defineMacroKernel, EDGE_BYTES, minimum } from "./macro-kernel.ts";
import { bestTile, columnsOf, subroutine } from "./micro-kernel.ts";
import { definePacking } from "./pack.ts";

/** Steps of `k` between which sums go through memory: a panel of B of this depth fits the first cache beside one of A. */
export const DEPTH = 256;
/** Rows of A that a thread packs at a time: they fit the second cache beside a row of panels of B. A multiple of every tile's. */
export const ROWS = 48;
/** The most columns that it multiplies them with. */
export const COLUMNS = 512;

/** The distances of lanes (rows of A, columns of B) and of steps of `k`, in bytes. */
const A = { a: I32, aLane: I32, aK: I32 } as const;
const B = { b: I32, bLane: I32, bK: I32 } as const;
const SIZES = { rows: I32, columns: I32, k: I32 } as const;
/** `bias` is the address of an element for each column, or 0. */
const RESULT = { c: I32, cStride: I32, bias: I32, relu: I32 } as const;

export type ProductKernel = "packA" | "packB" | "blocked" | "wide" | "bands";

/** Defines the kernels of products with packed operands. Elements of C are sums in the order of `k`, whatever the blocks. */
export function defineProducts(m: KernelModule<ProductKernel>): void {
  const { rows: tileRows } = bestTile(m);
  const tileColumns = columnsOf(bestTile(m));
  const packA = definePacking(m, tileRows);
  const packB = definePacking(m, tileColumns);
  const macro = defineMacroKernel(m);
  /** Where the columns from `j` on have their bias, if there is one. */
  const offset = (bias: I32, j: I32): I32 => bias.eqz().select(bias, bias.add(j.shl(2)));
  /** Bytes of a step of `k` in a row of panels. */
  const rowOf = (columns: I32): I32 =>
    columns
      .add(tileColumns - 1)
      .and(-tileColumns)
      .shl(2);

  const strip = ["a", "aLane", "aK", "b", "rows", "columns", "k", "c", "cStride"] as const;
  /** At most `DEPTH` steps of a block of C: packs A on the way, behind `edge`, and takes B packed. */
  const multiply = subroutine(m, [...strip, "accumulate", "bias", "relu", "edge"], (f, x) => {
    const { aLane, aK, b, columns, k, cStride, accumulate, bias, relu, edge } = x;
    const a = f.let(edge.add(EDGE_BYTES));
    f.for(0, x.rows, ROWS, (i) => {
      const rows = f.let(minimum(x.rows.sub(i), ROWS));
      packA(f, { to: a, from: x.a.add(i.mul(aLane)), laneStride: aLane, kStride: aK, lanes: rows, k });
      macro(f, {
        ...{ rows, columns, k, a, b, bStride: 4 * tileColumns, bPanel: k.mul(4 * tileColumns) },
        ...{ c: x.c.add(i.mul(cStride)), cStride, accumulate, bias, relu, edge },
      });
    });
  });

  /** Packs A; an item is a panel. */
  m.kernel("packA", { to: I32, ...A, rows: I32, k: I32 }, (f, x, { begin, end }) => {
    const first = f.let(begin.mul(tileRows));
    packA(f, {
      to: x.to.add(first.mul(x.k.shl(2))),
      from: x.a.add(first.mul(x.aLane)),
      laneStride: x.aLane,
      kStride: x.aK,
      lanes: minimum(end.mul(tileRows), x.rows).sub(first),
      k: x.k,
    });
  });

  /** Packs B: a row of panels for every `DEPTH` steps of `k`. An item is a column of panels. */
  m.kernel("packB", { to: I32, ...B, columns: I32, k: I32 }, (f, x, { begin, end }) => {
    const first = f.let(begin.mul(tileColumns));
    const lanes = f.let(minimum(end.mul(tileColumns), x.columns).sub(first));
    const row = f.let(rowOf(x.columns));
    f.for(0, x.k, DEPTH, (k) => {
      const depth = f.let(minimum(x.k.sub(k), DEPTH));
      const to = x.to.add(k.mul(row)).add(first.mul(depth.shl(2)));
      const from = x.b.add(first.mul(x.bLane)).add(k.mul(x.bK));
      packB(f, { to, from, laneStride: x.bLane, kStride: x.bK, lanes, k: depth });
    });
  });

  /** The product with a packed B. Items are blocks of C, row by row. */
  const block = { blockRows: I32, blockColumns: I32 } as const;
  m.kernel("blocked", { ...A, b: I32, ...SIZES, ...RESULT, ...block }, (f, x, { begin, end, scratch }) => {
    const across = f.let(x.columns.add(x.blockColumns).sub(1).divU(x.blockColumns));
    const row = f.let(rowOf(x.columns));
    f.for(begin, end, 1, (item) => {
      const i = f.let(item.divU(across).mul(x.blockRows));
      const j = f.let(item.remU(across).mul(x.blockColumns));
      f.for(0, x.k, DEPTH, (k) => {
        const depth = f.let(minimum(x.k.sub(k), DEPTH));
        multiply(f, {
          ...{ a: x.a.add(i.mul(x.aLane)).add(k.mul(x.aK)), aLane: x.aLane, aK: x.aK, k: depth },
          ...{ b: x.b.add(k.mul(row)).add(j.mul(depth.shl(2))), bias: offset(x.bias, j), accumulate: k },
          ...{ rows: minimum(x.rows.sub(i), x.blockRows), columns: minimum(x.columns.sub(j), x.blockColumns) },
          ...{ c: x.c.add(i.mul(x.cStride)).add(j.shl(2)), cStride: x.cStride },
          ...{ relu: k.add(depth).eq(x.k).and(x.relu), edge: scratch },
        });
      });
    });
  });

  /** The product of a packed A and a B whose columns, a tile's at least, lie side by side. Items are columns of tiles. */
  m.kernel("wide", { a: I32, b: I32, bK: I32, ...SIZES, ...RESULT }, (f, x, { begin, end, scratch }) => {
    f.for(begin.mul(tileColumns), end.mul(tileColumns), tileColumns, (first) => {
      // The last tiles overlap those before them: they give the same elements again.
      const j = f.let(minimum(first, x.columns.sub(tileColumns)));
      macro(f, {
        ...{ rows: x.rows, columns: tileColumns, k: x.k, a: x.a, b: x.b.add(j.shl(2)), bStride: x.bK, bPanel: 0 },
        ...{ c: x.c.add(j.shl(2)), cStride: x.cStride, accumulate: 0, bias: offset(x.bias, j), relu: x.relu },
        edge: scratch,
      });
    });
  });

  /**
   * Products of matrices that are `aMatrix`, `bMatrix` and `cMatrix` bytes apart. Items are bands of `band` columns (at most `COLUMNS`), matrix
   * by matrix. `bPacked` is an offset in the scratch memory.
   */
  const matrices = { aMatrix: I32, bMatrix: I32, cMatrix: I32, bPacked: I32, band: I32 } as const;
  m.kernel("bands", { ...A, ...B, ...SIZES, ...RESULT, ...matrices }, (f, x, { begin, end, scratch }) => {
    const across = f.let(x.columns.add(x.band).sub(1).divU(x.band));
    const packed = f.let(scratch.add(x.bPacked));
    const k = f.var(I32);
    f.for(begin, end, 1, (item) => {
      const matrix = f.let(item.divU(across));
      const j = f.let(item.remU(across).mul(x.band));
      const columns = f.let(minimum(x.columns.sub(j), x.band));
      k.set(I32.const(0));
      // At least once: without a step, elements are the bias or 0.
      f.loop((again) => {
        const depth = f.let(minimum(x.k.sub(k), DEPTH));
        const b = x.b.add(matrix.mul(x.bMatrix)).add(j.mul(x.bLane)).add(k.mul(x.bK));
        packB(f, { to: packed, from: b, laneStride: x.bLane, kStride: x.bK, lanes: columns, k: depth });
        multiply(f, {
          ...{ a: x.a.add(matrix.mul(x.aMatrix)).add(k.mul(x.aK)), aLane: x.aLane, aK: x.aK, k: depth },
          ...{ b: packed, bias: offset(x.bias, j), accumulate: k, rows: x.rows, columns },
          ...{ c: x.c.add(matrix.mul(x.cMatrix)).add(j.shl(2)), cStride: x.cStride },
          ...{ relu: k.add(depth).eq(x.k).and(x.relu), edge: scratch },
        });
        k.set(k.add(depth));
        again(k.ltS(x.k));
      });
    });
  });
}

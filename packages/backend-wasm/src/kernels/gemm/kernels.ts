import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { defineMacroKernel, EDGE_BYTES, minimum } from "./macro-kernel.ts";
import { bestTile, columnsOf } from "./micro-kernel.ts";
import { definePacking } from "./pack.ts";

/** Steps of `k` between which sums go through memory: a panel of B of this depth fits the first cache beside one of A. */
export const DEPTH = 256;
/** Rows of A that are packed at a time: they fit the second cache. A multiple of the rows of every tile. */
export const ROWS = 48;
/** Columns of an item of `blocked`. */
export const COLUMNS = 512;

/** How A and B are read: the distances of their rows (lanes of A), columns (lanes of B) and steps of `k`, in bytes. */
const STRIDES = { aLane: I32, aK: I32, bLane: I32, bK: I32 } as const;
const SIZES = { rows: I32, columns: I32, k: I32 } as const;
/** C is contiguous but for `cStride`; `bias` is an address or 0. */
const RESULT = { c: I32, cStride: I32, bias: I32, relu: I32 } as const;

/** Kernels of matrix products. Elements of C are sums in the order of `k`, whatever the blocks. */
export function defineProducts(m: KernelModule<"packA" | "packB" | "blocked" | "wide" | "stack">): void {
  const { rows: tileRows } = bestTile(m);
  const tileColumns = columnsOf(bestTile(m));
  const packA = definePacking(m, tileRows);
  const packB = definePacking(m, tileColumns);
  const macro = defineMacroKernel(m);
  const zero = I32.const(0);

  /** Packs whole panels of A; an item is a panel. */
  m.kernel("packA", { to: I32, a: I32, aLane: I32, aK: I32, rows: I32, k: I32 }, (f, x, { begin, end }) => {
    const first = f.let(begin.mul(tileRows));
    const lanes = minimum(end.mul(tileRows), x.rows).sub(first);
    f.call(packA, x.to.add(first.mul(x.k.shl(2))), x.a.add(first.mul(x.aLane)), x.aLane, x.aK, lanes, x.k);
  });

  /** Packs B: one block of `DEPTH` steps after the other, each a row of panels. An item is a column of panels. */
  m.kernel("packB", { to: I32, b: I32, bLane: I32, bK: I32, columns: I32, k: I32 }, (f, x, { begin, end }) => {
    const first = f.let(begin.mul(tileColumns));
    const lanes = f.let(minimum(end.mul(tileColumns), x.columns).sub(first));
    const rowBytes = f.let(
      x.columns
        .add(tileColumns - 1)
        .and(-tileColumns)
        .shl(2),
    );
    f.for(0, x.k, DEPTH, (k) => {
      const depth = f.let(minimum(x.k.sub(k), DEPTH));
      const to = x.to.add(k.mul(rowBytes)).add(first.mul(depth.shl(2)));
      f.call(packB, to, x.b.add(first.mul(x.bLane)).add(k.mul(x.bK)), x.bLane, x.bK, lanes, depth);
    });
  });

  /** The product with a packed B. Items are blocks of `ROWS` × `COLUMNS`, those of one row of blocks after the other. */
  m.kernel("blocked", { a: I32, aLane: I32, aK: I32, b: I32, ...SIZES, ...RESULT }, (f, x, { begin, end, scratch }) => {
    const across = f.let(x.columns.add(COLUMNS - 1).divU(COLUMNS));
    const rowBytes = f.let(
      x.columns
        .add(tileColumns - 1)
        .and(-tileColumns)
        .shl(2),
    );
    const packed = f.let(scratch.add(EDGE_BYTES));
    f.for(begin, end, 1, (item) => {
      const i = f.let(item.divU(across).mul(ROWS));
      const j = f.let(item.remU(across).mul(COLUMNS));
      const rows = f.let(minimum(x.rows.sub(i), ROWS));
      const columns = f.let(minimum(x.columns.sub(j), COLUMNS));
      f.for(0, x.k, DEPTH, (k) => {
        const depth = f.let(minimum(x.k.sub(k), DEPTH));
        f.call(packA, packed, x.a.add(i.mul(x.aLane)).add(k.mul(x.aK)), x.aLane, x.aK, rows, depth);
        const b = x.b.add(k.mul(rowBytes)).add(j.mul(depth.shl(2)));
        const bias = x.bias.eqz().select(zero, x.bias.add(j.shl(2)));
        const isLast = k.add(depth).eq(x.k);
        const c = x.c.add(i.mul(x.cStride)).add(j.shl(2));
        const bPanel = depth.mul(4 * tileColumns);
        f.call(macro, rows, columns, depth, packed, b, I32.const(4 * tileColumns), bPanel, c, x.cStride, bias, k, isLast.and(x.relu), scratch); // biome-ignore format: one line
      });
    });
  });

  /** The product of a packed A and a B whose columns lie side by side, for few rows. Items are columns of tiles; there are 8 columns at least. */
  m.kernel("wide", { a: I32, b: I32, bK: I32, ...SIZES, ...RESULT }, (f, x, { begin, end, scratch }) => {
    f.for(begin.mul(tileColumns), end.mul(tileColumns), tileColumns, (first) => {
      // The last tiles overlap those before them: they give the same elements again.
      const j = f.let(minimum(first, x.columns.sub(tileColumns)).shl(2));
      const bias = x.bias.eqz().select(zero, x.bias.add(j));
      f.call(
        macro,
        x.rows,
        I32.const(tileColumns),
        x.k,
        x.a,
        x.b.add(j),
        x.bK,
        zero,
        x.c.add(j),
        x.cStride,
        bias,
        zero,
        x.relu,
        scratch,
      );
    });
  });

  /** Products of matrices that are `aMatrix`, `bMatrix` and `cMatrix` bytes apart; an item is one of them. `bPacked` is an offset in the scratch memory. */
  const matrices = { aMatrix: I32, bMatrix: I32, cMatrix: I32, bPacked: I32 } as const;
  m.kernel(
    "stack",
    { a: I32, b: I32, ...STRIDES, ...SIZES, ...RESULT, ...matrices },
    (f, x, { begin, end, scratch }) => {
      const packed = { a: f.let(scratch.add(EDGE_BYTES)), b: f.let(scratch.add(x.bPacked)) };
      f.for(begin, end, 1, (item) => {
        const [a, b, c] = [
          f.let(x.a.add(item.mul(x.aMatrix))),
          f.let(x.b.add(item.mul(x.bMatrix))),
          f.let(x.c.add(item.mul(x.cMatrix))),
        ];
        f.for(0, x.columns, COLUMNS, (j) => {
          const columns = f.let(minimum(x.columns.sub(j), COLUMNS));
          const k = f.var(I32);
          k.set(zero);
          f.loop((again) => {
            const depth = f.let(minimum(x.k.sub(k), DEPTH));
            f.call(packB, packed.b, b.add(j.mul(x.bLane)).add(k.mul(x.bK)), x.bLane, x.bK, columns, depth);
            f.for(0, x.rows, ROWS, (i) => {
              const rows = f.let(minimum(x.rows.sub(i), ROWS));
              f.call(packA, packed.a, a.add(i.mul(x.aLane)).add(k.mul(x.aK)), x.aLane, x.aK, rows, depth);
              const bias = x.bias.eqz().select(zero, x.bias.add(j.shl(2)));
              const isLast = k.add(depth).eq(x.k);
              const at = c.add(i.mul(x.cStride)).add(j.shl(2));
              f.call(
                macro,
                rows,
                columns,
                depth,
                packed.a,
                packed.b,
                I32.const(4 * tileColumns),
                depth.mul(4 * tileColumns),
                at,
                x.cStride,
                bias,
                k,
                isLast.and(x.relu),
                scratch,
              );
            });
            k.set(k.add(depth));
            again(k.ltS(x.k));
          });
        });
      });
    },
  );
}

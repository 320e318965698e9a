import { F32x4, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { type Routine, routine } from "../gemm/micro-kernel.ts";
import { increase, times, vectors } from "../idioms.ts";
import { least } from "../lanes.ts";
import { loadLanes, storeLanes } from "./lanes.ts";

/** A product `c[row, column] = bias[row] + Σ a[row, k] · b[k, column]` whose sizes are known. All strides are in bytes. */
export interface MatrixProduct {
  readonly rows: number;
  /** The number of products in a sum. */
  readonly depth: number;
  /** All numbers of columns that it is called with. */
  readonly columns: readonly number[];
  readonly a: { readonly row: number };
  /** From one `k` to the next, or `null` where a list in memory says where each row of `b` begins. */
  readonly b: { readonly k: number | null };
  readonly c: { readonly row: number };
  readonly bias: boolean;
}

/** Rows of equal height that a tile's code is made for. */
interface Panels {
  readonly height: number;
  readonly count: number;
}

/** Cuts rows into panels of at most `most`, as equal as they can be. */
export function panelsOf(rows: number, most: number): Panels[] {
  const count = Math.ceil(rows / most);
  const height = Math.ceil(rows / count);
  const short = count * height - rows;
  return [
    { height, count: count - short },
    { height: height - 1, count: short },
  ].filter((panels) => panels.count > 0);
}

/** Vectors of a row of the tile that make the most of the registers: 8 sums on older engines, 12 on newer ones. */
const vectorsFor = (height: number): number => (height > 3 ? 2 : height === 3 ? 3 : 4);

/** The tallest tile: without a fused multiply-add every product takes a register too. */
const tallest = ({ tileRows, target }: KernelModule<string>): number => (target.relaxed ? tileRows : 4);

/** Bytes of `b` that should stay in the first-level cache while all rows of `a` meet them, and the depth that this leaves to a tile. */
const BLOCK_BYTES = 16 * 1024;
const MAX_DEPTH = 384;

/**
 * Defines a product as a function of the addresses of `a`, `b`, `c` and `bias`, of the number of columns, and of the address of the list of
 * rows of `b`.
 *
 * Operands are read where they are, with constants for strides, so nothing is packed. Where the columns are no multiple of a tile's, the
 * last tile overlaps the one before it: it writes the same bits again. Sums too deep for the cache go on from what `c` has of them; there
 * nothing may overlap, and the last tile has a width of its own.
 */
export function matrixProduct(m: KernelModule<string>, product: MatrixProduct) {
  const { rows, depth, a: aStride, b: bStride, c: cStride } = product;
  const panels = panelsOf(rows, tallest(m));
  const width = Math.min(4 * vectorsFor(panels[0]!.height), ...product.columns);
  const steps = Math.ceil(depth / Math.ceil(depth / MAX_DEPTH));
  const deep = steps < depth;
  const widths = new Set([width, ...(deep ? product.columns.map((count) => count % width) : [])]);
  widths.delete(0);
  const tiles = panels.map(
    ({ height }) => new Map([...widths].map((w) => [w, tile(m, { ...product, deep }, height, w)])),
  );
  const blockColumns = width * Math.max(1, Math.floor(BLOCK_BYTES / (4 * steps * width)));
  return m.function(null, [I32, I32, I32, I32, I32, I32], (f, a, b, c, bias, columns, list) => {
    const whole = f.let(deep ? columns.sub(columns.remU(width)) : columns);
    f.for(0, depth, steps, (k) => {
      const length = f.let(least(f.let(I32.const(depth).sub(k)), steps).shl(2));
      f.for(0, columns, blockColumns, (block) => {
        const [aRow, bRow, cRow] = [f.let(a), f.let(b), f.let(c)];
        const biasRow = f.let(bias);
        const blockEnd = f.let(least(f.let(block.add(blockColumns)), whole));
        for (const [i, { height, count }] of panels.entries())
          f.for(0, count, 1, () => {
            const multiply = (w: number, column: I32): void => {
              const at = f.let(column.shl(2));
              const [b, c] = [bRow.add(at), cRow.add(at)];
              tiles[i]!.get(w)!(f, { a: aRow, b, c, bias: biasRow, length, before: k, list });
            };
            f.for(block, blockEnd, width, (column) => {
              multiply(width, deep ? column : least(column, f.let(columns.sub(width))));
            });
            for (const rest of widths)
              if (rest < width && deep)
                f.if(columns.sub(whole).eq(rest).and(block.add(blockColumns).geS(columns)), () =>
                  multiply(rest, whole),
                );
            increase(aRow, height * aStride.row);
            increase(cRow, height * cStride.row);
            if (product.bias) increase(biasRow, 4 * height);
          });
      });
      if (deep) {
        increase(a, 4 * steps);
        if (bStride.k === null) increase(list, 4 * steps);
        else increase(b, steps * bStride.k);
      }
    });
  });
}

const OPERANDS = ["a", "b", "c", "bias", "length", "before", "list"] as const;
type Tile = Routine<(typeof OPERANDS)[number]>;

/**
 * The micro-kernel: works on the addresses of `a`, `b`, `c` and `bias`, the bytes of `a` along its depth, the depth before it, which may be
 * other than 0 where sums are `deep`, and the address of the list. Its loop is as V8's register allocator likes it, one `k` in a turn.
 */
export function tile(
  m: KernelModule<string>,
  product: Pick<MatrixProduct, "a" | "b" | "c" | "bias"> & { readonly deep: boolean },
  height: number,
  width: number,
): Tile {
  const { a: aStride, b: bStride, c: cStride } = product;
  const across = Math.ceil(width / 4);
  const lanes = (v: number): number => Math.min(4, width - 4 * v);
  return routine(m, OPERANDS, (f, { a, b, c, bias, length, before, list }) => {
    const sums = times(height, () => vectors(f, across));
    const each = (body: (sum: Var<F32x4>, r: number, v: number) => void): void => {
      for (const [r, sum] of sums.entries()) for (const [v, part] of sum.entries()) body(part, r, v);
    };
    const start = (): void =>
      each((sum, r, v) =>
        sum.set(!product.bias ? F32x4.const(0) : v === 0 ? F32x4.loadSplat(bias, 4 * r) : sums[r]![0]!),
      );
    const goOn = (): void => each((sum, r, v) => sum.set(loadLanes(c, r * cStride.row + 16 * v, lanes(v))));
    if (product.deep) f.if(before.eqz(), start, goOn);
    else start();
    const row = vectors(f, across);
    const value = f.var(F32x4);
    const end = f.let(a.add(length));
    const from = bStride.k === null ? f.var(I32) : b;
    f.loop((again) => {
      if (bStride.k === null) from.set(b.add(I32.load(list)));
      for (const [v, part] of row.entries()) part.set(loadLanes(from, 16 * v, lanes(v)));
      for (const [r, sum] of sums.entries()) {
        value.set(F32x4.loadSplat(a, r * aStride.row));
        for (const [v, part] of sum.entries()) part.set(f.madd(value, row[v]!, part));
      }
      if (bStride.k === null) increase(list, 4);
      else increase(b, bStride.k);
      increase(a, 4);
      again(a.ne(end));
    });
    each((sum, r, v) => storeLanes(f, c, sum, r * cStride.row + 16 * v, lanes(v)));
  });
}

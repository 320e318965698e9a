import { F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { loadLanes, storeLanes } from "./lanes.ts";

/** A product `c[row, column] = bias[row] + Σ a[row, k] · b[k, column]` whose sizes are known. All strides are in bytes. */
export interface MatrixProduct {
  readonly rows: number;
  /** The number of products in a sum. */
  readonly depth: number;
  /** The least number of columns that it is called with. Below a tile's it is the only one. */
  readonly columns: number;
  readonly a: { readonly row: number; readonly k: number };
  readonly b: { readonly k: number };
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

/**
 * Defines a product as a function of the addresses of `a`, `b`, `c` and `bias`, and of the number of columns.
 *
 * Operands are read where they are, with constants for strides, so nothing is packed. Where the columns are no multiple of a tile's, the
 * last tile overlaps the one before it: it writes the same bits again.
 */
export function matrixProduct(m: KernelModule<string>, product: MatrixProduct) {
  const panels = panelsOf(product.rows, tallest(m));
  const vectors = Math.min(vectorsFor(panels[0]!.height), Math.ceil(product.columns / 4));
  const width = Math.min(4 * vectors, product.columns);
  const tiles = panels.map(({ height }) => tile(m, product, height, width));
  return m.function(null, [I32, I32, I32, I32, I32], (f, a, b, c, bias, columns) => {
    const last = f.let(columns.sub(width));
    f.for(0, columns, width, (column) => {
      const at = f.let(column.ltS(last).select(column, last).shl(2));
      const [aRow, bColumn, cRow, biasRow] = [f.let(a), f.let(b.add(at)), f.let(c.add(at)), f.let(bias)];
      for (const [i, { height, count }] of panels.entries())
        f.for(0, count, 1, () => {
          tiles[i]!(f, aRow, bColumn, cRow, biasRow);
          aRow.set(aRow.add(height * product.a.row));
          cRow.set(cRow.add(height * product.c.row));
          if (product.bias) biasRow.set(biasRow.add(4 * height));
        });
    });
  });
}

/** Code that works on the addresses of `a`, `b`, `c` and `bias`. */
type Tile = (f: FunctionBuilder, a: I32, b: I32, c: I32, bias: I32) => void;

/**
 * The micro-kernel. Its loop is as V8's register allocator likes it, one `k` in a turn. Newer versions keep more in registers where it is a
 * function of its own; on older ones that costs calls.
 */
function tile(m: KernelModule<string>, product: MatrixProduct, height: number, width: number): Tile {
  if (m.tileRows === 4) return (f, a, b, c, bias) => multiply(f, product, height, width, [f.let(a), f.let(b), c, bias]);
  const callee = m.function(null, [I32, I32, I32, I32], (f, ...operands) => {
    multiply(f, product, height, width, operands);
  });
  return (f, ...operands) => f.call(callee, ...operands);
}

function multiply(
  f: FunctionBuilder,
  { depth, a: aStride, b: bStride, c: cStride, bias: hasBias }: MatrixProduct,
  height: number,
  width: number,
  [a, b, c, bias]: readonly [Var<I32>, Var<I32>, I32, I32],
): void {
  const vectors = Math.ceil(width / 4);
  const lanes = (v: number): number => Math.min(4, width - 4 * v);
  const sums = Array.from({ length: height }, () => locals(f, vectors));
  const row = locals(f, vectors);
  const value = f.var(F32x4);
  for (const [r, sum] of sums.entries())
    for (const [v, part] of sum.entries())
      part.set(!hasBias ? F32x4.const(0) : v === 0 ? F32x4.loadSplat(bias, 4 * r) : sum[0]!);
  const end = f.let(a.add(depth * aStride.k));
  f.loop((again) => {
    for (const [v, part] of row.entries()) part.set(loadLanes(b, 16 * v, lanes(v)));
    for (const [r, sum] of sums.entries()) {
      value.set(F32x4.loadSplat(a, r * aStride.row));
      for (const [v, part] of sum.entries()) part.set(f.madd(value, row[v]!, part));
    }
    b.set(b.add(bStride.k));
    a.set(a.add(aStride.k));
    again(a.ne(end));
  });
  for (const [r, sum] of sums.entries())
    for (const [v, part] of sum.entries()) storeLanes(f, c, part, r * cStride.row + 16 * v, lanes(v));
}

const locals = (f: FunctionBuilder, count: number) => Array.from({ length: count }, () => f.var(F32x4));

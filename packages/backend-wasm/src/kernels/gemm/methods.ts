import type { Runtime, Scratch } from "../../runtime.ts";
import { lazy } from "../lazy.ts";
import { DOT_TILE, defineDot } from "./dot.ts";
import { COLUMNS, DEPTH, defineProducts, ROWS } from "./kernels.ts";
import { EDGE_BYTES } from "./macro-kernel.ts";
import type { Method, Product, StackAxis } from "./products.ts";
import { defineRow, ROW_COLUMNS } from "./row.ts";

/** Rows and columns of the tiles that operands are packed for. */
interface Tile {
  readonly rows: number;
  readonly columns: number;
}

/** The kernels of products, compiled when they are first needed. */
export const kernelsOf = (runtime: Runtime) => ({
  /** Those with packed operands. */
  packed: lazy(() => runtime.compile(defineProducts)),
  dot: lazy(() => runtime.compile(defineDot)),
  row: lazy(() => runtime.compile(defineRow).row),
});

export interface Context {
  readonly runtime: Runtime;
  readonly kernels: ReturnType<typeof kernelsOf>;
  readonly tile: Tile;
}

/** Addresses of the operands and the result; `bias` has an element for each column and is 0 where there is none. */
export interface Addresses {
  readonly a: number;
  readonly b: number;
  readonly bias: number;
  readonly c: number;
}

interface MethodDefinition {
  /** Bytes of packed operands that all threads read, and of scratch memory for each thread. Methods without it make do with the latter. */
  memory?(product: Product, tile: Tile): { readonly packed: number; readonly scratch: number };
  compute(context: Context, product: Product, at: Addresses, packed: number, scratch: Scratch): void;
}

const NONE: readonly number[] = [];
/** Nanoseconds that a multiplication with its addition takes in a micro-kernel. */
const COST = 1 / 28;
/** Nanoseconds that an item takes at least. */
const ITEM = 50;
/** Nanoseconds that packing takes for an element. */
const PACKING = 0.3;
/** Elements of a matrix that stay in the second cache while it is gone through again and again. */
const CACHED = 2 ** 16;
/** A number of rows that every tile divides. */
const TILES = 12;
/** Products with fewer multiplications are over before another thread has woken up. */
export const SMALL = 2 ** 19;
/** Columns of which there are bands enough for all threads. */
export const MANY = 8 * COLUMNS;
/** Elements of B that `blocked` packs at a time. */
const PACKED = 2 ** 21;

const dot: MethodDefinition = {
  compute({ runtime, kernels }, { rows, columns, k, relu = false }, { a, b, bias, c }) {
    const byRows = rows > columns && rows * k > CACHED;
    const items = byRows ? Math.ceil(rows / DOT_TILE.rows) : Math.ceil(columns / DOT_TILE.columns);
    const cost = ITEM + ((rows * columns * k) / items) * COST;
    const kernel = byRows ? kernels.dot().dotRows : kernels.dot().dot;
    const integers = [a, 4 * k, b, 4 * k, c, 4 * columns, rows, columns, k, bias, Number(relu)];
    runtime.launch(kernel, items, cost, integers);
  },
};

const row: MethodDefinition = {
  compute({ runtime, kernels }, { columns, k, relu = false }, { a, b, bias, c }) {
    const cost = ITEM + ROW_COLUMNS * k * COST;
    runtime.launch(kernels.row(), Math.ceil(columns / ROW_COLUMNS), cost, [a, b, columns, k, c, bias, Number(relu)]);
  },
};

/** The part of an operand's panels that a thread packs for itself. */
const scratchOf = ({ rows, columns, k }: Product, tile: Tile) => ({
  a: EDGE_BYTES + 4 * Math.min(k, DEPTH) * roundUp(Math.min(rows, ROWS), tile.rows),
  b: 4 * Math.min(k, DEPTH) * roundUp(Math.min(columns, COLUMNS), tile.columns),
});

/** Columns of a band: of one matrix of medium size, one band for each thread. */
const bandOf = ({ rows, columns, k, stack }: Product, tile: Tile, threads: number): number =>
  stack !== undefined || columns >= MANY || rows * columns * k <= SMALL
    ? Math.min(columns, COLUMNS)
    : Math.min(COLUMNS, roundUp(Math.ceil(columns / threads), tile.columns));

const bands: MethodDefinition = {
  memory(product, tile) {
    const { a, b } = scratchOf(product, tile);
    return { packed: 0, scratch: a + b };
  },
  compute({ runtime, kernels, tile }, product, { a, b, bias, c }, _, scratch) {
    const { rows, columns, k, relu = false, stack } = product;
    const { aLane, aK, bLane, bK } = strides(product);
    const width = bandOf(product, tile, runtime.pool.size);
    const cost = ITEM + rows * width * k * COST + (rows + width) * k * PACKING;
    const bands = Math.ceil(columns / width);
    const integers = [a, aLane, aK, b, bLane, bK, rows, columns, k, c, 4 * columns, bias, Number(relu)];
    const packedB = scratchOf(product, tile).a;
    const kernel = kernels.packed().bands;
    if (stack === undefined) {
      integers.push(0, 0, 0, packedB, width);
      runtime.launch(kernel, bands, cost, integers, NONE, scratch);
      return;
    }
    const [aBytes, bBytes, cBytes] = [4 * rows * k, 4 * k * columns, 4 * rows * columns];
    const { size, strideA, strideB } = stack.at(-1)!;
    integers.push(strideA * aBytes, strideB * bBytes, cBytes, packedB, width);
    eachOffset(stack.slice(0, -1), (offsetA, offsetB) => {
      integers[0] = a + offsetA * aBytes;
      integers[3] = b + offsetB * bBytes;
      runtime.launch(kernel, size * bands, cost, integers, NONE, scratch);
      integers[9]! += size * cBytes;
    });
  },
};

const wide: MethodDefinition = {
  memory: ({ rows, k }, tile) => ({ packed: 4 * k * roundUp(rows, tile.rows), scratch: EDGE_BYTES }),
  compute({ runtime, kernels, tile }, product, { a, b, bias, c }, packed, scratch) {
    const { rows, columns, k, relu = false } = product;
    const { aLane, aK, bK } = strides(product);
    const panels = Math.ceil(rows / tile.rows);
    runtime.launch(kernels.packed().packA, panels, k * tile.rows * PACKING, [packed, a, aLane, aK, rows, k]);
    const items = Math.ceil(columns / tile.columns);
    const cost = tile.columns * rows * k * COST;
    const sizes = [rows, columns, k, c, 4 * columns, bias, Number(relu)];
    runtime.launch(kernels.packed().wide, items, cost, [packed, b, bK, ...sizes], [], scratch);
  },
};

/** Columns of B that `blocked` packs at a time. */
const packedColumns = ({ columns, k }: Product, tile: Tile): number =>
  Math.min(roundUp(columns, tile.columns), Math.max(64, roundUp(PACKED / k, 64)));

/** Items of `blocked` that keep some threads busy to the end. */
const ITEMS = 8;

/** The size of its blocks: as large as they may be for that, since a block packs its rows of A and reads its columns of B anew. */
function blockOf(rows: number, columns: number): { readonly rows: number; readonly columns: number } {
  let [height, width] = [4 * ROWS, COLUMNS];
  const isFew = () => Math.ceil(rows / height) * Math.ceil(columns / width) < ITEMS;
  while (isFew() && height > ROWS / 2) height /= 2;
  while (isFew() && width > 128) width /= 2;
  return { rows: roundUp(rows / Math.ceil(rows / height), TILES), columns: width };
}

const blocked: MethodDefinition = {
  memory: (product, tile) => ({
    packed: 4 * product.k * packedColumns(product, tile),
    scratch: scratchOf(product, tile).a,
  }),
  compute({ runtime, kernels, tile }, product, { a, b, bias, c }, packed, scratch) {
    const { rows, columns, k, relu = false } = product;
    const { aLane, aK, bLane, bK } = strides(product);
    const step = packedColumns(product, tile);
    for (let j = 0; j < columns; j += step) {
      const part = Math.min(columns - j, step);
      const panels = Math.ceil(part / tile.columns);
      const packing = k * tile.columns * PACKING;
      runtime.launch(kernels.packed().packB, panels, packing, [packed, b + j * bLane, bLane, bK, part, k]);
      const block = blockOf(rows, part);
      const items = Math.ceil(rows / block.rows) * Math.ceil(part / block.columns);
      const cost = Math.min(rows, block.rows) * Math.min(part, block.columns) * k * COST;
      const to = [c + 4 * j, 4 * columns, bias === 0 ? 0 : bias + 4 * j, Number(relu), block.rows, block.columns];
      runtime.launch(kernels.packed().blocked, items, cost, [a, aLane, aK, packed, rows, part, k, ...to], [], scratch);
    }
  },
};

export const METHODS: Readonly<Record<Method, MethodDefinition>> = {
  dot,
  row,
  single: { compute: bands.compute },
  bands,
  wide,
  blocked,
};

/** Calls back with the offsets of all elements of a stack, in order. */
function eachOffset(axes: readonly StackAxis[], body: (a: number, b: number) => void, a = 0, b = 0): void {
  const [axis, ...rest] = axes;
  if (axis === undefined) {
    body(a, b);
    return;
  }
  for (let i = 0; i < axis.size; i++) eachOffset(rest, body, a + i * axis.strideA, b + i * axis.strideB);
}

const roundUp = (x: number, to: number): number => Math.ceil(x / to) * to;

/** The distances of lanes and of steps of `k`, in bytes. */
function strides({ rows, columns, k, transposeA, transposeB }: Product) {
  return {
    aLane: transposeA ? 4 : 4 * k,
    aK: transposeA ? 4 * rows : 4,
    bLane: transposeB ? 4 * k : 4,
    bK: transposeB ? 4 : 4 * columns,
  };
}

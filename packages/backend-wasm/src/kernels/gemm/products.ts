import type { Block } from "@descent/core";
import type { Kernel, Runtime, Scratch } from "../../runtime.ts";
import { DOT_COLUMNS, defineDot } from "./dot.ts";
import { COLUMNS, DEPTH, defineProducts, ROWS } from "./kernels.ts";
import { EDGE_BYTES } from "./macro-kernel.ts";
import { bestTile, columnsOf } from "./micro-kernel.ts";

/** A product `[rows, k] · [k, columns]`, or many of them. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  /** Whether A is stored as `[k, rows]`. */
  readonly transposeA: boolean;
  /** Whether B is stored as `[columns, k]`. */
  readonly transposeB: boolean;
  readonly relu?: boolean;
  /** Where there is more than one matrix: the offsets of A and B in elements, by the index of the result. */
  readonly stack?: readonly StackAxis[];
}

/** An axis of a stack of matrices; a stride, in matrices, is 0 where it broadcasts. */
export interface StackAxis {
  readonly size: number;
  readonly strideA: number;
  readonly strideB: number;
}

/** Addresses of operands and result; `bias` has an element for each column and is 0 where there is none. */
interface Addresses {
  readonly a: number;
  readonly b: number;
  readonly bias: number;
  readonly c: number;
}

/** Nanoseconds that a multiplication takes on one thread. */
const COST = 1 / 28;
/** Elements of B that are packed at a time. */
const PACKED = 2 ** 21;
/** Products with fewer multiplications are not worth a second kernel that packs. */
const SMALL = 2 ** 16;

/** How a product is computed, which its shape decides alone. */
interface Plan {
  /** Bytes of packed operands that all threads read. */
  readonly sharedBytes: number;
  /** Bytes of scratch memory of each thread. */
  readonly scratchBytes: number;
  run(at: Addresses, shared: number, scratch: Scratch): void;
}

const instances = new WeakMap<Runtime, Products>();

/** The products of a runtime, whose kernels are compiled when they are first needed. */
export function productsOf(runtime: Runtime): Products {
  let products = instances.get(runtime);
  if (products === undefined) {
    products = new Products(runtime);
    instances.set(runtime, products);
  }
  return products;
}

export class Products {
  readonly #runtime: Runtime;
  readonly #kernels: Record<"packA" | "packB" | "blocked" | "wide" | "batch", Kernel>;
  readonly #dotKernel: Kernel;
  readonly #tileRows: number;
  readonly #tileColumns: number;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#kernels = runtime.compile(defineProducts);
    this.#dotKernel = runtime.compile(defineDot).dot;
    const tile = bestTile({ tileRows: runtime.engine.tileRows, target: runtime.engine });
    this.#tileRows = tile.rows;
    this.#tileColumns = columnsOf(tile);
  }

  /** Runs a product as a whole op and returns the block of its result. */
  run(op: string, a: Block, b: Block, bias: Block | null, product: Product): Block {
    const { pager } = this.#runtime;
    const matrices = product.stack?.reduce((n, axis) => n * axis.size, 1) ?? 1;
    const bytes = 4 * matrices * product.rows * product.columns;
    const plan = this.#plan(product);
    if (plan.sharedBytes + plan.scratchBytes === 0) {
      pager.begin(op);
      pager.use(a);
      pager.use(b);
      if (bias !== null) pager.use(bias);
      const c = pager.allocate(bytes);
      plan.run(
        {
          a: pager.address(a),
          b: pager.address(b),
          bias: bias === null ? 0 : pager.address(bias),
          c: pager.address(c),
        },
        0,
        { address: 0, stride: 0 },
      );
      return c;
    }
    const blocks = this.#runtime.run(
      op,
      bias === null ? [a, b] : [a, b, bias],
      [bytes, plan.sharedBytes],
      plan.scratchBytes,
      ([a, b, bias = 0], [c, shared], scratch) => plan.run({ a: a!, b: b!, bias, c: c! }, shared!, scratch),
    );
    pager.free(blocks[1]!);
    return blocks[0]!;
  }

  #plan(product: Product): Plan {
    const { rows, columns, k, transposeA, transposeB, stack } = product;
    const work = rows * columns * k;
    if (stack !== undefined) return this.#batch(product);
    if (!transposeA && transposeB && k > 0 && (work <= SMALL || Math.min(rows, columns) <= 64))
      return this.#dot(product);
    if (work <= SMALL) return this.#batch(product);
    if (!transposeB && k <= DEPTH && columns >= this.#tileColumns && rows <= 64) return this.#wide(product);
    return this.#blocked(product);
  }

  #dot({ rows, columns, k, relu = false }: Product): Plan {
    return {
      sharedBytes: 0,
      scratchBytes: 0,
      run: ({ a, b, bias, c }) => {
        const items = Math.ceil(columns / DOT_COLUMNS);
        const cost = DOT_COLUMNS * rows * k * COST;
        this.#runtime.launch(this.#dotKernel, items, cost, [
          a,
          4 * k,
          b,
          4 * k,
          c,
          4 * columns,
          rows,
          columns,
          k,
          bias,
          Number(relu),
        ]);
      },
    };
  }

  #wide(product: Product): Plan {
    const { rows, columns, k, relu = false } = product;
    const { aLane, aK, bK } = strides(product);
    return {
      sharedBytes: 4 * k * roundUp(rows, this.#tileRows),
      scratchBytes: EDGE_BYTES,
      run: ({ a, b, bias, c }, packed, scratch) => {
        const { packA, wide } = this.#kernels;
        const panels = Math.ceil(rows / this.#tileRows);
        this.#runtime.launch(packA, panels, k * this.#tileRows, [packed, a, aLane, aK, rows, k]);
        const items = Math.ceil(columns / this.#tileColumns);
        const cost = this.#tileColumns * rows * k * COST;
        this.#runtime.launch(
          wide,
          items,
          cost,
          [packed, b, bK, rows, columns, k, c, 4 * columns, bias, Number(relu)],
          [],
          scratch,
        );
      },
    };
  }

  #blocked(product: Product): Plan {
    const { rows, columns, k, relu = false } = product;
    const { aLane, aK, bLane, bK } = strides(product);
    const most = Math.max(64, roundUp(Math.floor(PACKED / k), this.#tileColumns));
    const width = Math.min(roundUp(columns, this.#tileColumns), most);
    return {
      sharedBytes: 4 * k * width,
      scratchBytes: EDGE_BYTES + 4 * Math.min(k, DEPTH) * roundUp(Math.min(rows, ROWS), this.#tileRows),
      run: ({ a, b, bias, c }, packed, scratch) => {
        const { packB, blocked } = this.#kernels;
        for (let j = 0; j < columns; j += width) {
          const part = Math.min(columns - j, width);
          const panels = Math.ceil(part / this.#tileColumns);
          this.#runtime.launch(packB, panels, k * this.#tileColumns * 0.3, [packed, b + j * bLane, bLane, bK, part, k]);
          const items = Math.ceil(rows / ROWS) * Math.ceil(part / COLUMNS);
          const cost = Math.min(rows, ROWS) * Math.min(part, COLUMNS) * k * COST;
          this.#runtime.launch(
            blocked,
            items,
            cost,
            [a, aLane, aK, packed, rows, part, k, c + 4 * j, 4 * columns, bias === 0 ? 0 : bias + 4 * j, Number(relu)],
            [],
            scratch,
          );
        }
      },
    };
  }

  #batch(product: Product): Plan {
    const { rows, columns, k, relu = false, stack = [] } = product;
    const { aLane, aK, bLane, bK } = strides(product);
    const depth = Math.min(k, DEPTH);
    const bPacked = roundUp(EDGE_BYTES + 4 * depth * roundUp(Math.min(rows, ROWS), this.#tileRows), 64);
    const inner = stack.at(-1) ?? { size: 1, strideA: 0, strideB: 0 };
    const [aBytes, bBytes, cBytes] = [4 * rows * k, 4 * k * columns, 4 * rows * columns];
    return {
      sharedBytes: 0,
      scratchBytes: bPacked + 4 * depth * roundUp(Math.min(columns, COLUMNS), this.#tileColumns),
      run: ({ a, b, bias, c }, _, scratch) => {
        let to = c;
        eachOffset(stack.slice(0, -1), (offsetA, offsetB) => {
          this.#runtime.launch(
            this.#kernels.batch,
            inner.size,
            rows * columns * k * COST + (rows + columns) * k,
            [
              a + offsetA * aBytes,
              b + offsetB * bBytes,
              aLane,
              aK,
              bLane,
              bK,
              rows,
              columns,
              k,
              to,
              4 * columns,
              bias,
              Number(relu),
              inner.strideA * aBytes,
              inner.strideB * bBytes,
              cBytes,
              bPacked,
            ],
            [],
            scratch,
          );
          to += inner.size * cBytes;
        });
      },
    };
  }
}

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

function strides({ rows, columns, k, transposeA, transposeB }: Product) {
  return {
    aLane: transposeA ? 4 : 4 * k,
    aK: transposeA ? 4 * rows : 4,
    bLane: transposeB ? 4 * k : 4,
    bK: transposeB ? 4 : 4 * columns,
  };
}

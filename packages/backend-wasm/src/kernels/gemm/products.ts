import type { Block } from "@descent/core";
import { HEAP } from "../../layout.ts";
import type { Runtime, Scratch } from "../../runtime.ts";
import { COLUMNS, DEPTH } from "./kernels.ts";
import { type Addresses, type Context, kernelsOf, MANY, METHODS, SMALL } from "./methods.ts";
import { bestTile, columnsOf } from "./micro-kernel.ts";
import { LEAST_ROW_COLUMNS } from "./row.ts";

/** A product `[rows, k] · [k, columns]`, or a stack of them. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  /** Whether A is stored as `[k, rows]`. */
  readonly transposeA: boolean;
  /** Whether B is stored as `[columns, k]`. */
  readonly transposeB: boolean;
  /** Whether negative elements of the result become 0. */
  readonly relu?: boolean;
  /** The leading axes of a stack. */
  readonly stack?: readonly StackAxis[];
}

/** An axis of a stack of matrices. Strides are in matrices, and 0 where an operand broadcasts. */
export interface StackAxis {
  readonly size: number;
  readonly strideA: number;
  readonly strideB: number;
}

/**
 * How a product is computed:
 *
 * - `dot`: as dot products of rows of A and of Bᵀ, with nothing packed
 * - `row`: one row of A, with nothing packed
 * - `single`: both packed, on one thread
 * - `bands`: bands of columns, each like `single`
 * - `wide`: A packed, B as it lies
 * - `blocked`: B packed by all threads, blocks of A by those that multiply them
 *
 * All but `dot` add up an element in the same order, so that the number of threads may choose among them.
 */
export type Method = "dot" | "row" | "single" | "bands" | "wide" | "blocked";

/** Rows of A up to which unpacked operands are faster: packing B pays off with the rows that use it. */
const FEW = 64;
/** Up to so many, threads had better pack all of A each than wait for each other's parts of B. */
const MEDIUM = 2 ** 25;

/** The fastest method, from measurements. */
function methodFor({ rows, columns, k, transposeA, transposeB, stack }: Product, threads: number): Method {
  if (stack !== undefined) return "bands";
  if (rows === 1 && !transposeB && columns >= LEAST_ROW_COLUMNS && k > 0) return "row";
  const least = Math.min(rows, columns);
  if (!transposeA && transposeB && (least < FEW || (least <= 2 * FEW && k >= DEPTH))) return "dot";
  if (rows * columns * k <= SMALL && columns <= COLUMNS) return "single";
  if (!transposeB && k <= DEPTH && columns >= 8 && rows <= FEW) return "wide";
  return threads === 1 || columns >= MANY || rows * columns * k <= MEDIUM ? "bands" : "blocked";
}

/** Of the result. */
function bytesOf({ rows, columns, stack = [] }: Product): number {
  let bytes = 4 * rows * columns;
  for (const { size } of stack) bytes *= size;
  return bytes;
}

/** The main thread's. */
const SCRATCH: Scratch = { address: HEAP, stride: 0 };

const instances = new WeakMap<Runtime, Products>();

/** The matrix products of a runtime. */
export function productsOf(runtime: Runtime): Products {
  let products = instances.get(runtime);
  if (products === undefined) {
    products = new Products(runtime);
    instances.set(runtime, products);
  }
  return products;
}

/** Computes products of float32. In which order an element is summed up depends on the shapes alone, not on the number of threads. */
export class Products {
  readonly #context: Context;

  constructor(runtime: Runtime) {
    const tile = bestTile({ tileRows: runtime.engine.tileRows, target: runtime.engine });
    this.#context = {
      runtime,
      kernels: kernelsOf(runtime),
      tile: { rows: tile.rows, columns: columnsOf(tile) },
    };
  }

  /** Runs a product as a whole op and returns the block of its result. `bias` is added to every row. */
  run(
    op: string,
    a: Block,
    b: Block,
    bias: Block | null,
    product: Product,
    method = methodFor(product, this.#context.runtime.pool.size),
  ): Block {
    const { runtime, tile } = this.#context;
    const { pager } = runtime;
    const { memory, compute } = METHODS[method];
    const bytes = bytesOf(product);
    if (memory === undefined) {
      // The direct form of what follows, for products that take less time than its closures.
      pager.begin(op);
      pager.use(a);
      pager.use(b);
      if (bias !== null) pager.use(bias);
      const c = pager.allocate(bytes);
      const at: Addresses = {
        a: pager.address(a),
        b: pager.address(b),
        bias: bias === null ? 0 : pager.address(bias),
        c: pager.address(c),
      };
      compute(this.#context, product, at, 0, SCRATCH);
      return c;
    }
    const { packed, scratch } = memory(product, tile);
    const operands = bias === null ? [a, b] : [a, b, bias];
    const [c, used] = runtime.run(op, operands, [bytes, packed], scratch, (from, to, scratch) => {
      const at = { a: from[0]!, b: from[1]!, bias: from[2] ?? 0, c: to[0]! };
      compute(this.#context, product, at, to[1]!, scratch);
    });
    pager.free(used!);
    return c!;
  }
}

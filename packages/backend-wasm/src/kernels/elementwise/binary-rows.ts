import { type Block, bytesPerElement, type Operand, type Spec } from "@descent/core";
import { bytesOf } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import type { Rows } from "./rows.ts";

/** Nanoseconds of a row beside its elements. */
const ROW_COST = 2;
/** Rows of fewer elements are put together where that is possible, */
const SHORT = 64;
/** and where it pays: for so many elements. */
const MANY = 8192;

/** Runs a kernel by rows whose elements take `cost` nanoseconds each; if an operand is constant in the rows, it is `b`. */
export function runRows(
  runtime: Runtime,
  kernel: Kernel,
  op: string,
  a: Operand<Block>,
  b: Operand<Block>,
  out: Spec,
  rows: Rows,
  cost: number,
): Block {
  const { length } = rows;
  const count = countOf(rows);
  // Where the second operand is the same for all of them.
  const repeats = rows.constant === null && rows.b[0] === 0 && count === rows.sizes[0];
  if (!repeats || length >= SHORT || length * count < MANY) {
    const { pager } = runtime;
    pager.begin(op);
    pager.use(a.handle);
    pager.use(b.handle);
    const y = pager.allocate(bytesOf(out));
    launch(runtime, kernel, pager.address(a.handle), pager.address(b.handle), pager.address(y), rows, cost);
    return y;
  }

  // Several rows of `a` together with as many copies of the row that `b` is: four times a number of rows, so that vectors come out even.
  const together = 4 * Math.ceil(SHORT / (4 * length));
  const long = together * length;
  return runtime.run(op, [a.handle, b.handle], [bytesOf(out)], 4 * long, ([p, q], [y], { address }) => {
    const { i32 } = runtime.memory;
    for (let i = 0; i < together; i++) i32.copyWithin(address / 4 + i * length, q! / 4, q! / 4 + length);
    const longRows = Math.floor(count / together);
    launch(runtime, kernel, p!, address, y!, repeated(long, longRows), cost);
    const done = longRows * long;
    const end = y! + bytesPerElement(out.dtype) * done;
    launch(runtime, kernel, p! + 4 * done, address, end, repeated(length * count - done, 1), cost);
  })[0]!;
}

/** Rows that follow each other, and one that is the same for all of them. */
const repeated = (length: number, count: number): Rows => ({
  length,
  constant: null,
  sizes: [count, 1, 1],
  a: [length, 0, 0],
  b: [0, 0, 0],
});

const countOf = ({ sizes }: Rows): number => sizes[0] * sizes[1] * sizes[2];

function launch(runtime: Runtime, kernel: Kernel, p: number, q: number, y: number, rows: Rows, cost: number): void {
  const { length, sizes, a, b } = rows;
  const count = countOf(rows);
  const [a0, a1, a2, b0, b1, b2] = [4 * a[0], 4 * a[1], 4 * a[2], 4 * b[0], 4 * b[1], 4 * b[2]];
  const rowCost = ROW_COST + cost * length;
  if (runtime.isWorthSharing(count, rowCost))
    runtime.launch(kernel, count, rowCost, [p, q, y, length, sizes[0], sizes[1], a0, a1, a2, b0, b1, b2]);
  else kernel.run(0, count, 0, p, q, y, length, sizes[0], sizes[1], a0, a1, a2, b0, b1, b2);
}

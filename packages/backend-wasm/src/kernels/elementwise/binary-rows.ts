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
  const { length, size0, size1, size2 } = rows;
  const count = size0 * size1 * size2;
  // Where the second operand is the same for all of them.
  const repeats = rows.constant === null && rows.b0 === 0 && count === size0;
  if (repeats && length < SHORT && length * count >= MANY)
    return runLongRows(runtime, kernel, op, a, b, out, length, count, cost);

  const { pager } = runtime;
  pager.begin(op);
  pager.use(a.handle);
  pager.use(b.handle);
  const y = pager.allocate(bytesOf(out));
  launch(runtime, kernel, pager.address(a.handle), pager.address(b.handle), pager.address(y), rows, cost);
  return y;
}

function launch(runtime: Runtime, kernel: Kernel, a: number, b: number, y: number, rows: Rows, cost: number): void {
  const { length, size0, size1, size2 } = rows;
  const count = size0 * size1 * size2;
  const [a0, a1, a2, b0, b1, b2] = [4 * rows.a0, 4 * rows.a1, 4 * rows.a2, 4 * rows.b0, 4 * rows.b1, 4 * rows.b2];
  const rowCost = ROW_COST + cost * length;
  if (runtime.isWorthSharing(count, rowCost))
    runtime.launch(kernel, count, rowCost, [a, b, y, length, size0, size1, a0, a1, a2, b0, b1, b2]);
  else kernel.run(0, count, 0, a, b, y, length, size0, size1, a0, a1, a2, b0, b1, b2);
}

/** Puts short rows together: several of `a` with as many copies of the row that `b` is. */
function runLongRows(
  runtime: Runtime,
  kernel: Kernel,
  op: string,
  a: Operand<Block>,
  b: Operand<Block>,
  out: Spec,
  length: number,
  count: number,
  cost: number,
): Block {
  // Four times a number of rows, so that vectors come out even.
  const together = 4 * Math.ceil(SHORT / (4 * length));
  const long = together * length;
  const rows = (length: number, count: number): Rows => ({
    ...{ length, constant: null, size0: count, size1: 1, size2: 1 },
    ...{ a0: length, a1: 0, a2: 0, b0: 0, b1: 0, b2: 0 },
  });
  return runtime.run(op, [a.handle, b.handle], [bytesOf(out)], 4 * long, ([p, q], [y], scratch) => {
    const { i32 } = runtime.memory;
    const [from, to] = [q! / 4, scratch.address / 4];
    for (let i = 0; i < together; i++) i32.copyWithin(to + i * length, from, from + length);
    const longRows = Math.floor(count / together);
    launch(runtime, kernel, p!, scratch.address, y!, rows(long, longRows), cost);
    const done = longRows * long;
    const end = y! + bytesPerElement(out.dtype) * done;
    launch(runtime, kernel, p! + 4 * done, scratch.address, end, rows((count % together) * length, 1), cost);
  })[0]!;
}

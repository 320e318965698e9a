import { type Block, bytesPerElement, type Operand, type Shape, type Spec, sizeOf } from "@descent/core";
import { bytesOf } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";

/** Two operands that broadcast, as rows: the inner axes in which neither stretches, or always the same one does. */
export interface Rows {
  /** Elements of a row. */
  readonly length: number;
  /** Which operand is one element in all of a row. */
  readonly constant: "a" | "b" | null;
  /** Sizes of the axes of rows, the innermost first. */
  readonly sizes: readonly [number, number, number];
  /** Elements from one row to the next along each of them; 0 where the operand stretches. */
  readonly a: readonly [number, number, number];
  readonly b: readonly [number, number, number];
}

/** Adjacent axes that an operand is both constant in or not, together. */
interface Axis {
  size: number;
  readonly a: number;
  readonly b: number;
}

/** The fewest axes for a result that has elements: `null` where that is more than a row's and three of rows. */
export function rowsOf(a: Shape, b: Shape, out: Shape): Rows | null {
  const axes: Axis[] = [];
  let [strideA, strideB] = [1, 1];
  for (let i = 1; i <= out.length; i++) {
    const size = out[out.length - i]!;
    if (size === 1) continue;
    const variesA = (a[a.length - i] ?? 1) !== 1;
    const variesB = (b[b.length - i] ?? 1) !== 1;
    const last = axes.at(-1);
    if (last !== undefined && last.a > 0 === variesA && last.b > 0 === variesB) last.size *= size;
    else axes.push({ size, a: variesA ? strideA : 0, b: variesB ? strideB : 0 });
    if (variesA) strideA *= size;
    if (variesB) strideB *= size;
  }
  const [row, ...outer] = axes;
  if (row === undefined || outer.length > 3) return null;
  const along = (key: keyof Axis): [number, number, number] => {
    const none = key === "size" ? 1 : 0;
    return [outer[0]?.[key] ?? none, outer[1]?.[key] ?? none, outer[2]?.[key] ?? none];
  };
  return {
    length: row.size,
    constant: row.a === 0 ? "a" : row.b === 0 ? "b" : null,
    sizes: along("size"),
    a: along("a"),
    b: along("b"),
  };
}

/** Nanoseconds of a row beside its elements. */
const ROW_COST = 2;
/** Rows of fewer elements are put together where that is possible. */
const SHORT = 64;

/** Runs a kernel by rows whose elements take `cost` nanoseconds each; if an operand is constant in the rows, it is `b`. */
export function launchRows(
  runtime: Runtime,
  kernel: Kernel,
  op: string,
  a: Operand<Block>,
  b: Operand<Block>,
  out: Spec,
  rows: Rows,
  cost: number,
): Block {
  const { length, sizes } = rows;
  const count = sizeOf(sizes);
  const launch = (p: number, q: number, y: number, { length, sizes, a, b }: Rows): void => {
    const bytes = [...a, ...b].map((stride) => 4 * stride);
    runtime.launch(kernel, sizeOf(sizes), ROW_COST + cost * length, [p, q, y, length, sizes[0], sizes[1], ...bytes]);
  };
  // Four times a number of rows, so that vectors come out even.
  const together = 4 * Math.ceil(SHORT / (4 * length));
  const repeats = rows.constant === null && sizes[0] === count && rows.b[0] === 0;
  if (length >= SHORT || !repeats || count < 2 * together)
    return runtime.run(op, [a.handle, b.handle], [bytesOf(out)], 0, ([p, q], [y]) => launch(p!, q!, y!, rows))[0]!;

  const long = together * length;
  const longRows = Math.floor(count / together);
  return runtime.run(op, [a.handle, b.handle], [bytesOf(out)], 4 * long, ([p, q], [y], scratch) => {
    const { i32 } = runtime.memory;
    const [from, to] = [q! / 4, scratch.address / 4];
    for (let i = 0, j = 0; i < long; i++, j = j + 1 === length ? 0 : j + 1) i32[to + i] = i32[from + j]!;
    const done = longRows * long;
    const elementBytes = bytesPerElement(out.dtype);
    launch(p!, scratch.address, y!, { ...rows, length: long, sizes: [longRows, 1, 1], a: [long, 0, 0] });
    const rest = { ...rows, length: (count % together) * length, sizes: [1, 1, 1] } as const;
    if (rest.length > 0) launch(p! + 4 * done, scratch.address, y! + elementBytes * done, rest);
  })[0]!;
}

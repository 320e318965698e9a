import { F32, F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { times, transposed } from "../idioms.ts";

/** Defines the transposition of matrices `[rows, columns]` as a kernel, an item being a matrix. */
export function defineTranspose<Name extends string>(m: KernelModule<Name>, name: Name, rows: number, columns: number) {
  m.kernel(name, [I32, I32], (f, { begin, end }, from, to) => {
    f.for(begin, end, 1, (item) => {
      const offset = item.mul(4 * rows * columns);
      const [source, target] = [f.let(from.add(offset)), f.let(to.add(offset))];
      const at = (base: I32, outer: I32, length: number, inner: I32): I32 =>
        base.add(outer.mul(length).add(inner).shl(2));
      f.for(0, rows - 3, 4, (r) =>
        f.for(0, columns - 3, 4, (c) =>
          transpose4(f, f.let(at(source, r, columns, c)), f.let(at(target, c, rows, r)), columns, rows),
        ),
      );
      // What is left: the last columns of all rows, and the last rows of the other columns.
      const one = (r: I32, c: I32): void => f.store(at(target, c, rows, r), F32.load(at(source, r, columns, c)));
      const [wholeRows, wholeColumns] = [rows - (rows % 4), columns - (columns % 4)];
      if (wholeColumns < columns) f.for(0, rows, 1, (r) => f.for(wholeColumns, columns, 1, (c) => one(r, c)));
      if (wholeRows < rows) f.for(wholeRows, rows, 1, (r) => f.for(0, wholeColumns, 1, (c) => one(r, c)));
    });
  });
}

function transpose4(f: FunctionBuilder, from: I32, to: I32, fromRow: number, toRow: number): void {
  const rows = times(4, (r) => f.let(F32x4.load(from, 4 * r * fromRow)));
  for (const [r, row] of transposed(f, rows).entries()) f.store(to, row, 4 * r * toRow);
}

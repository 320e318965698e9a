import { F32, F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";

/** Defines the transposition of matrices `[rows, columns]` as a kernel, an item being a matrix. */
export function defineTranspose<Name extends string>(m: KernelModule<Name>, name: Name, rows: number, columns: number) {
  m.kernel(name, { from: I32, to: I32 }, (f, { from, to }, { begin, end }) => {
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

function transpose4(f: FunctionBuilder, from: Var<I32>, to: Var<I32>, fromRow: number, toRow: number): void {
  const row = (r: number): F32x4 => f.let(F32x4.load(from, 4 * r * fromRow));
  const [a, b, c, d] = [row(0), row(1), row(2), row(3)];
  const low = [f.let(a.shuffle(b, [0, 4, 1, 5])), f.let(c.shuffle(d, [0, 4, 1, 5]))] as const;
  const high = [f.let(a.shuffle(b, [2, 6, 3, 7])), f.let(c.shuffle(d, [2, 6, 3, 7]))] as const;
  for (const [i, [x, y]] of [low, high].entries()) {
    f.store(to, x.shuffle(y, [0, 1, 4, 5]), 8 * i * toRow);
    f.store(to, x.shuffle(y, [2, 3, 6, 7]), 4 * (2 * i + 1) * toRow);
  }
}

import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { minimum } from "./macro-kernel.ts";
import { columnsOf, RegisterTile, routine, type TileShape } from "./micro-kernel.ts";

const WIDE: TileShape = { rows: 1, vectors: 8 };
const NARROW: TileShape = { rows: 1, vectors: 1 };
/** Columns of an item of the kernel. */
export const ROW_COLUMNS = columnsOf(WIDE);
/** The fewest columns that it works for. */
export const LEAST_ROW_COLUMNS = columnsOf(NARROW);

/** Defines the product of one row and a matrix whose columns lie side by side, with nothing packed. */
export function defineRow(m: KernelModule<"row">): void {
  const names = ["a", "aEnd", "b", "bStride", "c", "bias", "relu"] as const;
  const define = (shape: TileShape) =>
    routine(m, names, (f, { a, aEnd, b, bStride, c, bias, relu }) => {
      const tile = new RegisterTile(f, shape);
      f.if(
        bias,
        () => tile.loadColumns(bias),
        () => tile.zero(),
      );
      tile.multiply({ a, aEnd, b, bStride });
      f.if(relu, () => tile.relu());
      tile.store(c, 0);
    });
  const [wide, narrow] = [define(WIDE), define(NARROW)];

  m.kernel(
    "row",
    { a: I32, b: I32, columns: I32, k: I32, c: I32, bias: I32, relu: I32 },
    (f, { a, b, columns, k, c, bias, relu }, { begin, end }) => {
      const aEnd = f.let(a.add(k.shl(2)));
      const bStride = f.let(columns.shl(2));
      const at = (j: I32) => ({
        ...{ a, aEnd, b: b.add(j.shl(2)), bStride, c: c.add(j.shl(2)), relu },
        bias: bias.eqz().select(bias, bias.add(j.shl(2))),
      });
      // The last tiles overlap those before them: they give the same elements again.
      f.if(
        columns.ltS(columnsOf(WIDE)),
        () =>
          f.for(0, columns, columnsOf(NARROW), (j) => narrow(f, at(f.let(minimum(j, columns.sub(columnsOf(NARROW))))))),
        () =>
          f.for(begin.mul(columnsOf(WIDE)), end.mul(columnsOf(WIDE)), columnsOf(WIDE), (j) =>
            wide(f, at(f.let(minimum(j, columns.sub(columnsOf(WIDE)))))),
          ),
      );
    },
  );
}

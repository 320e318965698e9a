import { F32, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { bestTile, columnsOf, RegisterTile, type Routine, routine, subroutine } from "./micro-kernel.ts";

/** Bytes that the macro-kernel keeps a tile in while it is at an edge. */
export const EDGE_BYTES = 256;

const MATRICES = ["rows", "columns", "k", "a", "b", "bStride", "bPanel", "c", "cStride"] as const;
const OPTIONS = ["accumulate", "bias", "relu", "edge"] as const;

/**
 * Defines the product of packed panels of A and a row of panels of B, tile by tile.
 *
 * `bStride` is the distance of two steps of `k`, `bPanel` that of two panels, so that B may be packed or not. The sums start from the
 * elements of C where `accumulate` is not 0, else from those of `bias`, one for each column, or from 0 where that is no address. Tiles at
 * an edge are computed at `edge` and then copied, so that nothing beyond C is written or read.
 */
export function defineMacroKernel(
  m: KernelModule<string>,
): Routine<(typeof MATRICES)[number] | (typeof OPTIONS)[number]> {
  const shape = bestTile(m);
  const width = columnsOf(shape);
  const tile = routine(
    m,
    ["a", "aEnd", "b", "bStride", "c", "cStride", "bias", "accumulate", "relu"],
    (f, { a, aEnd, b, bStride, c, cStride, bias, accumulate, relu }) => {
      const tile = new RegisterTile(f, shape);
      f.if(
        accumulate,
        () => tile.load(c, cStride),
        () =>
          f.if(
            bias,
            () => tile.loadColumns(bias),
            () => tile.zero(),
          ),
      );
      f.if(a.ne(aEnd), () => tile.multiply({ a, aEnd, b, bStride }));
      f.if(relu, () => tile.relu());
      tile.store(c, cStride);
    },
  );

  return subroutine(m, [...MATRICES, ...OPTIONS], (f, x) => {
    const { rows, columns, k, a, b, bStride, bPanel, c, cStride, accumulate, bias, relu, edge } = x;
    const aPanel = f.let(k.mul(4 * shape.rows));
    const [panel, at, target, stride] = [f.var(I32), f.var(I32), f.var(I32), f.var(I32)];
    f.for(0, columns, width, (j) => {
      panel.set(a);
      at.set(c.add(j.shl(2)));
      f.for(0, rows, shape.rows, (i) => {
        const part = {
          rows: f.let(rows.sub(i)),
          columns: f.let(columns.sub(j)),
        };
        const isEdge = f.let(part.rows.ltS(shape.rows).or(part.columns.ltS(width)));
        const aEnd = f.let(panel.add(aPanel));
        target.set(at);
        stride.set(cStride);
        f.if(isEdge, () => {
          part.rows.set(minimum(part.rows, shape.rows));
          part.columns.set(minimum(part.columns, width));
          target.set(edge);
          stride.set(I32.const(4 * width));
          f.if(accumulate, () => copyTile(f, part, { to: edge, stride }, { from: at, stride: cStride }));
        });
        tile(f, { a: panel, aEnd, b, bStride, c: target, cStride: stride, bias, accumulate, relu });
        f.if(isEdge, () => copyTile(f, part, { to: at, stride: cStride }, { from: edge, stride }));
        panel.set(aEnd);
        at.set(at.add(cStride.mul(shape.rows)));
      });
      b.set(b.add(bPanel));
      f.if(bias, () => bias.set(bias.add(4 * width)));
    });
  });
}

export const minimum = (x: I32, y: I32 | number): I32 => x.ltS(y).select(x, typeof y === "number" ? I32.const(y) : y);

/** Copies the part of a tile that is inside the matrix. */
function copyTile(
  f: FunctionBuilder,
  { rows, columns }: { readonly rows: I32; readonly columns: I32 },
  { to, stride: toStride }: { readonly to: I32; readonly stride: I32 },
  { from, stride: fromStride }: { readonly from: I32; readonly stride: I32 },
): void {
  const [target, source] = [f.let(to), f.let(from)];
  f.for(0, rows, 1, () => {
    f.for(0, columns.shl(2), 4, (j) => f.store(target.add(j), F32.load(source.add(j))));
    target.set(target.add(toStride));
    source.set(source.add(fromStride));
  });
}

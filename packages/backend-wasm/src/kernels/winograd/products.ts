import { F32x4, type FunctionRef, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Geometry } from "../conv2d/geometry.ts";
import { columnsOf, RegisterTile, routine, type TileShape } from "../gemm/micro-kernel.ts";
import { increase, vectors } from "../idioms.ts";
import { PANEL, type Planes } from "./layout.ts";

/**
 * A function `(inputs, weights, products, tiles)` for one point: `[tiles, channels] · [channels, outputs]`, the weights in panels of eight
 * outputs. It goes on to the next multiple of the register tile's rows.
 */
export function multiply(
  m: KernelModule<string>,
  shape: TileShape,
  { channels, outputs }: Geometry,
  inputs: Planes,
  products: Planes,
): FunctionRef {
  const { rows } = shape;
  // As `RegisterTile`, but for the rows of the left operand, which lie apart.
  return m.function(null, [I32, I32, I32, I32], (f, v, u, to, tiles) => {
    const sums = vectors(f, rows * 2);
    const [b0, b1, a] = vectors(f, 3) as [Var<F32x4>, Var<F32x4>, Var<F32x4>];
    const [at, out, end] = [f.var(I32), f.var(I32), f.var(I32)];
    f.for(0, Math.ceil(outputs / PANEL), 1, () => {
      at.set(v);
      out.set(to);
      f.for(0, tiles, rows, () => {
        const weight = f.let(u);
        end.set(at.add(4 * channels));
        for (const sum of sums) sum.set(F32x4.const(0));
        f.loop((again) => {
          b0.set(F32x4.load(weight));
          b1.set(F32x4.load(weight, 16));
          for (let row = 0; row < rows; row++) {
            a.set(F32x4.loadSplat(at, row * inputs.row));
            for (const [i, b] of [b0, b1].entries()) {
              const sum = sums[2 * row + i]!;
              sum.set(f.madd(a, b, sum));
            }
          }
          increase(weight, 4 * PANEL);
          increase(at, 4);
          again(at.ne(end));
        });
        for (const [i, sum] of sums.entries()) f.store(out, sum, (i >> 1) * products.row + 16 * (i & 1));
        increase(at, rows * inputs.row - 4 * channels);
        increase(out, rows * products.row);
      });
      increase(u, 4 * PANEL * channels);
      increase(to, 4 * PANEL);
    });
  });
}

/**
 * A function `(inputs, gradients, sums, tiles, isFirst)` for one point: `[outputs, tiles] · [tiles, channels]`, added to the sums unless it
 * is the first. It goes on to the next multiples of the register tile's sides.
 */
export function accumulate(
  m: KernelModule<string>,
  shape: TileShape,
  { channels, outputs }: Geometry,
  inputs: Planes,
  gradients: Planes,
  sums: Planes,
): FunctionRef {
  const product = routine(m, ["a", "b", "c", "tiles", "isFirst"], (f, { a, b, c, tiles, isFirst }) => {
    const tile = new RegisterTile(f, shape);
    f.if(
      isFirst,
      () => tile.zero(),
      () => tile.load(c, sums.row),
    );
    tile.multiply({
      a,
      aEnd: a.add(tiles.mul(gradients.row)),
      b,
      aStride: gradients.row,
      bStride: inputs.row,
    });
    tile.store(c, sums.row);
  });
  return m.function(null, [I32, I32, I32, I32, I32], (f, v, w, to, tiles, isFirst) => {
    const columns = columnsOf(shape);
    f.for(0, outputs, shape.rows, () => {
      const [b, c] = [f.let(v), f.let(to)];
      f.for(0, channels, columns, () => {
        product(f, { a: w, b, c, tiles, isFirst });
        increase(b, 4 * columns);
        increase(c, 4 * columns);
      });
      increase(w, 4 * shape.rows);
      increase(to, shape.rows * sums.row);
    });
  });
}

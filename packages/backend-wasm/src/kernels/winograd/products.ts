import { type FunctionRef, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Geometry } from "../conv2d/geometry.ts";
import { tile } from "../conv2d/tile.ts";
import { columnsOf, RegisterTile, routine, type TileShape } from "../gemm/micro-kernel.ts";
import { increase } from "../idioms.ts";
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
  const strides = { a: inputs, b: { k: 4 * PANEL }, c: products };
  const product = tile(m, { ...strides, bias: false, deep: false }, rows, PANEL);
  return m.function(null, [I32, I32, I32, I32], (f, v, u, to, tiles) => {
    f.for(0, Math.ceil(outputs / PANEL), 1, () => {
      const [a, c] = [f.let(v), f.let(to)];
      f.for(0, tiles, rows, () => {
        product(f, { a, b: u, c, bias: 0, length: 4 * channels, before: 0, list: 0 });
        increase(a, rows * inputs.row);
        increase(c, rows * products.row);
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

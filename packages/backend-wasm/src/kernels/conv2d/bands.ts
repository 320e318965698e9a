import type { FunctionBuilder, I32, Var } from "../../assembler/index.ts";
import { increase } from "../idioms.ts";
import { type Geometry, taps } from "./geometry.ts";

// What element (i + 1, j) of the kernel sees is what element (i, j) sees, moved by rows. So columns need not have both: it is enough to have
// the rows of the image that any i sees below each other, a band, and a list of where in it the columns of every element begin.

/** The geometry whose columns are the bands of a block of `rows` rows of the result, one for every row modulo the stride. */
export function bandsOf(g: Geometry, rows: number): Geometry {
  return {
    ...g,
    kernel: [Math.min(g.stride[0], reach(g) + 1), g.kernel[1]],
    dilation: [1, g.dilation[1]],
    positions: [rows + haloRows(g), g.positions[1]],
  };
}

/** Rows of a band beyond those of the result. */
export const haloRows = (g: Geometry): number => Math.floor(reach(g) / g.stride[0]);

/** Rows of the image from the first element of the kernel to its last. */
const reach = (g: Geometry): number => (g.kernel[0] - 1) * g.dilation[0];

/** The first row of one of so many blocks of rows, and how many it has. */
export function rowsOfBlock(
  f: FunctionBuilder,
  block: I32,
  rows: number,
  blocks: number,
): [first: Var<I32>, count: Var<I32>] {
  const first = f.let(block.mul(rows).divU(blocks));
  return [first, f.let(block.add(1).mul(rows).divU(blocks).sub(first))];
}

/** Writes where in the bands, which are `pitch` floats apart, the columns of every element of the kernel begin: offsets in bytes. */
export function writeBandList(f: FunctionBuilder, g: Geometry, pitch: number, list: I32): void {
  const each = taps(bandsOf(g, 1));
  const at = f.let(list);
  f.for(0, g.channels, 1, (channel) => {
    for (let i = 0; i < g.kernel[0]; i++) {
      const row = i * g.dilation[0];
      const plane = (row % g.stride[0]) * g.kernel[1] * pitch + Math.floor(row / g.stride[0]) * g.positions[1];
      f.for(0, g.kernel[1], 1, (j) => {
        f.store(at, channel.mul(each).add(j).mul(pitch).add(plane).shl(2));
        increase(at, 4);
      });
    }
  });
}

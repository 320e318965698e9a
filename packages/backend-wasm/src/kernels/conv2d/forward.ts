import { I32 } from "../../assembler/index.ts";
import type { Compile } from "./algorithm.ts";
import { bandsOf, haloRows, rowsOfBlock, writeBandList } from "./bands.ts";
import { gatherColumns, pitchFor } from "./columns.ts";
import { depth, imagePixels, isPointwise, nanoseconds, resultPixels } from "./geometry.ts";
import { matrixProduct } from "./tile.ts";

/** Bytes of columns that one item works on: they should stay in the second-level cache. */
const COLUMN_BYTES = 192 * 1024;
/** Pixels that the widest tile has: a block of rows has no fewer, unless the result has. */
const TILE_PIXELS = 16;

/** Whether planes of an image can be multiplied where they are: rows that lie a multiple of 1024 bytes apart evict each other from the cache. */
export const servesAsColumns = (pixels: number, channels: number): boolean => pixels % 256 !== 0 || channels <= 8;

/** The convolution as the product of the weight and an image's columns; an item is a block of rows of the result of a group. */
export const forward: Compile = (runtime, g, hasBias) => {
  const [rows, width] = g.positions;
  const pixels = resultPixels(g);
  const rowBytes = 4 * depth(bandsOf(g, 0)) * width;
  const most = Math.max(1, Math.floor(COLUMN_BYTES / rowBytes) - haloRows(g));
  const least = Math.ceil(TILE_PIXELS / width);
  const blocks = Math.max(1, Math.min(Math.ceil(rows / most), Math.floor(rows / least)));
  /** Whether the image itself serves for the columns. */
  const direct = isPointwise(g) && servesAsColumns(pixels, g.channels);
  const bands = bandsOf(g, Math.ceil(rows / blocks));
  const pitch = direct ? pixels : pitchFor(resultPixels(bands));
  const listAt = 4 * depth(bands) * pitch;

  const { conv2d } = runtime.compile<"conv2d">((m) => {
    const columns = direct ? null : gatherColumns(m, bands, pitch);
    const product = matrixProduct(m, {
      rows: g.outputs,
      depth: depth(g),
      columns: [Math.floor(rows / blocks) * width, Math.ceil(rows / blocks) * width],
      a: { row: 4 * depth(g) },
      b: { k: direct ? 4 * pitch : null },
      c: { row: 4 * pixels },
      bias: hasBias,
    });
    m.kernel("conv2d", [I32, I32, I32, I32], (f, { begin, end, scratch }, x, weight, bias, y) => {
      const list = f.let(scratch.add(listAt));
      if (!direct) writeBandList(f, g, pitch, list);
      f.for(begin, end, 1, (item) => {
        const block = f.let(item.remU(blocks));
        // Of the groups of all images.
        const group = f.let(item.divU(blocks));
        const [first, count] = rowsOfBlock(f, block, rows, blocks);
        const plane = f.let(x.add(group.mul(4 * g.channels * imagePixels(g))));
        const firstPixel = f.let(first.mul(4 * width));
        const outputs = f.let(group.remU(g.groups).mul(g.outputs));
        if (columns !== null) f.call(columns, plane, first, count.add(haloRows(g)), scratch);
        f.call(
          product,
          weight.add(outputs.mul(4 * depth(g))),
          direct ? plane.add(firstPixel) : scratch,
          y.add(group.mul(4 * g.outputs * pixels)).add(firstPixel),
          bias.add(outputs.shl(2)),
          count.mul(width),
          list,
        );
      });
    });
  });

  return {
    scratchBytes: direct ? 0 : listAt + 4 * depth(g),
    run: (images, [x, weight, bias = 0], [y], scratch) =>
      runtime.launch(conv2d, images * g.groups * blocks, nanoseconds(g) / blocks, [x!, weight!, bias, y!], [], scratch),
  };
};

import { F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { type Routine, routine } from "../gemm/micro-kernel.ts";
import { increase, times, vectors } from "../idioms.ts";
import { least } from "../lanes.ts";
import type { Compile } from "./algorithm.ts";
import { bandsOf, haloRows, rowsOfBlock, writeBandList } from "./bands.ts";
import { gatherColumns, pitchFor } from "./columns.ts";
import { blocksOf, depth, type Geometry, imagePixels, isPointwise, resultPixels, taps } from "./geometry.ts";
import { loadLanes, sumEach } from "./lanes.ts";
import { panelsOf } from "./tile.ts";
import { LANES, rowSums, stripsOf, weightSums } from "./weight-sums.ts";

/** Bytes of columns that an item works on at once: they should stay in the second-level cache. */
const COLUMN_BYTES = 256 * 1024;
/** Pixels after which adding up the lanes of a sum does not count any more. */
const ENOUGH_PIXELS = 256;
/** Rows of a tile, whose sums of vectors older engines have just enough registers for; more of them gain nothing on newer ones. */
const TILE_ROWS = 2;

/** The gradient of the weight: sums of products of the result's gradient and the columns. */
export const weightGrad: Compile = (runtime, g, bias) => {
  const [rows, width] = g.positions;
  const pixels = resultPixels(g);
  const rowBlocks = Math.max(1, Math.floor(rows / Math.ceil(ENOUGH_PIXELS / width)));
  /** Whole images whose columns an item holds at once. */
  const images = rowBlocks > 1 ? 1 : Math.ceil(ENOUGH_PIXELS / pixels);
  /** Whether the images themselves serve for the columns. */
  const direct = isPointwise(g);
  const bands = bandsOf(g, Math.ceil(rows / rowBlocks));
  const pitch = direct ? pixels : pitchFor(resultPixels(bands));
  const blocks = blocksOf(g.channels, COLUMN_BYTES / (4 * taps(bands) * pitch * images));
  const channels = g.channels / blocks;
  /** Columns of the weight that an item is about. */
  const length = depth(g) / blocks;
  const planeBytes = 4 * imagePixels(g);
  const columnBytes = 4 * (depth(bands) / blocks) * pitch;
  const imageBytes = direct ? g.groups * g.channels * planeBytes : columnBytes;
  /** Behind the columns is a list of them. */
  const listAt = direct ? 0 : images * columnBytes;
  // The sums lie as [tile, output, 4], and after them those for the bias, as [output, 4].
  const biasAt = 16 * g.outputs * Math.ceil(length / LANES);
  /** How many pixels are left behind the whole vectors of blocks of rows, where some are. */
  const remainders = [Math.floor(rows / rowBlocks), Math.ceil(rows / rowBlocks)]
    .map((count) => (count * width) % 4)
    .filter((lanes, i, all) => lanes > 0 && all.indexOf(lanes) === i);

  const plan = {
    ...{ blocks, rowBlocks, images, items: 32, speed: 50, scratchBytes: listAt + 4 * length },
    ...{ bytes: biasAt + 16 * g.outputs, strips: stripsOf(length), biasAt },
    ...{ vectorStep: 16 * g.outputs, outputStep: 16 },
  };
  return weightSums(runtime, g, bias, plan, (m) => {
    const columns = direct ? null : gatherColumns(m, { ...bands, channels }, pitch);
    const product = dotProducts(m, g, length, imageBytes, remainders);
    const addRows = bias ? rowSums(m, g, remainders, 16) : null;
    return (f, scratch) => {
      const list = f.let(scratch.add(listAt));
      writeBandList(f, { ...g, channels }, pitch, list);
      return ({ x, g: gradients, sums, group, block, visit, to }) => {
        const [first, count] = rowsOfBlock(f, f.let(visit.remU(rowBlocks)), rows, rowBlocks);
        // Of the groups of all images.
        const at = f.let(visit.divU(rowBlocks).mul(g.groups).add(group));
        const planes = at.mul(blocks).add(block);
        const plane = f.let(x.add(planes.mul(channels * planeBytes)));
        const firstPixel = f.let(first.mul(4 * width));
        const gradient = f.let(gradients.add(at.mul(4 * g.outputs * pixels)).add(firstPixel));
        const together = f.let(least(f.let(to.sub(visit)), images));
        if (columns !== null)
          f.for(0, together, 1, (image) => {
            const source = plane.add(image.mul(g.groups * g.channels * planeBytes));
            f.call(columns, source, first, count.add(haloRows(g)), scratch.add(image.mul(imageBytes)));
          });
        const seen = direct ? plane.add(firstPixel) : scratch;
        f.call(product, gradient, seen, sums, together, count.mul(width), list);
        if (addRows !== null)
          f.if(block.eqz(), () => f.call(addRows, gradient, sums.add(biasAt), together, count.mul(width)));
      };
    };
  });
};

/**
 * A function that adds the products of gradient rows and columns to sums, given the addresses of these three, the numbers of images and
 * pixels, and the list of the columns.
 */
function dotProducts(
  m: KernelModule<string>,
  g: Geometry,
  length: number,
  imageBytes: number,
  remainders: readonly number[],
) {
  const panels = panelsOf(g.outputs, TILE_ROWS);
  const strips = stripsOf(length).map(({ count, width }) => ({
    count,
    tiles: panels.map(({ height }) => dotTile(m, g, height, width, imageBytes, remainders)),
  }));
  return m.function(null, [I32, I32, I32, I32, I32, I32], (f, gradient, columns, sums, images, pixels, list) => {
    for (const { count, tiles } of strips)
      f.for(0, count, 1, () => {
        const row = f.let(gradient);
        for (const [i, { height, count }] of panels.entries())
          f.for(0, count, 1, () => {
            tiles[i]!(f, { gradient: row, columns, sums, images, pixels, list });
            increase(row, 4 * height * resultPixels(g));
            increase(sums, 16 * height);
          });
        increase(list, 4 * LANES);
      });
  });
}

const OPERANDS = ["gradient", "columns", "sums", "images", "pixels", "list"] as const;

/** One tile of it, `width` columns of the weight wide: sums run over the pixels of several images in vectors, and their lanes are added at the end. */
function dotTile(
  m: KernelModule<string>,
  g: Geometry,
  height: number,
  width: number,
  imageBytes: number,
  remainders: readonly number[],
): Routine<(typeof OPERANDS)[number]> {
  const rowBytes = 4 * resultPixels(g);
  return routine(m, OPERANDS, (f, { gradient, columns, sums: to, images, pixels, list }) => {
    const sums = times(height, () => times(width, () => f.let(F32x4.const(0))));
    const left = vectors(f, height);
    const right = f.var(F32x4);
    const column = times(width, (k) => f.let(columns.add(I32.load(list, 4 * k))));
    const i = f.var(I32);
    const step = (lanes: number): void => {
      for (const [r, value] of left.entries()) value.set(loadLanes(gradient.add(i), r * rowBytes, lanes));
      for (const [k, from] of column.entries()) {
        right.set(loadLanes(from.add(i), 0, lanes));
        for (const [r, value] of left.entries()) sums[r]![k]!.set(f.madd(value, right, sums[r]![k]!));
      }
    };
    const wholeBytes = f.let(pixels.and(-4).shl(2));
    f.for(0, images, 1, () => {
      i.set(I32.const(0));
      f.if(wholeBytes, () =>
        f.loop((again) => {
          step(4);
          increase(i, 16);
          again(i.ltU(wholeBytes));
        }),
      );
      for (const lanes of remainders) f.if(pixels.and(3).eq(lanes), () => step(lanes));
      increase(gradient, g.groups * g.outputs * rowBytes);
      for (const from of column) increase(from, imageBytes);
    });
    for (const [r, sum] of sums.entries()) f.store(to, F32x4.load(to, 16 * r).add(sumEach(f, sum)), 16 * r);
  });
}

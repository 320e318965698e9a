import { F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { type Routine, routine } from "../gemm/micro-kernel.ts";
import { bandsOf, haloRows, writeBandList } from "./bands.ts";
import { gatherColumns, pitchFor } from "./columns.ts";
import { depth, type Geometry, imagePixels, isPointwise, resultPixels, taps } from "./geometry.ts";
import { loadLanes, storeLanes, sumEach, sumLanes } from "./lanes.ts";
import { panelsOf } from "./tile.ts";

/** Bytes of columns that an item works on at once: they should stay in the second-level cache. */
const COLUMN_BYTES = 256 * 1024;
/** Pixels after which adding up the lanes of a sum does not count any more. */
const ENOUGH_PIXELS = 256;
/** Items for threads to share, unless their results would take more than so many floats. */
const ITEMS = 32;
const MAX_PARTIAL_FLOATS = 2 ** 20;
/** Columns of the weight that a tile has: the lanes of a vector of sums. */
const TILE_COLUMNS = 4;
/** Its rows, whose sums of vectors older engines have just enough registers for; more of them gain nothing on newer ones. */
const TILE_ROWS = 2;

/**
 * How the gradient of the weight is cut: into blocks of channels, and into visits of an image's block of rows, groups of which add up to a
 * partial result.
 */
export interface WeightGradPlan {
  /** Blocks of channels of a group. */
  readonly blocks: number;
  /** Blocks of rows of the result. */
  readonly rowBlocks: number;
  /** Whole images whose columns an item holds at once. */
  readonly images: number;
  /** Floats from one row of columns to the next, and from one image's columns to the next one's. */
  readonly pitch: number;
  readonly imagePitch: number;
  /** Whether the images themselves serve for the columns. */
  readonly direct: boolean;
  /** Tiles that a block of channels has side by side. */
  readonly tiles: number;
  /** Floats of an item's result: `[tile, output, 4]` and the sums for the bias, `[output, 4]`. */
  readonly partialFloats: number;
  /** What of an image is copied, and where behind that is the list of its columns. */
  readonly bands: Geometry;
  readonly listAt: number;
  /** Of every thread. */
  readonly scratchBytes: number;
}

export function weightGradPlan(g: Geometry): WeightGradPlan {
  const [rows, width] = g.positions;
  const pixels = resultPixels(g);
  const rowBlocks = Math.max(1, Math.floor(rows / Math.ceil(ENOUGH_PIXELS / width)));
  const images = rowBlocks > 1 ? 1 : Math.ceil(ENOUGH_PIXELS / pixels);
  const direct = isPointwise(g);
  const bands = bandsOf(g, Math.ceil(rows / rowBlocks));
  const pitch = direct ? pixels : pitchFor(resultPixels(bands));
  const most = Math.max(1, Math.floor(COLUMN_BYTES / (4 * taps(bands) * pitch * images)));
  let blocks = Math.ceil(g.channels / most);
  while (g.channels % blocks !== 0) blocks++;
  const tiles = Math.ceil(depth(g) / blocks / TILE_COLUMNS);
  const columnFloats = (depth(bands) / blocks) * pitch;
  const listAt = direct ? 0 : 4 * images * columnFloats;
  return {
    blocks,
    rowBlocks,
    images,
    pitch,
    imagePitch: direct ? g.groups * g.channels * pixels : columnFloats,
    direct,
    tiles,
    partialFloats: 4 * (tiles + 1) * g.outputs,
    bands,
    listAt,
    scratchBytes: listAt + (4 * depth(g)) / blocks,
  };
}

/** Visits that add up to one partial result: as many as the threads' work and memory want, whole batches of images. */
export function visitsPerPartial(g: Geometry, images: number): number {
  const plan = weightGradPlan(g);
  const pieces = g.groups * plan.blocks;
  const partials = Math.max(1, Math.min(ITEMS / pieces, MAX_PARTIAL_FLOATS / (pieces * plan.partialFloats)));
  return plan.images * Math.max(1, Math.ceil((images * plan.rowBlocks) / (Math.floor(partials) * plan.images)));
}

/**
 * Defines the gradient of the weight in two kernels. For `partial` an item is a group of so many `visits` for a block of channels: it writes
 * the sums of products of the result's gradient and the columns. `total` adds them up in their order, an item being an output.
 */
export function defineWeightGrad(m: KernelModule<"partial" | "total">, g: Geometry, bias: boolean): void {
  const plan = weightGradPlan(g);
  const [rows, width] = g.positions;
  const channels = g.channels / plan.blocks;
  const planeBytes = 4 * imagePixels(g);
  const columns = plan.direct ? null : gatherColumns(m, { ...plan.bands, channels }, plan.pitch);
  const product = dotProducts(m, g);
  const sums = bias ? rowSums(m, g) : null;
  const params = { x: I32, g: I32, partial: I32, visits: I32, all: I32 };
  m.kernel("partial", params, (f, values, { begin, end, scratch }) => {
    const list = f.let(scratch.add(plan.listAt));
    writeBandList(f, { ...g, channels }, plan.pitch, list);
    f.for(begin, end, 1, (item) => {
      const block = f.let(item.remU(plan.blocks));
      const group = f.let(item.divU(plan.blocks).remU(g.groups));
      const from = f.let(item.divU(plan.blocks * g.groups).mul(values.visits));
      const to = f.let(smaller(f.let(from.add(values.visits)), values.all));
      const partial = f.let(values.partial.add(item.mul(4 * plan.partialFloats)));
      f.fill(partial, I32.const(0), I32.const(4 * plan.partialFloats));
      f.for(from, to, plan.images, (visit) => {
        const rowBlock = f.let(visit.remU(plan.rowBlocks));
        const first = f.let(rowBlock.mul(rows).divU(plan.rowBlocks));
        const count = f.let(rowBlock.add(1).mul(rows).divU(plan.rowBlocks).sub(first));
        // Of the groups of all images.
        const at = f.let(visit.divU(plan.rowBlocks).mul(g.groups).add(group));
        const plane = f.let(
          values.x.add(
            at
              .mul(plan.blocks)
              .add(block)
              .mul(channels * planeBytes),
          ),
        );
        const firstPixel = f.let(first.mul(4 * width));
        const gradient = f.let(values.g.add(at.mul(4 * g.outputs * resultPixels(g))).add(firstPixel));
        const images = f.let(smaller(f.let(to.sub(visit)), I32.const(plan.images)));
        if (columns !== null)
          f.for(0, images, 1, (image) => {
            const source = plane.add(image.mul(g.groups * g.channels * planeBytes));
            f.call(columns, source, first, count.add(haloRows(g)), scratch.add(image.mul(4 * plan.imagePitch)));
          });
        const seen = plan.direct ? plane.add(firstPixel) : scratch;
        f.call(product, gradient, seen, partial, images, count.mul(width), list);
        if (sums !== null)
          f.if(block.eqz(), () =>
            f.call(sums, gradient, partial.add(16 * plan.tiles * g.outputs), images, count.mul(width)),
          );
      });
    });
  });
  defineTotal(m, g, bias);
}

const smaller = (a: I32, b: I32): I32 => a.ltS(b).select(a, b);

/**
 * A function that adds the products of gradient rows and columns to a partial result, given the addresses of these three, the numbers of
 * images and pixels, and the list of the columns.
 */
function dotProducts(m: KernelModule<string>, g: Geometry) {
  const { blocks } = weightGradPlan(g);
  const panels = panelsOf(g.outputs, TILE_ROWS);
  const length = depth(g) / blocks;
  const bands = [
    { width: TILE_COLUMNS, count: Math.floor(length / TILE_COLUMNS) },
    { width: length % TILE_COLUMNS, count: 1 },
  ]
    .filter(({ width, count }) => width > 0 && count > 0)
    .map((band) => ({ ...band, tiles: panels.map(({ height }) => dotTile(m, g, height, band.width)) }));
  return m.function(null, [I32, I32, I32, I32, I32, I32], (f, gradient, columns, partial, images, pixels, list) => {
    for (const band of bands)
      f.for(0, band.count, 1, () => {
        const row = f.let(gradient);
        for (const [i, { height, count }] of panels.entries())
          f.for(0, count, 1, () => {
            band.tiles[i]!(f, { gradient: row, columns, partial, images, pixels, list });
            row.set(row.add(4 * height * resultPixels(g)));
            partial.set(partial.add(16 * height));
          });
        list.set(list.add(4 * TILE_COLUMNS));
      });
  });
}

const OPERANDS = ["gradient", "columns", "partial", "images", "pixels", "list"] as const;
type Tile = Routine<(typeof OPERANDS)[number]>;

/** One tile of it, `width` columns of the weight wide: sums run over the pixels of several images in vectors, and their lanes are added at the end. */
function dotTile(m: KernelModule<string>, g: Geometry, height: number, width: number): Tile {
  const { imagePitch } = weightGradPlan(g);
  const rowBytes = 4 * resultPixels(g);
  return routine(m, OPERANDS, (f, { gradient, columns, partial, images, pixels, list }) => {
    const sums = Array.from({ length: height }, () => Array.from({ length: width }, () => f.let(F32x4.const(0))));
    const left = Array.from({ length: height }, () => f.var(F32x4));
    const right = f.var(F32x4);
    const column = Array.from({ length: width }, (_, k) => f.let(columns.add(I32.load(list, 4 * k))));
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
          i.set(i.add(16));
          again(i.ltU(wholeBytes));
        }),
      );
      for (const lanes of remainders(g)) f.if(pixels.and(3).eq(lanes), () => step(lanes));
      gradient.set(gradient.add(g.groups * g.outputs * rowBytes));
      for (const from of column) from.set(from.add(4 * imagePitch));
    });
    for (const [r, sum] of sums.entries()) f.store(partial, F32x4.load(partial, 16 * r).add(sumEach(f, sum)), 16 * r);
  });
}

/** A function that adds the vectors of gradient rows to the sums for the bias. */
function rowSums(m: KernelModule<string>, g: Geometry) {
  const rowBytes = 4 * resultPixels(g);
  return m.function(null, [I32, I32, I32, I32], (f, gradient, partial, images, pixels) => {
    const wholeBytes = f.let(pixels.and(-4).shl(2));
    f.for(0, images, 1, () => {
      const [row, to] = [f.let(gradient), f.let(partial)];
      f.for(0, g.outputs, 1, () => {
        const sum = f.let(F32x4.load(to));
        f.for(0, wholeBytes, 16, (i) => sum.set(sum.add(F32x4.load(row.add(i)))));
        for (const lanes of remainders(g))
          f.if(pixels.and(3).eq(lanes), () => sum.set(sum.add(loadLanes(row.add(wholeBytes), 0, lanes))));
        f.store(to, sum);
        row.set(row.add(rowBytes));
        to.set(to.add(16));
      });
      gradient.set(gradient.add(g.groups * g.outputs * rowBytes));
    });
  });
}

/** How many pixels are left behind the whole vectors of blocks of rows, where some are. */
function remainders(g: Geometry): number[] {
  const [rows, width] = g.positions;
  const { rowBlocks } = weightGradPlan(g);
  const counts = [Math.floor(rows / rowBlocks), Math.ceil(rows / rowBlocks)].map((count) => (count * width) % 4);
  return [...new Set(counts)].filter((lanes) => lanes > 0);
}

function defineTotal(m: KernelModule<"partial" | "total">, g: Geometry, bias: boolean): void {
  const { blocks, tiles, partialFloats } = weightGradPlan(g);
  const length = depth(g) / blocks;
  const params = { partial: I32, count: I32, dw: I32, db: I32 };
  m.kernel("total", params, (f, { partial, count, dw, db }, { begin, end }) => {
    const sumAt = (address: I32) => {
      const [sum, at] = [f.let(F32x4.const(0)), f.let(address)];
      f.for(0, count, 1, () => {
        sum.set(sum.add(F32x4.load(at)));
        at.set(at.add(4 * g.groups * blocks * partialFloats));
      });
      return sum;
    };
    f.for(begin, end, 1, (output) => {
      const group = output.divU(g.outputs).mul(4 * blocks * partialFloats);
      const from = f.let(partial.add(group).add(output.remU(g.outputs).shl(4)));
      const to = f.let(dw.add(output.mul(4 * blocks * length)));
      if (bias) f.store(db.add(output.shl(2)), sumLanes(sumAt(from.add(16 * tiles * g.outputs))));
      f.for(0, blocks, 1, () => {
        const tile = f.let(from);
        f.for(0, length >> 2, 1, () => {
          f.store(to, sumAt(tile));
          to.set(to.add(16));
          tile.set(tile.add(16 * g.outputs));
        });
        if (length % 4 !== 0) {
          storeLanes(f, to, sumAt(tile), 0, length % 4);
          to.set(to.add(4 * (length % 4)));
        }
        from.set(from.add(4 * partialFloats));
      });
    });
  });
}

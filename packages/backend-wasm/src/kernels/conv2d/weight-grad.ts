import { F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { gatherColumns, pitchFor } from "./columns.ts";
import { depth, type Geometry, imagePixels, isPointwise, resultPixels } from "./geometry.ts";
import { loadLanes, storeLanes, sumEach, sumLanes } from "./lanes.ts";
import { panelsOf } from "./tile.ts";

/** Bytes of columns that an item works on at once: they should stay in the second-level cache. */
const COLUMN_BYTES = 192 * 1024;
/** Pixels after which adding up the lanes of a sum does not count any more. */
const ENOUGH_PIXELS = 512;
/** Items for threads to share, unless the partial results would take more than so many floats. */
const ITEMS = 16;
const MAX_PARTIAL_FLOATS = 2 ** 22;
/** Columns of the weight that a tile has: the lanes of a vector of sums. */
const TILE_COLUMNS = 4;

/** How the gradient of the weight is cut: into visits of an image's block of rows, and groups of them that add up to a partial result. */
export interface WeightGradPlan {
  /** Blocks of rows of the result. */
  readonly blocks: number;
  /** Whole images whose columns an item holds at once. */
  readonly images: number;
  /** Floats from one row of columns to the next, and from one image's columns to the next one's. */
  readonly pitch: number;
  readonly imagePitch: number;
  /** Whether the images themselves serve for the columns. */
  readonly direct: boolean;
  /** Floats of a partial result's row: those of the weight's, rounded up, and a vector for the bias. */
  readonly rowFloats: number;
  /** Of every thread. */
  readonly scratchBytes: number;
}

export function weightGradPlan(g: Geometry): WeightGradPlan {
  const [rows, width] = g.positions;
  const most = Math.max(1, Math.floor(COLUMN_BYTES / (4 * depth(g) * width)));
  const blocks = Math.ceil(rows / most);
  const direct = isPointwise(g) && depth(g) % TILE_COLUMNS === 0;
  const pitch = direct ? resultPixels(g) : pitchFor(Math.ceil(rows / blocks) * width);
  const padded = TILE_COLUMNS * Math.ceil(depth(g) / TILE_COLUMNS);
  const columnFloats = padded * pitch;
  const images =
    blocks > 1
      ? 1
      : Math.max(1, Math.min(Math.ceil(ENOUGH_PIXELS / resultPixels(g)), Math.floor(COLUMN_BYTES / 4 / columnFloats)));
  return {
    blocks,
    images,
    pitch,
    imagePitch: direct ? g.groups * g.channels * imagePixels(g) : columnFloats,
    direct,
    rowFloats: padded + 4,
    scratchBytes: direct ? 0 : 4 * images * columnFloats,
  };
}

/** Floats of a partial result. */
export const partialFloats = (g: Geometry): number => g.groups * g.outputs * weightGradPlan(g).rowFloats;

/** Visits that add up to one partial result: as many as the threads' work and memory want, whole batches of images. */
export function visitsPerPartial(g: Geometry, images: number): number {
  const plan = weightGradPlan(g);
  const items = Math.max(1, Math.min(ITEMS, Math.floor(MAX_PARTIAL_FLOATS / partialFloats(g))));
  return plan.images * Math.max(1, Math.ceil((images * plan.blocks) / (items * plan.images)));
}

/**
 * Defines the gradient of the weight in two kernels. For `partial` an item is a group of so many `visits` of a convolution's group, whose
 * sums of products of the result's gradient and of the columns it writes; `total` adds them up in their order, an item being an output.
 */
export function defineWeightGrad(m: KernelModule<"partial" | "total">, g: Geometry, bias: boolean): void {
  const plan = weightGradPlan(g);
  const [rows, width] = g.positions;
  const pixels = resultPixels(g);
  const rowBytes = 4 * plan.rowFloats;
  const columns = plan.direct ? null : gatherColumns(m, g, plan.pitch);
  const product = dotProducts(m, g);
  const sums = bias ? rowSums(m, g) : null;
  const params = { x: I32, g: I32, partial: I32, visits: I32, all: I32 };
  const padding = plan.rowFloats - 4 - depth(g);
  m.kernel("partial", params, (f, values, { begin, end, scratch }) => {
    // Rows that only fill up the last tile may hold anything, but numbers that slow the machine down.
    if (padding > 0)
      for (let image = 0; image < plan.images; image++)
        f.fill(
          scratch.add(4 * (image * plan.imagePitch + depth(g) * plan.pitch)),
          I32.const(0),
          I32.const(4 * padding * plan.pitch),
        );
    f.for(begin, end, 1, (item) => {
      const group = f.let(item.remU(g.groups));
      const from = f.let(item.divU(g.groups).mul(values.visits));
      const to = f.let(from.add(values.visits));
      f.if(to.gtS(values.all), () => to.set(values.all));
      const partial = f.let(values.partial.add(item.mul(g.outputs * rowBytes)));
      f.fill(partial, I32.const(0), I32.const(g.outputs * rowBytes));
      f.for(from, to, plan.images, (visit) => {
        const block = f.let(visit.remU(plan.blocks));
        const first = f.let(block.mul(rows).divU(plan.blocks));
        const count = f.let(block.add(1).mul(rows).divU(plan.blocks).sub(first));
        const planes = f.let(visit.divU(plan.blocks).mul(g.groups).add(group));
        const plane = f.let(values.x.add(planes.mul(4 * g.channels * imagePixels(g))));
        const gradient = f.let(values.g.add(planes.mul(4 * g.outputs * pixels)).add(first.mul(4 * width)));
        const images = f.let(to.sub(visit));
        f.if(images.gtS(plan.images), () => images.set(I32.const(plan.images)));
        const seen = f.let(plan.direct ? plane.add(first.mul(4 * width)) : scratch);
        if (columns !== null)
          f.for(0, images, 1, (image) => {
            f.call(
              columns,
              plane.add(image.mul(4 * g.groups * g.channels * imagePixels(g))),
              first,
              count,
              scratch.add(image.mul(4 * plan.imagePitch)),
            );
          });
        f.call(product, gradient, seen, partial, images, count.mul(width));
        if (sums !== null) f.call(sums, gradient, partial.add(rowBytes - 16), images, count.mul(width));
      });
    });
  });
  defineTotal(m, g, bias);
}

/**
 * A function that adds the products of gradient rows and column rows to a partial result, given the addresses of these three, and the
 * numbers of images and pixels. Sums run over the pixels of several images in vectors; their lanes are added at the end.
 */
function dotProducts(m: KernelModule<string>, g: Geometry) {
  const { pitch, rowFloats } = weightGradPlan(g);
  const panels = panelsOf(g.outputs, m.tileRows === 6 && m.target.relaxed ? 3 : 2);
  const tiles = panels.map(({ height }) => dotTile(m, g, height));
  const tileColumns = Math.ceil(depth(g) / TILE_COLUMNS);
  return m.function(null, [I32, I32, I32, I32, I32], (f, gradient, columns, partial, images, pixels) => {
    f.for(0, tileColumns, 1, () => {
      const [row, to] = [f.let(gradient), f.let(partial)];
      for (const [i, { height, count }] of panels.entries())
        f.for(0, count, 1, () => {
          f.call(tiles[i]!, row, columns, to, images, pixels);
          row.set(row.add(4 * height * resultPixels(g)));
          to.set(to.add(4 * height * rowFloats));
        });
      columns.set(columns.add(4 * TILE_COLUMNS * pitch));
      partial.set(partial.add(4 * TILE_COLUMNS));
    });
  });
}

/** One tile of it: `height` outputs by four columns of the weight. */
function dotTile(m: KernelModule<string>, g: Geometry, height: number) {
  const { pitch, imagePitch, rowFloats } = weightGradPlan(g);
  const rowBytes = 4 * resultPixels(g);
  return m.function(null, [I32, I32, I32, I32, I32], (f, gradient, columns, partial, images, pixels) => {
    const sums = Array.from({ length: height }, () => Array.from({ length: TILE_COLUMNS }, () => f.var(F32x4)));
    const left = Array.from({ length: height }, () => f.var(F32x4));
    const right = f.var(F32x4);
    const [a, b] = [f.var(I32), f.var(I32)];
    const step = (load: (address: I32, offset: number) => F32x4): void => {
      for (const [r, value] of left.entries()) value.set(load(a, r * rowBytes));
      for (let k = 0; k < TILE_COLUMNS; k++) {
        right.set(load(b, 4 * k * pitch));
        for (const [r, value] of left.entries()) sums[r]![k]!.set(f.madd(value, right, sums[r]![k]!));
      }
    };
    const wholeBytes = f.let(pixels.and(-4).shl(2));
    f.loop((nextImage) => {
      a.set(gradient);
      b.set(columns);
      const end = f.let(a.add(wholeBytes));
      f.if(wholeBytes, () =>
        f.loop((again) => {
          step((address, offset) => F32x4.load(address, offset));
          a.set(a.add(16));
          b.set(b.add(16));
          again(a.ne(end));
        }),
      );
      remainders(g).forEach((lanes) =>
        f.if(pixels.and(3).eq(lanes), () => step((address, offset) => loadLanes(address, offset, lanes))),
      );
      gradient.set(gradient.add(g.groups * g.outputs * rowBytes));
      columns.set(columns.add(4 * imagePitch));
      images.set(images.sub(1));
      nextImage(images);
    });
    for (const [r, sum] of sums.entries()) {
      const offset = 4 * r * rowFloats;
      f.store(partial, F32x4.load(partial, offset).add(sumEach(f, sum)), offset);
    }
  });
}

/** A function that adds the vectors of gradient rows to the vectors that partial results have for the bias. */
function rowSums(m: KernelModule<string>, g: Geometry) {
  const rowBytes = 4 * resultPixels(g);
  return m.function(null, [I32, I32, I32, I32], (f, gradient, partial, images, pixels) => {
    const wholeBytes = f.let(pixels.and(-4).shl(2));
    f.for(0, images, 1, () => {
      const [row, to] = [f.let(gradient), f.let(partial)];
      f.for(0, g.outputs, 1, () => {
        const sum = f.let(F32x4.load(to));
        f.for(0, wholeBytes, 16, (i) => sum.set(sum.add(F32x4.load(row.add(i)))));
        remainders(g).forEach((lanes) =>
          f.if(pixels.and(3).eq(lanes), () => sum.set(sum.add(loadLanes(row.add(wholeBytes), 0, lanes)))),
        );
        f.store(to, sum);
        row.set(row.add(rowBytes));
        to.set(to.add(4 * weightGradPlan(g).rowFloats));
      });
      gradient.set(gradient.add(g.groups * g.outputs * rowBytes));
    });
  });
}

/** How many pixels are left behind the whole vectors of blocks of rows, where some are. */
function remainders(g: Geometry): number[] {
  const [rows, width] = g.positions;
  const { blocks } = weightGradPlan(g);
  const counts = [Math.floor(rows / blocks), Math.ceil(rows / blocks)].map((count) => (count * width) % 4);
  return [...new Set(counts)].filter((lanes) => lanes > 0);
}

/** Adds up partial results. */
function defineTotal(m: KernelModule<"partial" | "total">, g: Geometry, bias: boolean): void {
  const { rowFloats } = weightGradPlan(g);
  const partialBytes = 4 * partialFloats(g);
  const length = depth(g);
  const params = { partial: I32, count: I32, dw: I32, db: I32 };
  m.kernel("total", params, (f, { partial, count, dw, db }, { begin, end }) => {
    const sumAt = (address: I32) => {
      const sum = f.var(F32x4);
      const at = f.let(address);
      sum.set(F32x4.const(0));
      f.for(0, count, 1, () => {
        sum.set(sum.add(F32x4.load(at)));
        at.set(at.add(partialBytes));
      });
      return sum;
    };
    f.for(begin, end, 1, (output) => {
      const row = f.let(partial.add(output.mul(4 * rowFloats)));
      const to = f.let(dw.add(output.mul(4 * length)));
      if (length >= 4) f.for(0, 4 * (length - 3), 16, (i) => f.store(to.add(i), sumAt(row.add(i))));
      if (length % 4 !== 0) {
        const whole = 4 * (length - (length % 4));
        storeLanes(f, to, sumAt(row.add(whole)), whole, length % 4);
      }
      if (bias) f.store(db.add(output.shl(2)), sumLanes(sumAt(row.add(4 * (rowFloats - 4)))));
    });
  });
}

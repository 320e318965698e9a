import { F32, F32x4, type FunctionRef, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase, times, transposed } from "../idioms.ts";
import { least } from "../lanes.ts";
import { FRAME, type Grid, type Planes, TILE } from "./layout.ts";
import { type Images, positionOf } from "./patch.ts";
import type { Transform } from "./transforms.ts";

/** Bytes of scratch memory: the pixels of a patch, and its points after the first of two passes. */
export const loadScratch = ({ rows, columns }: Grid): number =>
  16 * (TILE * columns + FRAME - TILE) * (TILE * rows + FRAME - TILE + FRAME);

/**
 * A function `(images, patch, to, scratch)` that transforms the tiles of a patch into planes, four channels in the lanes of a vector.
 *
 * Every pixel is brought into lanes once (`gather`), and columns that neighbouring tiles share are transformed once.
 */
export function loadPatch(
  m: KernelModule<string>,
  grid: Grid,
  images: Images,
  { size, transform }: { readonly size: 4 | 6; readonly transform: Transform },
  planes: Planes,
): FunctionRef {
  const { channels, padding } = images;
  const [height, width] = images.size;
  const rows = TILE * grid.rows + size - TILE;
  const columns = TILE * grid.columns + size - TILE;
  const pitch = 16 * columns;
  const gather = gatherChannels(m, 4 * width, pitch);

  /** `(pixels, points, to)`: pixels `[rows, columns, 4]` to one vector for every point of a tile. */
  const spread = m.function(null, [I32, I32, I32], (f, pixels, points, to) => {
    f.for(0, grid.rows, 1, () => {
      const [from, at] = [f.let(pixels), f.let(points)];
      f.for(0, columns, 1, () => {
        const column = times(size, (r) => F32x4.load(from, r * pitch));
        for (const [r, value] of transform(f, column).entries()) f.store(at, value, r * pitch);
        increase(from, 16);
        increase(at, 16);
      });
      at.set(points);
      f.for(0, grid.columns, 1, () => {
        for (let r = 0; r < FRAME; r++) {
          const row = times(size, (c) => F32x4.load(at, r * pitch + 16 * c));
          for (const [c, value] of transform(f, row).entries()) f.store(to, value, (r * FRAME + c) * planes.plane);
        }
        increase(at, 16 * TILE);
        increase(to, planes.row);
      });
      increase(pixels, TILE * pitch);
    });
  });

  return m.function(null, [I32, I32, I32, I32], (f, from, patch, to, scratch) => {
    const { image, down, across } = positionOf(f, grid, patch);
    const top = f.let(down.mul(TILE * grid.rows).sub(padding[0]));
    const left = f.let(across.mul(TILE * grid.columns).sub(padding[1]));
    const above = f.let(top.ltS(0).select(I32.const(0).sub(top), I32.const(0)));
    const before = f.let(left.ltS(0).select(I32.const(0).sub(left), I32.const(0)));
    const count = f.let(least(f.let(I32.const(height).sub(top)), rows).sub(above));
    const length = f.let(least(f.let(I32.const(width).sub(left)), columns).sub(before));
    f.if(count.ne(rows).or(length.ne(columns)), () => f.fill(scratch, I32.const(0), I32.const(pitch * rows)));
    const line = f.let(
      image
        .mul(channels * height)
        .add(top)
        .add(above),
    );
    increase(from, line.mul(width).add(left).add(before).shl(2));
    const pixels = f.let(scratch.add(above.mul(columns).add(before).shl(4)));
    const plane = 4 * height * width;
    f.for(0, channels, 4, (c) => {
      // What lies behind the last channel may be no memory of ours: the first of the four stands in for it.
      const offsets = [1, 2, 3].map((i) =>
        channels % 4 === 0 ? I32.const(i * plane) : c.ltS(channels - i).select(I32.const(i * plane), I32.const(0)),
      );
      f.call(gather, from, pixels, count, length, ...offsets);
      f.call(spread, scratch, scratch.add(pitch * rows), to);
      increase(from, 4 * plane);
      increase(to, 16);
    });
  });
}

/** A function `(from, to, count, length, …offsets)` that brings `count` rows of `length` pixels of four channels into lanes. */
function gatherChannels(m: KernelModule<string>, width: number, pitch: number): FunctionRef {
  return m.function(null, [I32, I32, I32, I32, I32, I32, I32], (f, from, to, count, length, ...offsets) => {
    const end = f.let(from.add(count.mul(width)));
    const last = f.let(length.sub(4));
    const at = f.var(I32);
    f.loop((again) => {
      f.if(
        last.geS(0),
        () =>
          f.for(0, length, 4, (i) => {
            // The last four overlap others where the length is no multiple of four.
            at.set(least(i, last));
            const source = f.let(from.add(at.shl(2)));
            const target = f.let(to.add(at.shl(4)));
            const four = [source, ...offsets.map((offset) => source.add(offset))].map((address) =>
              f.let(F32x4.load(address)),
            );
            for (const [k, pixel] of transposed(f, four).entries()) f.store(target, pixel, 16 * k);
          }),
        () =>
          f.for(0, length, 1, (i) => {
            const source = f.let(from.add(i.shl(2)));
            const target = f.let(to.add(i.shl(4)));
            f.store(target, F32.load(source));
            for (const [k, offset] of offsets.entries()) f.store(target, F32.load(source.add(offset)), 4 * (k + 1));
          }),
      );
      increase(from, width);
      increase(to, pitch);
      again(from.ne(end));
    });
  });
}

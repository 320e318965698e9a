import { F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase, times, vectors } from "../idioms.ts";
import { least } from "../lanes.ts";
import { storeLanes } from "./lanes.ts";

/** A product that goes into every element of a filtered plane. */
export interface Tap {
  /** Where in the frame it looks, in floats from the element's own place. */
  readonly frame: number;
  /** Its factor's place in the weight. */
  readonly weight: number;
}

/** A filter `to[row, column] = bias + Σ weight[tap] · frame[row, column, tap]`. Counts are in floats. */
export interface Filter {
  readonly taps: readonly Tap[];
  readonly rows: number;
  readonly columns: number;
  /** From one row to the next. */
  readonly frameRow: number;
  readonly toRow: number;
  readonly bias: boolean;
}

/** Vectors of sums that a tile has. */
const TILE_VECTORS = 8;

/** Cuts a row into tiles of at most `most` vectors; where a vector of a tile begins. The last vector reaches back into the one before. */
function tileOf(columns: number, most: number): number[] {
  const vectors = Math.ceil(columns / 4);
  const width = Math.ceil(vectors / Math.ceil(vectors / most));
  return times(width, (v) => Math.max(0, Math.min(4 * v, columns - 4)));
}

/** Bytes of the list of so many taps. */
export const tapListBytes = (taps: number): number => 8 * taps;

/**
 * Defines a filter as a function of the addresses of frame, weight, bias, result, and the list of taps, and the function that writes the
 * list. The taps are in memory because V8 < 13 runs out of registers where they are unrolled.
 */
export function filter(m: KernelModule<string>, { taps, rows, columns, bias: hasBias, ...layout }: Filter) {
  const starts = tileOf(columns, TILE_VECTORS);
  const width = Math.min(columns, 4 * starts.length);
  const height = Math.min(rows, Math.max(1, Math.floor(TILE_VECTORS / starts.length)));
  const places = times(height, (row) => starts.map((start) => ({ row, start }))).flat();
  const writeList = m.function(null, [I32], (f, to) => {
    for (const [i, { frame, weight }] of taps.entries()) {
      f.store(to, I32.const(4 * frame), 8 * i);
      f.store(to, I32.const(4 * weight), 8 * i + 4);
    }
  });
  const apply = m.function(null, [I32, I32, I32, I32, I32], (f, frame, weight, bias, to, list) => {
    const sums = vectors(f, places.length);
    const value = f.var(F32x4);
    const [at, seen, tap] = [f.var(I32), f.var(I32), f.var(I32)];
    const end = f.let(list.add(tapListBytes(taps.length)));
    // Tiles at the edges overlap others, whose elements they compute again.
    f.for(0, rows, height, (r) => {
      const row = f.let(least(r, rows - height));
      f.for(0, columns, width, (c) => {
        const column = f.let(least(c, columns - width));
        const from = f.let(frame.add(row.mul(layout.frameRow).add(column).shl(2)));
        for (const sum of sums) sum.set(hasBias ? F32x4.loadSplat(bias) : F32x4.const(0));
        tap.set(list);
        f.loop((again) => {
          seen.set(from.add(I32.load(tap)));
          value.set(F32x4.loadSplat(weight.add(I32.load(tap, 4))));
          for (const [v, { row, start }] of places.entries())
            sums[v]!.set(f.madd(value, F32x4.load(seen, 4 * (row * layout.frameRow + start)), sums[v]!));
          increase(tap, 8);
          again(tap.ne(end));
        });
        at.set(to.add(row.mul(layout.toRow).add(column).shl(2)));
        for (const [v, { row, start }] of places.entries())
          storeLanes(f, at, sums[v]!, 4 * (row * layout.toRow + start), Math.min(4, columns));
      });
    });
  });
  return { writeList, apply };
}

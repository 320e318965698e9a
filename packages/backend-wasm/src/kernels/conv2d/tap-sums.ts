import { F32, F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { gatherColumns } from "./columns.ts";
import { frameOf, tapOffset } from "./frame.ts";
import { type Geometry, imagePixels, resultPixels, taps } from "./geometry.ts";
import { loadLanes, sumEach, sumLanes } from "./lanes.ts";
import { panelsOf } from "./tile.ts";

/** Items for threads to share. */
const ITEMS = 16;
/** Taps whose sums are in registers at once. */
const MAX_SUMS = 8;

/** How the gradient of the weight is cut into partial results of groups of images. */
export function tapSumsPlan(g: Geometry, images: number) {
  const groups = Math.max(1, Math.floor(ITEMS / g.groups));
  const each = Math.max(1, Math.ceil(images / groups));
  return { images: each, partials: Math.ceil(images / each), rowFloats: rowFloats(g) };
}

/** Passes over a plane, the taps of each, and where its sums begin in a partial result's row. */
function passesOf(g: Geometry): { readonly first: number; readonly count: number; readonly at: number }[] {
  const passes = [];
  let [first, at] = [0, 0];
  for (const { height, count } of panelsOf(taps(g), MAX_SUMS))
    for (let i = 0; i < count; i++) {
      passes.push({ first, count: height, at });
      first += height;
      at += 4 * Math.ceil(height / 4);
    }
  return passes;
}

/** The sums of all passes and a vector for the bias. */
function rowFloats(g: Geometry): number {
  const last = passesOf(g).at(-1)!;
  return last.at + 4 * Math.ceil(last.count / 4) + 4;
}

/**
 * Defines the gradient of a weight with one channel per group in two kernels. For `partial` an item is a channel of a group of so many
 * `images`, for whose outputs it writes the sums of every tap; `total` adds them up in their order, an item being an output.
 */
export function defineTapSums(m: KernelModule<"partial" | "total">, g: Geometry, bias: boolean): void {
  const frame = frameOf(g);
  const copy = gatherColumns(m, frame, resultPixels(frame));
  const passes = passesOf(g).map((pass) => sumTaps(m, g, pass));
  const sums = bias ? rowSum(m, g) : null;
  const rowBytes = 4 * rowFloats(g);
  const params = { x: I32, g: I32, partial: I32, images: I32, all: I32 };
  m.kernel("partial", params, (f, values, { begin, end, scratch }) => {
    f.for(begin, end, 1, (item) => {
      const group = f.let(item.remU(g.groups));
      const from = f.let(item.divU(g.groups).mul(values.images));
      const to = f.let(from.add(values.images));
      f.if(to.gtS(values.all), () => to.set(values.all));
      const partial = f.let(values.partial.add(item.mul(g.outputs * rowBytes)));
      f.fill(partial, I32.const(0), I32.const(g.outputs * rowBytes));
      f.for(from, to, 1, (image) => {
        const plane = f.let(image.mul(g.groups).add(group));
        const source = values.x.add(plane.mul(4 * imagePixels(g)));
        f.call(copy, source, I32.const(0), I32.const(frame.positions[0]), scratch);
        const gradient = f.let(values.g.add(plane.mul(4 * g.outputs * resultPixels(g))));
        const row = f.let(partial);
        f.for(0, g.outputs, 1, () => {
          for (const pass of passes) f.call(pass, gradient, scratch, row);
          if (sums !== null) f.call(sums, gradient, row.add(rowBytes - 16));
          gradient.set(gradient.add(4 * resultPixels(g)));
          row.set(row.add(rowBytes));
        });
      });
    });
  });
  defineTotal(m, g, bias);
}

/** A function that adds the products of a plane of the result's gradient and of a frame, for some taps, to a row of sums. */
function sumTaps(m: KernelModule<string>, g: Geometry, { first, count, at }: ReturnType<typeof passesOf>[number]) {
  const [rows, width] = g.positions;
  const frame = frameOf(g);
  const offsets = Array.from({ length: count }, (_, t) => {
    const tap = first + t;
    return 4 * tapOffset(g, frame, Math.floor(tap / g.kernel[1]), tap % g.kernel[1]);
  });
  return m.function(null, [I32, I32, I32], (f, gradient, framed, row) => {
    const sums = offsets.map(() => f.var(F32x4));
    const value = f.var(F32x4);
    const step = (lanes: number): void => {
      value.set(loadLanes(gradient, 0, lanes));
      for (const [t, sum] of sums.entries()) sum.set(f.madd(value, loadLanes(framed, offsets[t]!, lanes), sum));
      gradient.set(gradient.add(4 * lanes));
      framed.set(framed.add(4 * lanes));
    };
    f.for(0, rows, 1, () => {
      f.for(0, width >> 2, 1, () => step(4));
      if (width % 4 !== 0) step(width % 4);
      framed.set(framed.add(4 * (g.stride[0] * frame.positions[1] - width)));
    });
    for (let t = 0; t < count; t += 4) {
      const offset = 4 * (at + t);
      f.store(row, F32x4.load(row, offset).add(sumEach(f, sums.slice(t, t + 4))), offset);
    }
  });
}

/** A function that adds a plane of the result's gradient to a vector of sums. */
function rowSum(m: KernelModule<string>, g: Geometry) {
  const pixels = resultPixels(g);
  return m.function(null, [I32, I32], (f, gradient, to) => {
    const sum = f.let(F32x4.load(to));
    f.for(0, 16 * (pixels >> 2), 16, (i) => sum.set(sum.add(F32x4.load(gradient.add(i)))));
    if (pixels % 4 !== 0) sum.set(sum.add(loadLanes(gradient, 16 * (pixels >> 2), pixels % 4)));
    f.store(to, sum);
  });
}

function defineTotal(m: KernelModule<"partial" | "total">, g: Geometry, bias: boolean): void {
  const floats = rowFloats(g);
  const params = { partial: I32, count: I32, dw: I32, db: I32 };
  m.kernel("total", params, (f, { partial, count, dw, db }, { begin, end }) => {
    const next = 4 * g.groups * g.outputs * floats;
    f.for(begin, end, 1, (output) => {
      const row = f.let(partial.add(output.mul(4 * floats)));
      for (const pass of passesOf(g))
        f.for(0, pass.count, 1, (t) => {
          const [sum, from] = [f.let(F32.const(0)), f.let(row.add(t.add(pass.at).shl(2)))];
          f.for(0, count, 1, () => {
            sum.set(sum.add(F32.load(from)));
            from.set(from.add(next));
          });
          f.store(dw.add(output.mul(taps(g)).add(t).add(pass.first).shl(2)), sum);
        });
      if (bias) {
        const [sum, from] = [f.let(F32x4.const(0)), f.let(row.add(4 * (floats - 4)))];
        f.for(0, count, 1, () => {
          sum.set(sum.add(F32x4.load(from)));
          from.set(from.add(next));
        });
        f.store(db.add(output.shl(2)), sumLanes(sum));
      }
    });
  });
}

import { F32, F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { type Geometry, imagePixels, visible } from "./geometry.ts";
import { eachVector, lastLanes } from "./lanes.ts";

// Columns are the image as the kernel sees it: row (channel, i, j) has what element (i, j) of the kernel sees from every position (im2col).
// Rows of the result are copied one by one, as shifted pieces of rows of the image with zeros for the padding, which are constants here.

/** Floats from one row of columns to the next: rows of a tile must not lie a multiple of 4096 bytes apart, or they evict each other. */
export const pitchFor = (pixels: number): number => 16 * (Math.ceil(pixels / 16) | 1);

/**
 * Defines the copying of an image into columns: a function of the address of a group's first plane, of the rows of the result (the first, and
 * how many), and of the address of the columns. `pitch` counts floats.
 */
export function gatherColumns(m: KernelModule<string>, g: Geometry, pitch: number) {
  const { kernel, positions, stride, padding, dilation } = g;
  const [width, count] = [g.image[1], positions[1]];
  return m.function(null, [I32, I32, I32, I32], (f, plane, first, rows, to) => {
    f.for(0, g.channels, 1, () => {
      f.for(0, kernel[0], 1, (i) => {
        const at = f.let(to);
        const y = f.let(first.mul(stride[0]).add(i.mul(dilation[0])).sub(padding[0]));
        f.for(0, rows, 1, () => {
          f.if(
            y.ltU(I32.const(g.image[0])),
            () => {
              const from = f.let(plane.add(y.mul(4 * width)));
              for (let j = 0; j < kernel[1]; j++) {
                const seen = visible(g, 1, j);
                const row = 4 * j * pitch;
                const pixel = seen.from * stride[1] - padding[1] + j * dilation[1];
                zeros(f, at, row, seen.from);
                gather(f, at, row + 4 * seen.from, from, 4 * pixel, seen.to - seen.from, stride[1]);
                zeros(f, at, row + 4 * seen.to, count - seen.to);
              }
            },
            () => {
              for (let j = 0; j < kernel[1]; j++) zeros(f, at, 4 * j * pitch, count);
            },
          );
          at.set(at.add(4 * count));
          y.set(y.add(stride[0]));
        });
        to.set(to.add(4 * kernel[1] * pitch));
      });
      plane.set(plane.add(4 * imagePixels(g)));
    });
  });
}

/**
 * Defines the adjoint of copying `channels` planes of an image into columns of whole planes: a function of the address of the columns, and of
 * that of the first plane, which must be zero.
 */
export function scatterColumns(m: KernelModule<string>, g: Geometry, channels: number, pitch: number) {
  const { kernel, positions, stride, padding, dilation } = g;
  const [width, count] = [g.image[1], positions[1]];
  return m.function(null, [I32, I32], (f, columns, plane) => {
    f.for(0, channels, 1, () => {
      f.for(0, kernel[0], 1, (i) => {
        const first = f.let(i.mul(dilation[0]).sub(padding[0]));
        for (let j = 0; j < kernel[1]; j++) {
          const seen = visible(g, 1, j);
          const pixel = seen.from * stride[1] - padding[1] + j * dilation[1];
          const from = f.let(columns.add(4 * (j * pitch + seen.from)));
          const y = f.let(first);
          // All rows for one j after the other: a row that was just written cannot be read at another offset for a while.
          f.for(0, positions[0], 1, () => {
            f.if(y.ltU(I32.const(g.image[0])), () => {
              const to = f.let(plane.add(y.mul(width).add(pixel).shl(2)));
              scatter(f, to, from, seen.to - seen.from, stride[1]);
            });
            from.set(from.add(4 * count));
            y.set(y.add(stride[0]));
          });
        }
        columns.set(columns.add(4 * kernel[1] * pitch));
      });
      plane.set(plane.add(4 * imagePixels(g)));
    });
  });
}

const plus = (address: I32, elements: I32 | null): I32 => (elements === null ? address : address.add(elements.shl(2)));

/** Writes `length` zeros. */
function zeros(f: FunctionBuilder, to: I32, offset: number, length: number): void {
  if (length < 4) for (let i = 0; i < length; i++) f.store(to, F32.const(0), offset + 4 * i);
  else eachVector(f, length, (index, moving) => f.store(plus(to, moving), F32x4.const(0), offset + 4 * index));
}

/** Copies `length` floats that are `stride` floats apart. */
function gather(
  f: FunctionBuilder,
  to: I32,
  offset: number,
  from: I32,
  first: number,
  length: number,
  stride: number,
): void {
  if (length >= 4 && stride <= 2)
    eachVector(f, length, (index, moving) => {
      const source = plus(from, moving === null ? null : moving.mul(stride));
      const at = first + 4 * stride * index;
      // Of every second float the last one is the last of its vector, so that nothing beyond it is read.
      const value =
        stride === 1
          ? F32x4.load(source, at)
          : F32x4.load(source, at).shuffle(F32x4.load(source, at + 12), [0, 2, 5, 7]);
      f.store(plus(to, moving), value, offset + 4 * index);
    });
  else
    eachElement(f, length, (index, moving) =>
      f.store(
        plus(to, moving),
        F32.load(plus(from, moving?.mul(stride) ?? null), first + 4 * stride * index),
        offset + 4 * index,
      ),
    );
}

/** Adds `length` floats to floats that are `stride` floats apart. */
function scatter(f: FunctionBuilder, to: I32, from: I32, length: number, stride: number): void {
  if (stride === 1 && length >= 4) {
    addRow(f, to, from, length);
    return;
  }
  const spread = stride === 2 ? Math.max(0, 4 * Math.floor((length - 1) / 4)) : 0;
  // Of the second vector's targets the last is none, but the next element's predecessor.
  eachVector(f, spread, (index, moving) => {
    const target = plus(to, moving === null ? null : moving.shl(1));
    const value = f.let(F32x4.load(plus(from, moving), 4 * index));
    const zero = F32x4.const(0);
    f.store(target, F32x4.load(target, 8 * index).add(value.shuffle(zero, [0, 4, 1, 5])), 8 * index);
    f.store(target, F32x4.load(target, 8 * index + 16).add(value.shuffle(zero, [2, 6, 3, 7])), 8 * index + 16);
  });
  eachElement(f, length - spread, (index, moving) => {
    const target = plus(to, moving?.mul(stride) ?? null);
    const value = F32.load(plus(from, moving), 4 * (spread + index));
    const offset = 4 * stride * (spread + index);
    f.store(target, F32.load(target, offset).add(value), offset);
  });
}

/** Adds `length` ≥ 4 floats to as many. */
function addRow(f: FunctionBuilder, to: I32, from: I32, length: number): void {
  const sum = (index: number, fresh: number) =>
    f.let(F32x4.load(to, 4 * index).add(lastLanes(F32x4.load(from, 4 * index), fresh)));
  const whole = 4 * Math.floor(length / 4);
  if (whole < length) {
    // The last vector reaches back into the one before: both are read before either is written, as memory that was just written cannot be
    // read at another offset for a while, and the one before is written last, since it has the sums.
    const [last, before] = [sum(length - 4, length - whole), sum(whole - 4, 4)];
    f.store(to, last, 4 * (length - 4));
    f.store(to, before, 4 * (whole - 4));
  }
  eachVector(f, whole < length ? whole - 4 : whole, (index, moving) => {
    const target = plus(to, moving);
    f.store(target, F32x4.load(target, 4 * index).add(F32x4.load(plus(from, moving), 4 * index)), 4 * index);
  });
}

/** As `eachVector`, one by one. */
function eachElement(f: FunctionBuilder, length: number, body: (index: number, moving: Var<I32> | null) => void): void {
  if (length <= 16) for (let i = 0; i < length; i++) body(i, null);
  else f.for(0, length, 1, (i) => body(0, i));
}

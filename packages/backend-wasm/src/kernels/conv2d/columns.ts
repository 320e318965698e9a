import { F32, F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { type Geometry, imagePixels, visible } from "./geometry.ts";
import { eachElement, eachVector, type Place } from "./lanes.ts";

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
          increase(at, 4 * count);
          increase(y, stride[0]);
        });
        increase(to, 4 * kernel[1] * pitch);
      });
      increase(plane, 4 * imagePixels(g));
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
            increase(from, 4 * count);
            increase(y, stride[0]);
          });
        }
        increase(columns, 4 * kernel[1] * pitch);
      });
      increase(plane, 4 * imagePixels(g));
    });
  });
}

/** Writes `length` zeros. */
function zeros(f: FunctionBuilder, to: I32, offset: number, length: number): void {
  if (length < 4) eachElement(f, length, (i, at) => f.store(at(to), F32.const(0), offset + 4 * i));
  else eachVector(f, length, (i, at) => f.store(at(to), F32x4.const(0), offset + 4 * i));
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
  const copy = (load: (address: I32, offset: number) => F32 | F32x4) => (i: number, at: Place) =>
    f.store(at(to), load(at(from, stride), first + 4 * stride * i), offset + 4 * i);
  if (length < 4 || stride > 2) eachElement(f, length, copy(F32.load));
  else if (stride === 1) eachVector(f, length, copy(F32x4.load));
  // Of every second float the last one is the last of its vector, so that nothing beyond it is read.
  else
    eachVector(
      f,
      length,
      copy((from, at) => F32x4.load(from, at).shuffle(F32x4.load(from, at + 12), [0, 2, 5, 7])),
    );
}

/** Adds `length` floats to floats that are `stride` floats apart. */
function scatter(f: FunctionBuilder, to: I32, from: I32, length: number, stride: number): void {
  const add = (target: I32, offset: number, value: F32x4): void =>
    f.store(target, F32x4.load(target, offset).add(value), offset);
  // Of the second of two vectors' targets at stride 2 the last is none, but the next element's predecessor.
  const whole = stride > 2 ? 0 : Math.max(0, 4 * Math.floor((length + 1 - stride) / 4));
  eachVector(f, whole, (i, at) => {
    const value = f.let(F32x4.load(at(from), 4 * i));
    const target = at(to, stride);
    if (stride === 1) add(target, 4 * i, value);
    else
      for (const half of [0, 1] as const)
        add(target, 8 * i + 16 * half, value.shuffle(F32x4.const(0), half ? [2, 6, 3, 7] : [0, 4, 1, 5]));
  });
  eachElement(f, length - whole, (i, at) => {
    const target = at(to, stride);
    const offset = 4 * stride * (whole + i);
    f.store(target, F32.load(target, offset).add(F32.load(at(from), 4 * (whole + i))), offset);
  });
}

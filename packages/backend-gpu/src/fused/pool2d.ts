import type { AvgWindow, Shape, Window } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { compute, steps } from "../kernels/compute.ts";
import type { GpuOperand } from "../kernels/kernel.ts";
import { REDUCE } from "../kernels/reduce.ts";
import { LONGEST_LOOP } from "../shaders/shader.ts";
import type { FusedKernels } from "./fused.ts";
import { backwards, forwards, MOST_TURNS, windowScalars } from "./window.ts";

const planes = (shape: Shape): [count: number, height: number, width: number] => [
  shape[0]! * shape[1]!,
  shape[2]!,
  shape[3]!,
];

const isShort = ({ kernel: [h, w] }: Window): boolean => Math.max(h, w) <= LONGEST_LOOP && h * w <= MOST_TURNS;

/** Pooling and its gradients; every element gathers what belongs to it. */
export const pooling = (device: Device): FusedKernels => ({
  maxPool2d: ([x]: readonly [GpuOperand], window: Window, [out]) =>
    isShort(window) ? [overWindows(device, "maxPool2d", x, out!.shape, window, MOST, LEAST)] : null,

  maxPool2dInputGrad([g, x]: readonly [GpuOperand, GpuOperand], window: Window) {
    if (!isShort(window)) return null;
    const winners = overWindows(device, "maxPool2dInputGrad", x, g.shape, window, WINNER, LEAST);
    const body = "if (winners[at] <= own && winners[at] >= own) { total = total + gs[at]; }";
    const dx = overImage(device, "maxPool2dInputGrad", { winners, gs: g.handle }, g.shape, x.shape, window, body, {});
    device.free(winners);
    return [dx];
  },

  avgPool2d([x]: readonly [GpuOperand], window: AvgWindow, [out]) {
    if (!isAverage(window)) return null;
    return [overWindows(device, "avgPool2d", x, out!.shape, window, MEAN, averageScalars(window))];
  },

  avgPool2dInputGrad([g]: readonly [GpuOperand], window: AvgWindow, [out]) {
    if (!isAverage(window)) return null;
    const [, height, width] = planes(out!.shape);
    const scalars = { ...averageScalars(window), image_h: height, image_w: width };
    const body = `${divisor("row * stride_h - pad_h", "column * stride_w - pad_w", "image_h", "image_w")}
total = total + gs[at] / divisor;`;
    return [overImage(device, "avgPool2dInputGrad", { gs: g.handle }, g.shape, out!.shape, window, body, scalars)];
  },
});

const LEAST = { least: Number.NEGATIVE_INFINITY };

const X = "const x = xs[at_x + row * width + column];";

const MOST = `let total = least;
${forwards(`${X}\n${REDUCE.max.next}`)}
return total;`;

/** The place in its window of the first of the largest elements, or of the first NaN, which nothing beats. */
const WINNER = `let total = least;
let winner = -1;
let stuck = 0;
${forwards(`${X}
let wins = 0;
if (winner < 0 || x > total) { wins = 1; }
if (!(x <= 0) && !(x > 0)) { wins = 1; }
if (stuck > 0) { wins = 0; }
if (wins > 0) { total = x; winner = p * kernel_w + q; }
if (wins > 0 && !(x <= 0) && !(x > 0)) { stuck = 1; }`)}
return winner;`;

/** How many elements a window counts that begins at a row and a column of an image, into `divisor`. */
const divisor = (top: string, left: string, height: string, width: string): string => `const top = ${top};
const left = ${left};
let bottom = Math.min(top + kernel_h, ${height} + pad_h);
let right = Math.min(left + kernel_w, ${width} + pad_w);
let area = (bottom - top) * (right - left);
if (include < 1) {
bottom = Math.min(bottom, ${height});
right = Math.min(right, ${width});
area = (bottom - Math.max(top, 0)) * (right - Math.max(left, 0));
}
const divisor = override > 0 || override < 0 ? override : area;`;

const MEAN = `${divisor("at_top", "at_left", "height", "width")}
let total = 0;
${forwards(`${X}\ntotal = total + x;`)}
return total / divisor;`;

/** Averages over windows without gaps. */
const isAverage = (window: AvgWindow): boolean => isShort(window) && window.dilation.every((n) => n === 1);

const averageScalars = ({ padding, countIncludePad, divisorOverride }: AvgWindow): Record<string, number> => ({
  pad_h: padding[0],
  pad_w: padding[1],
  include: Number(countIncludePad),
  override: divisorOverride ?? 0,
});

/** A body at every position of a window. */
function overWindows(
  device: Device,
  op: string,
  x: GpuOperand,
  out: Shape,
  window: Window,
  body: string,
  scalars: Record<string, number>,
): GpuArray {
  const [, height, width] = planes(x.shape);
  const { stride, padding } = window;
  return compute(device, {
    op,
    key: `${op} over windows`,
    shape: planes(out),
    places: {
      x: steps(height * width, 0, 0),
      top: { strides: [0, stride[0], 0], offset: -padding[0] },
      left: { strides: [0, 0, stride[1]], offset: -padding[1] },
    },
    arrays: { xs: x.handle },
    scalars: { height, width, ...windowScalars(window), ...scalars },
    body,
  });
}

/** The total, for every element of an image, over the windows that see it; `at` is the window's place among them, `own` the element's in it. */
function overImage(
  device: Device,
  op: string,
  arrays: Readonly<Record<string, GpuArray>>,
  windows: Shape,
  image: Shape,
  window: Window,
  body: string,
  scalars: Record<string, number>,
): GpuArray {
  const [, height, width] = planes(windows);
  return compute(device, {
    op,
    key: `${op} over the image`,
    shape: planes(image),
    places: {
      window: steps(height * width, 0, 0),
      top: { strides: [0, 1, 0], offset: window.padding[0] },
      left: { strides: [0, 0, 1], offset: window.padding[1] },
    },
    arrays,
    scalars: { height, width, ...windowScalars(window), ...scalars },
    body: `let total = 0;
${backwards(`const at = at_window + row * width + column;
const own = p * kernel_w + q;
${body}`)}
return total;`,
  });
}

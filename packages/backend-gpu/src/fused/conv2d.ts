import type { Conv2dAttrs, Shape } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { compute, steps } from "../kernels/compute.ts";
import type { GpuOperand } from "../kernels/kernel.ts";
import { reduceAxes, reduceMiddle } from "../kernels/reduce.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import type { FusedKernel, FusedKernels } from "./fused.ts";
import { backwards, forwards, MOST_TURNS, windowScalars } from "./window.ts";

type Size4 = readonly [number, number, number, number];
const size4 = (shape: Shape): Size4 => shape as unknown as Size4;

/** Convolutions in which every element of the result gathers what belongs to it. */
export const convolution = (device: Device): FusedKernels => ({
  conv2d: forward(device),
  conv2dInputGrad: inputGrad(device),
  conv2dWeightGrad: weightGrad(device),
});

/** Whether every loop, and all of them together, are short enough. */
const isShort = (...turns: readonly number[]): boolean =>
  turns.every((n) => n <= LONGEST_LOOP) && turns.reduce((a, b) => a * b, 1) <= MOST_TURNS;

const forward =
  (device: Device): FusedKernel<readonly [x: GpuOperand, weight: GpuOperand, bias: GpuOperand | null], Conv2dAttrs> =>
  ([x, weight, bias], attrs, [out]) => {
    const [, channels, height, width] = size4(x.shape);
    const [outputs, each, kh, kw] = size4(weight.shape);
    const [n, , oh, ow] = size4(out!.shape);
    const { groups, stride, padding } = attrs;
    const perGroup = outputs / groups;
    if (!isShort(each, kh, kw)) return null;
    return [
      compute(device, {
        op: "conv2d",
        key: `conv2d${bias === null ? "" : " bias"}`,
        shape: [n, groups, perGroup, oh, ow],
        places: {
          x: steps(channels * height * width, each * height * width, 0, 0, 0),
          w: steps(0, perGroup * each * kh * kw, each * kh * kw, 0, 0),
          bias: steps(0, perGroup, 1, 0, 0),
          top: { strides: [0, 0, 0, stride[0], 0], offset: -padding[0] },
          left: { strides: [0, 0, 0, 0, stride[1]], offset: -padding[1] },
        },
        arrays: { xs: x.handle, ws: weight.handle, ...(bias === null ? {} : { biases: bias.handle }) },
        scalars: { each, height, width, ...windowScalars({ ...attrs, kernel: [kh, kw] }) },
        body: `let total = ${bias === null ? "0" : "biases[at_bias]"};
${loop(
  "each",
  forwards(
    "total = total + xs[at_x + (c * height + row) * width + column] * ws[at_w + (c * kernel_h + p) * kernel_w + q];",
  ),
  { k: "c" },
)}
return total;`,
      }),
    ];
  };

const inputGrad =
  (device: Device): FusedKernel<readonly [g: GpuOperand, weight: GpuOperand], Conv2dAttrs> =>
  ([g, weight], attrs, [out]) => {
    const [n, , height, width] = size4(out!.shape);
    const [outputs, each, kh, kw] = size4(weight.shape);
    const [, , oh, ow] = size4(g.shape);
    const { groups, padding } = attrs;
    const perGroup = outputs / groups;
    if (!isShort(perGroup, kh, kw)) return null;
    return [
      compute(device, {
        op: "conv2dInputGrad",
        key: "conv2dInputGrad",
        shape: [n, groups, each, height, width],
        places: {
          g: steps(outputs * oh * ow, perGroup * oh * ow, 0, 0, 0),
          w: steps(0, perGroup * each * kh * kw, kh * kw, 0, 0),
          top: { strides: [0, 0, 0, 1, 0], offset: padding[0] },
          left: { strides: [0, 0, 0, 0, 1], offset: padding[1] },
        },
        arrays: { gs: g.handle, ws: weight.handle },
        scalars: { each, per_group: perGroup, height: oh, width: ow, ...windowScalars({ ...attrs, kernel: [kh, kw] }) },
        body: `let total = 0;
${loop(
  "per_group",
  backwards(
    "total = total + gs[at_g + (c * height + row) * width + column] * ws[at_w + (c * each * kernel_h + p) * kernel_w + q];",
  ),
  { k: "c" },
)}
return total;`,
      }),
    ];
  };

/** The most elements of partial sums. */
const MOST_PARTS = 2 ** 22;

const weightGrad =
  (device: Device): FusedKernel<readonly [x: GpuOperand, g: GpuOperand], Conv2dAttrs> =>
  ([x, g], attrs, [dw, db]) => {
    const [n, channels, height, width] = size4(x.shape);
    if (n === 0) return null;
    const [outputs, each, kh, kw] = size4(dw!.shape);
    const [, , oh, ow] = size4(g.shape);
    const { groups, stride, padding, dilation } = attrs;
    const perGroup = outputs / groups;
    const size = outputs * each * kh * kw;
    // The images are summed over in parts, as many as there is room for.
    const images = Math.ceil(n / Math.max(1, Math.min(n, Math.floor(MOST_PARTS / size))));
    const parts = Math.ceil(n / images);
    if (!isShort(images, oh, ow)) return null;
    const partial: GpuArray = compute(device, {
      op: "conv2dWeightGrad",
      key: "conv2dWeightGrad",
      shape: [parts, groups, perGroup, each, kh, kw],
      places: {
        first: steps(images, 0, 0, 0, 0, 0),
        x: steps(0, each * height * width, 0, height * width, 0, 0),
        g: steps(0, perGroup * oh * ow, oh * ow, 0, 0, 0),
        top: { strides: [0, 0, 0, 0, dilation[0], 0], offset: -padding[0] },
        left: { strides: [0, 0, 0, 0, 0, dilation[1]], offset: -padding[1] },
      },
      arrays: { xs: x.handle, gs: g.handle },
      scalars: {
        count: n,
        images,
        height,
        width,
        rows: oh,
        columns: ow,
        stride_h: stride[0],
        stride_w: stride[1],
        x_image: channels * height * width,
        g_image: outputs * oh * ow,
      },
      body: `let total = 0;
const end = Math.min(images, count - at_first);
${loop(
  "end",
  loop(
    "rows",
    `const row = at_top + p * stride_h;
if (row >= 0 && row < height) {
${loop(
  "columns",
  `const column = at_left + q * stride_w;
if (column >= 0 && column < width) {
const image = at_first + c;
total = total + xs[at_x + image * x_image + row * width + column] * gs[at_g + image * g_image + p * columns + q];
}`,
  { k: "q" },
)}
}`,
    { k: "p" },
  ),
  { k: "c" },
)}
return total;`,
    });
    const sum = parts === 1 ? partial : reduceMiddle(device, "sum", partial, { outer: 1, size: parts, inner: size });
    if (sum !== partial) device.free(partial);
    return db === undefined
      ? [sum]
      : [sum, reduceAxes(device, "sum", g.handle, g.shape, [0, 2, 3], "conv2dWeightGrad")];
  };

import type { Conv2dAttrs, Shape } from "@descent/core";

type Pair = Conv2dAttrs["stride"];

/** Everything about a convolution but the number of images: what its kernels are made for. Channels are those of one group. */
export interface Geometry extends Conv2dAttrs {
  readonly channels: number;
  readonly outputs: number;
  /** Height and width of the image, of the kernel, and of the result. */
  readonly image: Pair;
  readonly kernel: Pair;
  readonly positions: Pair;
}

/** The geometry of a convolution of images `[N, C, H, W]` with a weight `[O, C/groups, kh, kw]`. */
export function geometryOf(image: Shape, weight: Shape, attrs: Conv2dAttrs): Geometry {
  const { stride, padding, dilation, groups } = attrs;
  const [, , height, width] = image as readonly [number, number, number, number];
  const [outputs, channels, kh, kw] = weight as readonly [number, number, number, number];
  const count = (axis: 0 | 1, size: number, kernel: number): number =>
    Math.floor((size + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1) / stride[axis]) + 1;
  return {
    stride,
    padding,
    dilation,
    groups,
    channels,
    outputs: outputs / groups,
    image: [height, width],
    kernel: [kh, kw],
    positions: [count(0, height, kh), count(1, width, kw)],
  };
}

/** Tells geometries apart. */
export const keyOf = (g: Geometry): string =>
  [g.channels, g.outputs, g.groups, g.image, g.kernel, g.stride, g.padding, g.dilation].join();

/** With these every position sees the pixel of the same place. */
export const ONE_TO_ONE = { kernel: [1, 1], stride: [1, 1], padding: [0, 0] } as const;

/** Pixels of a plane of the image, and of the result. */
export const imagePixels = ({ image: [height, width] }: Geometry): number => height * width;
export const resultPixels = ({ positions: [rows, columns] }: Geometry): number => rows * columns;
/** Elements of the kernel for one channel. */
export const taps = ({ kernel: [kh, kw] }: Geometry): number => kh * kw;
/** Elements of the kernel for one output: products that make up an element of the result. */
export const depth = (geometry: Geometry): number => geometry.channels * taps(geometry);

/** About how long a product of one image's group takes, at so many multiplications and additions in a nanosecond. */
export const nanoseconds = (g: Geometry, speed = 50): number => (2 * g.outputs * depth(g) * resultPixels(g)) / speed;

/** How many equal blocks of about `most` channels there are at least. */
export function blocksOf(channels: number, most: number): number {
  let blocks = Math.ceil(channels / Math.max(1, Math.floor(most)));
  while (channels % blocks !== 0) blocks++;
  return blocks;
}

/** Whether every position sees one pixel, and every pixel is seen from its own position: the product of weight and image is all. */
export const isPointwise = ({ kernel, stride, padding }: Geometry): boolean =>
  [...kernel, ...stride].every((n) => n === 1) && padding.every((n) => n === 0);

/** The positions along an axis, from `from` up to but without `to`, from which element `tap` of the kernel sees a pixel and not the padding. */
export function visible(g: Geometry, axis: 0 | 1, tap: number): { readonly from: number; readonly to: number } {
  const shift = g.padding[axis] - tap * g.dilation[axis];
  const from = Math.max(0, Math.ceil(shift / g.stride[axis]));
  const to = Math.min(g.positions[axis], Math.floor((g.image[axis] - 1 + shift) / g.stride[axis]) + 1);
  return to > from ? { from, to } : { from: 0, to: 0 };
}

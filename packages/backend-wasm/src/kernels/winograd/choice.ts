import { type Geometry, resultPixels } from "../conv2d/geometry.ts";
import { PANEL, POINTS, roundUp, tilesOfImage } from "./layout.ts";

// What to use Winograd's algorithm for. The times are nanoseconds of one thread, on a Zen 4 at 3.7 GHz; what counts are their ratios.

/** Channels of image and result, at least: with fewer, the transforms take longer than the products. */
const MIN_CHANNELS = 8;
/** The transform of four kernels, and of four that go to main memory because all of them are more than caches hold. */
export const KERNELS_COST = 24;
const DISTANT_KERNELS_COST = 240;
const DISTANT = 2 ** 24;

/** The time of a tile: its transforms, and 36 products of channels and outputs. */
export const tileCost = ({ channels, outputs }: Geometry): number =>
  10 * (channels + outputs) + 1.4 * channels * roundUp(outputs, PANEL);

/** Whether the algorithm computes the convolution at all: 3 × 3, stride 1, padding up to 2. */
export const applies = ({ groups, kernel, stride, dilation, padding }: Geometry): boolean =>
  groups === 1 &&
  kernel.every((n) => n === 3) &&
  [...stride, ...dilation].every((n) => n === 1) &&
  padding.every((n) => n <= 2);

/** Whether it is likely to be faster than products with columns, of which a core does 50 multiplications and additions in a nanosecond. */
export function isFaster(g: Geometry, images: number): boolean {
  const kernels = g.channels * g.outputs;
  const weights = (kernels / 4) * (4 * POINTS * kernels > DISTANT ? DISTANT_KERNELS_COST : KERNELS_COST);
  const direct = (images * resultPixels(g) * 18 * kernels) / 50;
  return Math.min(g.channels, g.outputs) >= MIN_CHANNELS && images * tilesOfImage(g) * tileCost(g) + weights < direct;
}

/** The convolution that takes gradients of the result to gradients of the image. */
export const adjoint = (g: Geometry): Geometry => ({
  ...g,
  channels: g.outputs,
  outputs: g.channels,
  image: g.positions,
  positions: g.image,
  padding: [2 - g.padding[0], 2 - g.padding[1]],
});

import { ShapeError, scope, show, type Tensor } from "@descent/core";
import { functionOf, layerOf, type Planner } from "./function-layer.ts";
import { checkSizes } from "./options.ts";
import { keywords } from "./repr.ts";

/** Takes images apart into axes, and puts them together in another order. */
const rearrange = (
  x: Tensor,
  apart: readonly number[],
  order: readonly number[],
  together: readonly number[],
): Tensor =>
  scope(() =>
    x
      .reshape([-1, ...apart])
      .permute(0, ...order)
      .reshape([...x.shape.slice(0, -3), ...together]),
  );

function imageOf(op: string, { shape }: Tensor): [c: number, h: number, w: number] {
  if (shape.length < 3) throw new ShapeError(op, `expected images […,C,H,W], got ${show(shape)}`);
  return shape.slice(-3) as [number, number, number];
}

const shuffler: Planner<[upscaleFactor: number]> = (op, r) => {
  checkSizes(op, { upscaleFactor: r });
  const shuffle = (x: Tensor): Tensor => {
    const [channels, h, w] = imageOf(op, x);
    const c = channels / r ** 2;
    if (!Number.isInteger(c)) throw new ShapeError(op, `the channels of ${show(x.shape)} must be divisible by ${r}²`);
    return rearrange(x, [c, r, r, h, w], [1, 4, 2, 5, 3], [c, h * r, w * r]);
  };
  return [shuffle, () => keywords({ upscaleFactor: r })];
};

const unshuffler: Planner<[downscaleFactor: number]> = (op, r) => {
  checkSizes(op, { downscaleFactor: r });
  const unshuffle = (x: Tensor): Tensor => {
    const [c, height, width] = imageOf(op, x);
    const [h, w] = [height / r, width / r];
    if (![h, w].every(Number.isInteger))
      throw new ShapeError(op, `height and width of ${show(x.shape)} must be divisible by ${r}`);
    return rearrange(x, [c, h, r, w, r], [1, 3, 5, 2, 4], [c * r ** 2, h, w]);
  };
  return [unshuffle, () => keywords({ downscaleFactor: r })];
};

const mixer: Planner<[groups: number]> = (op, groups) => {
  checkSizes(op, { groups });
  const mix = (x: Tensor): Tensor => {
    const [n, c, ...rest] = x.shape;
    if (x.ndim < 3 || c! % groups !== 0)
      throw new ShapeError(op, `expected [N,C,…] with channels divisible by ${groups}, got ${show(x.shape)}`);
    return scope(() =>
      x
        .reshape([n!, groups, c! / groups, ...rest])
        .transpose(1, 2)
        .reshape(x.shape),
    );
  };
  return [mix, () => keywords({ groups })];
};

/** Channels made pixels: `[…, C·r², H, W] → […, C, H·r, W·r]` (Shi et al. 2016). */
export const pixelShuffle = functionOf("pixelShuffle", shuffler);
/** Pixels made channels, the inverse of `pixelShuffle`: `[…, C, H·r, W·r] → […, C·r², H, W]`. */
export const pixelUnshuffle = functionOf("pixelUnshuffle", unshuffler);
/** The channels of `[N, C, …]` in another order: with `groups` rows of them laid out, they are read by columns (Zhang et al. 2018). */
export const channelShuffle = functionOf("channelShuffle", mixer);

/** Makes pixels of channels: `[…, C·r², H, W] → […, C, H·r, W·r]` (Shi et al. 2016). */
export class PixelShuffle extends layerOf("PixelShuffle", shuffler) {}

/** Makes channels of pixels: `[…, C, H·r, W·r] → […, C·r², H, W]`. */
export class PixelUnshuffle extends layerOf("PixelUnshuffle", unshuffler) {}

/** Mixes the channels of `groups` groups: `[N, C, …] → [N, C, …]` (Zhang et al. 2018). */
export class ChannelShuffle extends layerOf("ChannelShuffle", mixer) {}

import { ShapeError, scope, show, type Tensor } from "@descent/core";
import { FunctionLayer } from "./function-layer.ts";
import { checkSizes } from "./options.ts";
import { keywords } from "./repr.ts";

/** Channels made pixels: `[…, C·r², H, W] → […, C, H·r, W·r]` (Shi et al. 2016). */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  checkSizes("pixelShuffle", { upscaleFactor });
  const r = upscaleFactor;
  const [c, h, w] = imageOf("pixelShuffle", x);
  if (c % r ** 2 !== 0)
    throw new ShapeError("pixelShuffle", `the channels of ${show(x.shape)} must be divisible by ${r}²`);
  return scope(() =>
    x
      .reshape([-1, c / r ** 2, r, r, h, w])
      .permute(0, 1, 4, 2, 5, 3)
      .reshape([...x.shape.slice(0, -3), c / r ** 2, h * r, w * r]),
  );
}

/** Pixels made channels, the inverse of `pixelShuffle`: `[…, C, H·r, W·r] → […, C·r², H, W]`. */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  checkSizes("pixelUnshuffle", { downscaleFactor });
  const r = downscaleFactor;
  const [c, h, w] = imageOf("pixelUnshuffle", x);
  if (h % r !== 0 || w % r !== 0)
    throw new ShapeError("pixelUnshuffle", `height and width of ${show(x.shape)} must be divisible by ${r}`);
  return scope(() =>
    x
      .reshape([-1, c, h / r, r, w / r, r])
      .permute(0, 1, 3, 5, 2, 4)
      .reshape([...x.shape.slice(0, -3), c * r ** 2, h / r, w / r]),
  );
}

function imageOf(op: string, { shape }: Tensor): [c: number, h: number, w: number] {
  if (shape.length < 3) throw new ShapeError(op, `expected images […,C,H,W], got ${show(shape)}`);
  return shape.slice(-3) as [number, number, number];
}

/** The channels of `[N, C, …]` in another order: with `groups` rows of them laid out, they are read by columns (Zhang et al. 2018). */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  checkSizes("channelShuffle", { groups });
  if (x.ndim < 3 || x.shape[1]! % groups !== 0)
    throw new ShapeError(
      "channelShuffle",
      `expected [N,C,…] with channels divisible by ${groups}, got ${show(x.shape)}`,
    );
  const [n, c, ...rest] = x.shape as [number, number, ...number[]];
  return scope(() =>
    x
      .reshape([n, groups, c / groups, ...rest])
      .transpose(1, 2)
      .reshape(x.shape),
  );
}

/** Makes pixels of channels: `[…, C·r², H, W] → […, C, H·r, W·r]` (Shi et al. 2016). */
export class PixelShuffle extends FunctionLayer {
  /** @internal */
  static override readonly discreet: unknown = PixelShuffle;
  constructor(upscaleFactor: number) {
    checkSizes("PixelShuffle", { upscaleFactor });
    super((x) => pixelShuffle(x, upscaleFactor), keywords({ upscaleFactor }));
  }
}

/** Makes channels of pixels: `[…, C, H·r, W·r] → […, C·r², H, W]`. */
export class PixelUnshuffle extends FunctionLayer {
  /** @internal */
  static override readonly discreet: unknown = PixelUnshuffle;
  constructor(downscaleFactor: number) {
    checkSizes("PixelUnshuffle", { downscaleFactor });
    super((x) => pixelUnshuffle(x, downscaleFactor), keywords({ downscaleFactor }));
  }
}

/** Mixes the channels of `groups` groups: `[N, C, …] → [N, C, …]` (Zhang et al. 2018). */
export class ChannelShuffle extends FunctionLayer {
  /** @internal */
  static override readonly discreet: unknown = ChannelShuffle;
  constructor(groups: number) {
    checkSizes("ChannelShuffle", { groups });
    super((x) => channelShuffle(x, groups), keywords({ groups }));
  }
}

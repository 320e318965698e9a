import { scope, type Tensor } from "@descent/core";

/** Applies a function of images `[N, C, H, W]`; to a single image `[C, H, W]` as a batch of one. */
export const onImages = (x: Tensor, fn: (images: Tensor) => Tensor): Tensor =>
  x.ndim === 3 ? scope(() => fn(x.unsqueeze(0)).squeeze(0)) : fn(x);

import { scope, type Tensor } from "@descent/core";

/** Applies a function of a batch `[N, C, …]` with `n` axes after the channels; to a single element `[C, …]` as a batch of one. */
export const onImages = (x: Tensor, n: number, fn: (images: Tensor) => Tensor): Tensor =>
  x.ndim === n + 1 ? scope(() => fn(x.unsqueeze(0)).squeeze(0)) : fn(x);

import { scope, type Tensor } from "@descent/core";

/** Applies a function of a batch with `rank` axes; to a single element, which lacks the first, as a batch of one. */
export const onBatch = (x: Tensor, rank: number, fn: (batch: Tensor) => Tensor): Tensor =>
  x.ndim === rank - 1 ? scope(() => fn(x.unsqueeze(0)).squeeze(0)) : fn(x);

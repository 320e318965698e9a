import type { Tensor } from "@descent/core";

/** `ratio` of the norms of weights and of a step, scalars; 1 where one of them is zero. */
export const trusted = (ratio: Tensor, weights: Tensor, step: Tensor): Tensor =>
  ratio.where(weights.gt(0), 1).where(step.gt(0), 1);

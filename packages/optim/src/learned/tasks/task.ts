import type { Generator, Tensor } from "@descent/core";

/** A problem to be optimized: where it begins, and its loss. */
export interface Task {
  /** The parameters before the first step. */
  readonly initial: readonly Tensor[];
  /**
   * The loss, a scalar, of parameters at inner step `t` (0, 1, …). The same for the same `t`: whoever takes mini-batches chooses them by
   * `t`, so that a step can be repeated.
   */
  readonly loss: (parameters: readonly Tensor[], t: number) => Tensor;
  /** The loss on all data, where `loss` sees a part of it at a time. */
  readonly fullLoss?: (parameters: readonly Tensor[]) => Tensor;
}

/** A family of problems. */
export interface TaskDistribution {
  /** Draws a problem; the same one where the generator stands at the same place. */
  readonly sample: (generator: Generator) => Task;
}

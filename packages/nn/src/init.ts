import { ArgumentError, type Shape, show, sizeOf, type Tensor, uniform } from "@descent/core";

/** The number of inputs that each output of a weight `[out, in, …]` adds up. Throws for fewer than two axes. */
export function fanIn(weight: Shape): number {
  if (weight.length < 2)
    throw new ArgumentError("fanIn", `expected a weight of at least two axes, got ${show(weight)}`);
  return sizeOf(weight.slice(1));
}

/** Options of `kaimingUniform`. */
export interface KaimingOptions {
  /** The slope below zero of the leaky ReLU that follows. Default 0, a ReLU. */
  readonly a?: number;
}

/**
 * A weight `[out, in, …]`, uniform over `±√(6 / ((1 + a²)·fanIn))`, with which activations keep their scale (He et al. 2015). Linear and
 * convolution layers begin with `a = √5`, which is `±1/√fanIn`.
 */
export function kaimingUniform(shape: Shape, { a = 0 }: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(6 / ((1 + a * a) * fanIn(shape)));
  return uniform(-bound, bound, shape);
}

import { Buffer, Parameter, type Shape, scope, type Tensor, uniform } from "@descent/core";
import { fanIn, kaimingUniform } from "./init.ts";

/** A parameter that alone owns its value. */
export const parameter = (value: () => Tensor): Parameter => scope(() => new Parameter(value()));

/** A buffer that alone owns its value. */
export const buffer = (value: () => Tensor): Buffer => scope(() => new Buffer(value()));

/** Weight `[out, in, …]` and bias `[out]` as PyTorch's linear and convolution layers begin: uniform over `±1/√fanIn`, the weight drawn first. */
export function weightAndBias(
  shape: Shape,
  bias: boolean,
  outputs: number = shape[0]!,
): { weight: Parameter; bias: Parameter | null } {
  const bound = 1 / Math.sqrt(fanIn(shape));
  const weight = parameter(() => kaimingUniform(shape, { a: Math.sqrt(5) }));
  return { weight, bias: bias ? parameter(() => uniform(-bound, bound, [outputs])) : null };
}

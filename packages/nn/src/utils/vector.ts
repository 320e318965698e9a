import { cat, type Parameter, ShapeError, scope, show, type Tensor } from "@descent/core";

/** All elements of some parameters in one axis, one parameter after the other. */
export const parametersToVector = (parameters: readonly Tensor[]): Tensor =>
  scope(() => cat(parameters.map((parameter) => parameter.flatten())));

/** Gives parameters the values that a vector holds one after the other. */
export function vectorToParameters(vector: Tensor, parameters: readonly Parameter[]): void {
  const sizes = parameters.map((parameter) => parameter.numel());
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (vector.ndim !== 1 || vector.numel() !== total)
    throw new ShapeError("vectorToParameters", `a vector ${show(vector.shape)} for ${total} elements`);
  scope(() => {
    for (const [i, part] of vector.detach().split(sizes).entries())
      parameters[i]!.assign(part.reshape(parameters[i]!.shape));
  });
}

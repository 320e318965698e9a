import { enableGrad, grad, type Shape, type Tensor, zeros } from "@descent/core";

/**
 * The adjoint of a linear `fn`: sends `g`, the gradient of its result, back to a tensor of the given shape. It reaches the ops that only
 * a backward pass calls.
 */
export const adjoint = (fn: (x: Tensor) => Tensor, shape: Shape, g: Tensor): Tensor =>
  enableGrad(() => {
    const x = zeros(shape, { dtype: g.dtype, backend: g.backend, requiresGrad: true });
    return grad(fn(x), x, { gradOutputs: g, createGraph: true });
  });

/** The gradients of the inputs of `fn`, given that of its result. They are made by the ops that only a backward pass calls. */
export const pullback = (fn: (...xs: Tensor[]) => Tensor, xs: readonly Tensor[], g: Tensor): Tensor[] =>
  enableGrad(() => {
    const leaves = xs.map((x) => {
      if (x.requiresGrad) return x;
      const leaf = x.detach();
      leaf.requiresGrad = true;
      return leaf;
    });
    return grad(fn(...leaves), leaves, { gradOutputs: g, createGraph: true });
  });

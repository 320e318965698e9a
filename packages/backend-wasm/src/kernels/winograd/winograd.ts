import type { Kernel, Runtime } from "../../runtime.ts";
import type { Algorithm } from "../conv2d/algorithm.ts";
import { adjoint, applies, isFaster } from "./choice.ts";
import { convolve } from "./convolve.ts";
import { weightGrad } from "./weight-grad.ts";
import { defineWeights, type WeightKernels } from "./weights.ts";

/**
 * Convolutions with kernels of 3 × 3, stride 1 and padding up to 2 by Winograd's F(4 × 4, 3 × 3), which needs a quarter of the products
 * (Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks"), on one runtime.
 *
 * The price is precision: with 16 channels or more an element is off by up to 5e-6 of the sum of its products' absolute values, where
 * the plain sum is off by 3e-7. An infinity becomes NaN, and like a NaN it reaches every element of the tiles that see it.
 */
export function winograd(): Algorithm {
  let compiled: Record<WeightKernels, Kernel> | undefined;
  const weights = (runtime: Runtime) => (compiled ??= runtime.compile(defineWeights));
  return {
    suits: (product, g, images) => applies(g) && isFaster(product === "conv2dInputGrad" ? adjoint(g) : g, images),
    conv2d: (runtime, g) => convolve(runtime, g, weights(runtime).transformWeights, [36, 36 * g.channels]),
    conv2dInputGrad: (runtime, g) =>
      convolve(runtime, adjoint(g), weights(runtime).transformFlippedWeights, [36 * g.channels, 36]),
    conv2dWeightGrad: (runtime, g, bias) => weightGrad(runtime, g, bias, weights(runtime)),
  };
}

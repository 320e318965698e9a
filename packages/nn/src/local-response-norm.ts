import { pad, ShapeError, scope, show, type Tensor } from "@descent/core";
import { functionOf, layerOf, type Planner } from "./function-layer.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { avgPool2d } from "./pooling.ts";
import { pythonFloat } from "./repr.ts";

/** Options of `localResponseNorm` and `LocalResponseNorm`. */
export interface LocalResponseNormOptions {
  /** What the mean square is multiplied by. Default 1e-4. */
  readonly alpha?: number;
  /** The exponent. Default 0.75. */
  readonly beta?: number;
  /** What is added. Default 1. */
  readonly k?: number;
}

const normalizer: Planner<[size: number, options?: LocalResponseNormOptions]> = (op, size, options = {}) => {
  const { alpha, beta, k } = withDefaults(op, options, { alpha: 1e-4, beta: 0.75, k: 1 });
  checkSizes(op, { size });
  const normalize = (x: Tensor): Tensor => {
    if (x.ndim < 3) throw new ShapeError(op, `expected [N,C,…] with at least 3 axes, got ${show(x.shape)}`);
    if (x.numel() === 0) return x;
    return scope(() => {
      const squares = x.square().reshape([x.shape[0]!, 1, x.shape[1]!, -1]);
      const framed = pad(squares, [0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
      const mean = avgPool2d(framed, [size, 1], { stride: 1 });
      return x.div(mean.reshape(x.shape).mul(alpha).add(k).pow(beta));
    });
  };
  return [normalize, () => `${size}, alpha=${pythonFloat(alpha)}, beta=${pythonFloat(beta)}, k=${pythonFloat(k)}`];
};

/**
 * `[N, C, …]` divided by `(k + α·m)^β`, where `m` is the mean square of `size` channels around each, zeros beyond the first and last
 * (Krizhevsky et al. 2012).
 */
export const localResponseNorm = functionOf("localResponseNorm", normalizer);

/** Divides by the size of the channels around, `[N, C, …] → [N, C, …]` (Krizhevsky et al. 2012). */
export class LocalResponseNorm extends layerOf("LocalResponseNorm", normalizer) {}

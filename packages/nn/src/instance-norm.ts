import type { Buffer, Tensor } from "@descent/core";
import { withDefaults } from "./options.ts";
import { type NormConstants, normalizeChannels, RunningNorm, type RunningNormOptions } from "./running-norm.ts";

/** Options of `instanceNorm`. */
export interface FunctionalInstanceNormOptions {
  /** The mean to follow, or to use, `[C]`. Default `null`: none. */
  readonly runningMean?: Buffer | null;
  /** The variance to follow, or to use, `[C]`. Default `null`: none. */
  readonly runningVar?: Buffer | null;
  /** What the normalised channels are multiplied by, `[C]`. Default `null`: nothing. */
  readonly weight?: Tensor | null;
  /** What is added to them, `[C]`. Default `null`: nothing. */
  readonly bias?: Tensor | null;
  /** Whether to take the statistics of the input and to update the running ones. Default true. */
  readonly useInputStats?: boolean;
  /** The weight of the input in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Normalises every channel of every sample of `[N, C, …]` by itself (Ulyanov et al. 2016). Running statistics follow the averages over the
 * samples of their means and unbiased variances.
 */
export function instanceNorm(x: Tensor, options: FunctionalInstanceNormOptions = {}): Tensor {
  const { useInputStats, ...settings } = withDefaults("instanceNorm", options, {
    runningMean: null,
    runningVar: null,
    weight: null,
    bias: null,
    useInputStats: true,
    momentum: 0.1,
    eps: 1e-5,
  });
  return normalizeChannels("instanceNorm", x, settings, useInputStats, true);
}

/** Options of `InstanceNorm1d` to `InstanceNorm3d`. */
export type InstanceNormOptions = RunningNormOptions;

abstract class InstanceNorm extends RunningNorm {
  protected override normalize(x: Tensor, { eps, momentum }: NormConstants): Tensor {
    const { weight, bias, runningMean, runningVar } = this;
    const useInputStats = this.training || runningMean === null;
    return instanceNorm(x, { runningMean, runningVar, weight, bias, useInputStats, momentum: momentum ?? 0, eps });
  }
}

/** Normalises each channel of each sample of `[C, L]` or `[N, C, L]` by itself (Ulyanov et al. 2016). */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super("InstanceNorm1d", { 2: "[C,L]", 3: "[N,C,L]" }, numFeatures, options, false);
  }
}

/** Normalises each channel of each sample of `[C, H, W]` or `[N, C, H, W]` by itself (Ulyanov et al. 2016). */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super("InstanceNorm2d", { 3: "[C,H,W]", 4: "[N,C,H,W]" }, numFeatures, options, false);
  }
}

/** Normalises each channel of each sample of `[C, D, H, W]` or `[N, C, D, H, W]` by itself (Ulyanov et al. 2016). */
export class InstanceNorm3d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super("InstanceNorm3d", { 4: "[C,D,H,W]", 5: "[N,C,D,H,W]" }, numFeatures, options, false);
  }
}

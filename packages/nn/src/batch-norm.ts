import { type Buffer, scope, type Tensor } from "@descent/core";
import { withDefaults } from "./options.ts";
import { type NormConstants, normalizeChannels, RunningNorm, type RunningNormOptions } from "./running-norm.ts";

/** Options of `batchNorm`. */
export interface FunctionalBatchNormOptions {
  /** What the normalised channels are multiplied by, `[C]`. Default `null`: nothing. */
  readonly weight?: Tensor | null;
  /** What is added to them, `[C]`. Default `null`: nothing. */
  readonly bias?: Tensor | null;
  /** Whether to take the statistics of the batch and to update the running ones. Default false. */
  readonly training?: boolean;
  /** The weight of the batch in the running statistics; a scalar tensor where it changes from call to call. Default 0.1. */
  readonly momentum?: number | Tensor;
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Batch normalisation of `[N, C, …]` per channel (Ioffe & Szegedy 2015), with the statistics of the batch in training and the running
 * ones, `[C]`, otherwise. Training moves the running statistics, unless they are `null`, by `momentum` towards the mean and the unbiased
 * variance of the batch, and needs more than one value per channel.
 */
export function batchNorm(
  x: Tensor,
  runningMean: Buffer | null,
  runningVar: Buffer | null,
  options: FunctionalBatchNormOptions = {},
): Tensor {
  const { training, ...settings } = withDefaults("batchNorm", options, {
    weight: null,
    bias: null,
    training: false,
    momentum: 0.1,
    eps: 1e-5,
  });
  return normalizeChannels("batchNorm", x, { runningMean, runningVar, ...settings }, training, false);
}

/** Options of `BatchNorm1d` to `BatchNorm3d`. */
export type BatchNormOptions = RunningNormOptions;

/** @internal What batch norms share. */
export abstract class BatchNorm extends RunningNorm {
  #isAveraging = false;

  /** @internal Begins the running statistics anew, as averages of all batches alike until the function that it returns is called. */
  average(): () => void {
    this.resetRunningStats();
    this.#isAveraging = true;
    return () => {
      this.#isAveraging = false;
    };
  }

  protected override normalize(x: Tensor, { eps, momentum }: NormConstants): Tensor {
    const { weight, bias, runningMean, runningVar, numBatchesTracked } = this;
    const training = this.training || numBatchesTracked === null;
    return scope(() => {
      const batches = this.training ? (numBatchesTracked?.add(1) ?? null) : null;
      // 1/n as a tensor: reading the number of batches would wait for the device.
      const share = (this.#isAveraging ? null : momentum) ?? batches?.to(x.dtype).reciprocal() ?? 0;
      const y = batchNorm(x, runningMean, runningVar, { weight, bias, training, momentum: share, eps });
      if (batches !== null) numBatchesTracked!.assign(batches);
      return y;
    });
  }
}

/**
 * Normalises each feature of `[N, C]` or `[N, C, L]` over the batch (Ioffe & Szegedy 2015), then scales and shifts it. Evaluation uses
 * running statistics.
 */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm1d", { 2: "[N,C]", 3: "[N,C,L]" }, numFeatures, options, true);
  }
}

/** Normalises each channel of `[N, C, H, W]` over the batch (Ioffe & Szegedy 2015), then scales and shifts it. Evaluation uses running statistics. */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", { 4: "[N,C,H,W]" }, numFeatures, options, true);
  }
}

/** Normalises each channel of `[N, C, D, H, W]` over the batch (Ioffe & Szegedy 2015), then scales and shifts it. Evaluation uses running statistics. */
export class BatchNorm3d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm3d", { 5: "[N,C,D,H,W]" }, numFeatures, options, true);
  }
}

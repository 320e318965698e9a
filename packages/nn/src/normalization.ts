import {
  ArgumentError,
  type Buffer,
  batchNorm as batchNormOp,
  layerNorm as layerNormOp,
  noGrad,
  ones,
  type Parameter,
  type Shape,
  ShapeError,
  scope,
  show,
  type Tensor,
  zeros,
} from "@descent/core";
import { Module } from "./base.ts";
import { checkFraction, checkSizes, withDefaults } from "./options.ts";
import { keywords, python } from "./repr.ts";
import { buffer, parameter } from "./variables.ts";

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
  { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 }: FunctionalBatchNormOptions = {},
): Tensor {
  if (x.ndim < 2) throw new ShapeError("batchNorm", `expected [N,C,…], got ${show(x.shape)}`);
  const channels = x.shape[1]!;
  for (const statistic of [runningMean, runningVar])
    if (statistic !== null && (statistic.ndim !== 1 || statistic.numel() !== channels))
      throw new ShapeError("batchNorm", `running statistics ${show(statistic.shape)} for an input ${show(x.shape)}`);
  if (!training) return scope(() => normalized(x, runningMean, runningVar, weight, bias, eps));
  const n = x.numel() / channels;
  if (n === 1)
    throw new ShapeError(
      "batchNorm",
      `expected more than 1 value per channel when training, got ${show(x.shape)}`,
      "use a larger batch, or eval()",
    );
  return scope(() => {
    const { output, mean, variance } = batchNormOp(x, weight, bias, eps);
    if (n > 0)
      noGrad(() => {
        follow(runningMean, mean, momentum);
        follow(runningVar, variance.mul(n / (n - 1)), momentum);
      });
    return output;
  });
}

function follow(running: Buffer | null, statistic: Tensor, momentum: number | Tensor): void {
  if (running === null) return;
  const rest = typeof momentum === "number" ? 1 - momentum : momentum.neg().add(1);
  running.assign(running.mul(rest).add(statistic.reshape(running.shape).mul(momentum)));
}

/** With running statistics the normalisation is one scale and one shift per channel. */
function normalized(
  x: Tensor,
  mean: Tensor | null,
  variance: Tensor | null,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  if (mean === null || variance === null)
    throw new ArgumentError("batchNorm", "there are no running statistics", "pass training: true to use the batch's");
  const inverse = variance.add(eps).rsqrt();
  const scale = weight === null ? inverse : inverse.mul(weight);
  const shift = bias === null ? mean.mul(scale).neg() : bias.sub(mean.mul(scale));
  const perChannel = [-1, ...x.shape.slice(2).map(() => 1)];
  return x.mul(scale.reshape(perChannel)).add(shift.reshape(perChannel));
}

/** Options of `BatchNorm1d` and `BatchNorm2d`. */
export interface BatchNormOptions {
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
  /** The weight of each batch in the running statistics; `null` averages all batches alike. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether there is a weight, which starts as ones. Default true. */
  readonly affine?: boolean;
  /** Whether there is a bias too, which starts as zeros. Default true. */
  readonly bias?: boolean;
  /** Whether there are running statistics; without them evaluation uses the batch's too. Default true. */
  readonly trackRunningStats?: boolean;
}

abstract class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Buffer | null;
  readonly runningVar: Buffer | null;
  readonly numBatchesTracked: Buffer | null;
  readonly #name: string;
  readonly #layouts: Readonly<Record<number, string>>;
  readonly #channels: number;
  readonly #eps: number;
  readonly #momentum: number | null;

  protected constructor(
    name: string,
    layouts: Readonly<Record<number, string>>,
    numFeatures: number,
    options: BatchNormOptions,
  ) {
    super();
    const { eps, momentum, affine, bias, trackRunningStats } = withDefaults(name, options, {
      eps: 1e-5,
      momentum: 0.1,
      affine: true,
      bias: true,
      trackRunningStats: true,
    });
    checkSizes(name, { numFeatures });
    checkEps(name, eps);
    if (momentum !== null) checkFraction(name, "momentum", momentum);
    this.weight = affine ? parameter(() => ones([numFeatures])) : null;
    this.bias = affine && bias ? parameter(() => zeros([numFeatures])) : null;
    this.runningMean = trackRunningStats ? buffer(() => zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? buffer(() => ones([numFeatures])) : null;
    this.numBatchesTracked = trackRunningStats ? buffer(() => zeros([], { dtype: "int32" })) : null;
    this.#name = name;
    this.#layouts = layouts;
    this.#channels = numFeatures;
    this.#eps = eps;
    this.#momentum = momentum;
  }

  forward(x: Tensor): Tensor {
    if (!(x.ndim in this.#layouts) || x.shape[1] !== this.#channels)
      throw new ShapeError(
        this.#name,
        `expected ${Object.values(this.#layouts).join(" or ")} with C = ${this.#channels}, got ${show(x.shape)}`,
      );
    const { weight, bias, runningMean, runningVar, numBatchesTracked } = this;
    const training = this.training || numBatchesTracked === null;
    return scope(() => {
      const batches = this.training ? (numBatchesTracked?.add(1) ?? null) : null;
      // 1/n as a tensor: reading the number of batches would wait for the device.
      const momentum = this.#momentum ?? batches?.to(x.dtype).reciprocal() ?? 0;
      const y = batchNorm(x, runningMean, runningVar, { weight, bias, training, momentum, eps: this.#eps });
      if (batches !== null) numBatchesTracked!.assign(batches);
      return y;
    });
  }

  protected override extraRepr(): string {
    return `${this.#channels}, ${keywords({
      eps: this.#eps,
      momentum: this.#momentum,
      affine: this.weight !== null,
      bias: this.bias !== null,
      trackRunningStats: this.runningMean !== null,
    })}`;
  }

  /** PyTorch counts batches since 0.4.1, and its older files, torchvision's among them, have no count. */
  protected override optionalState(): readonly string[] {
    return ["num_batches_tracked"];
  }
}

/**
 * Normalises each feature of `[N, C]` or `[N, C, L]` over the batch (Ioffe & Szegedy 2015), then scales and shifts it. Evaluation uses
 * running statistics.
 */
export class BatchNorm1d extends BatchNorm {
  /** @internal */
  static override readonly discreet: unknown = BatchNorm1d;
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm1d", { 2: "[N,C]", 3: "[N,C,L]" }, numFeatures, options);
  }
}

/** Normalises each channel of `[N, C, H, W]` over the batch (Ioffe & Szegedy 2015), then scales and shifts it. Evaluation uses running statistics. */
export class BatchNorm2d extends BatchNorm {
  /** @internal */
  static override readonly discreet: unknown = BatchNorm2d;
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", { 4: "[N,C,H,W]" }, numFeatures, options);
  }
}

function checkEps(op: string, eps: number): void {
  if (!(eps >= 0)) throw new ArgumentError(op, `eps must not be negative, got ${eps}`);
}

/** Options of `layerNorm`. */
export interface FunctionalLayerNormOptions {
  /** What the normalised elements are multiplied by, of the normalised shape. Default `null`: nothing. */
  readonly weight?: Tensor | null;
  /** What is added to them. Default `null`: nothing. */
  readonly bias?: Tensor | null;
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
}

/** Layer normalisation over the last axes, which have the shape `normalizedShape` (Ba et al. 2016). */
export const layerNorm = (
  x: Tensor,
  normalizedShape: Shape,
  { weight = null, bias = null, eps = 1e-5 }: FunctionalLayerNormOptions = {},
): Tensor => layerNormOp(x, normalizedShape, weight, bias, eps);

/** Options of `LayerNorm`. */
export interface LayerNormOptions {
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
  /** Whether there is a weight, which starts as ones. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a bias too, which starts as zeros. Default true. */
  readonly bias?: boolean;
}

/** Normalises over the last axes, which have the shape `normalizedShape`, then scales and shifts each element (Ba et al. 2016). */
export class LayerNorm extends Module {
  /** @internal */
  static override readonly discreet: unknown = LayerNorm;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly #shape: Shape;
  readonly #eps: number;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    super();
    const { eps, elementwiseAffine, bias } = withDefaults("LayerNorm", options, {
      eps: 1e-5,
      elementwiseAffine: true,
      bias: true,
    });
    const shape = [normalizedShape].flat();
    checkSizes("LayerNorm", { normalizedShape });
    if (shape.length === 0) throw new ArgumentError("LayerNorm", "normalizedShape names no axis");
    checkEps("LayerNorm", eps);
    this.weight = elementwiseAffine ? parameter(() => ones(shape)) : null;
    this.bias = elementwiseAffine && bias ? parameter(() => zeros(shape)) : null;
    this.#shape = shape;
    this.#eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.#shape, { weight: this.weight, bias: this.bias, eps: this.#eps });
  }

  protected override extraRepr(): string {
    const affine = { elementwiseAffine: this.weight !== null, bias: this.bias !== null };
    return `${python(this.#shape)}, ${keywords({ eps: this.#eps, ...affine })}`;
  }
}

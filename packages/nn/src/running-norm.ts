import {
  ArgumentError,
  type Buffer,
  batchNorm,
  noGrad,
  ones,
  onesLike,
  type Parameter,
  type Shape,
  ShapeError,
  sameShape,
  scope,
  show,
  type Tensor,
  zeros,
  zerosLike,
} from "@descent/core";
import { Module } from "./base.ts";
import { checkFraction, checkSizes, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";
import { buffer, parameter } from "./variables.ts";

/** Options of batch and instance norms. */
export interface RunningNormOptions {
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
  /** The weight of each batch in the running statistics. Default 0.1; `null` lets a batch norm average all batches alike. */
  readonly momentum?: number | null;
  /** Whether there is a weight, which starts as ones. Default: true in batch norms, false in instance norms. */
  readonly affine?: boolean;
  /** Whether there is a bias beside the weight, which starts as zeros. Default true. */
  readonly bias?: boolean;
  /** Whether there are running statistics, which evaluation uses. Default: true in batch norms, false in instance norms. */
  readonly trackRunningStats?: boolean;
}

/** What determines a normalisation beside its tensors. */
export interface NormConstants {
  readonly eps: number;
  readonly momentum: number | null;
}

/** What batch and instance norms share: weight and bias per channel, running statistics, and the shapes they take. */
export abstract class RunningNorm extends Module {
  /** @internal */
  static override readonly discreet: unknown = RunningNorm;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Buffer | null;
  readonly runningVar: Buffer | null;
  readonly numBatchesTracked: Buffer | null;
  readonly #name: string;
  readonly #layouts: Readonly<Record<number, string>>;
  readonly #channels: number;
  readonly #constants: NormConstants;

  /** `layouts` are the inputs that the layer takes, by rank; `isOn` is the default of `affine` and `trackRunningStats`. */
  protected constructor(
    name: string,
    layouts: Readonly<Record<number, string>>,
    numFeatures: number,
    options: RunningNormOptions,
    isOn: boolean,
  ) {
    super();
    const { eps, momentum, affine, bias, trackRunningStats } = withDefaults(name, options, {
      eps: 1e-5,
      momentum: 0.1,
      affine: isOn,
      bias: true,
      trackRunningStats: isOn,
    });
    checkSizes(name, { numFeatures });
    checkEps(name, eps);
    if (momentum !== null) checkFraction(name, "momentum", momentum);
    ({ weight: this.weight, bias: this.bias } = affineOf([numFeatures], affine, bias));
    this.runningMean = trackRunningStats ? buffer(() => zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? buffer(() => ones([numFeatures])) : null;
    this.numBatchesTracked = trackRunningStats ? buffer(() => zeros([], { dtype: "int32" })) : null;
    this.#name = name;
    this.#layouts = layouts;
    this.#channels = numFeatures;
    this.#constants = { eps, momentum };
  }

  forward(x: Tensor): Tensor {
    const layout = this.#layouts[x.ndim];
    const isBatched = !layout?.startsWith("[C");
    if (layout === undefined || x.shape[isBatched ? 1 : 0] !== this.#channels)
      throw new ShapeError(
        this.#name,
        `expected ${Object.values(this.#layouts).join(" or ")} with C = ${this.#channels}, got ${show(x.shape)}`,
      );
    if (isBatched) return this.normalize(x, this.#constants);
    return scope(() => this.normalize(x.unsqueeze(0), this.#constants).squeeze(0));
  }

  /** Makes the running statistics what they are at the start: means of 0, variances of 1, no batches. */
  resetRunningStats(): void {
    scope(() => {
      for (const zero of [this.runningMean, this.numBatchesTracked]) zero?.assign(zerosLike(zero));
      this.runningVar?.assign(onesLike(this.runningVar));
    });
  }

  /** @internal The normalisation of a batch whose shape fits. */
  protected abstract normalize(x: Tensor, constants: NormConstants): Tensor;

  protected override extraRepr(): string {
    return `${this.#channels}, ${keywords({
      ...this.#constants,
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

/** Throws unless the tensors that are there have one element per channel. */
export function checkPerChannel(op: string, name: string, tensors: readonly (Tensor | null)[], x: Tensor): void {
  for (const tensor of tensors)
    if (tensor !== null && !sameShape(tensor.shape, [x.shape[1]!]))
      throw new ShapeError(op, `${name} ${show(tensor.shape)} for an input ${show(x.shape)}`);
}

/** The tensors and constants of a batch or instance norm. */
export interface ChannelNorm {
  readonly runningMean: Buffer | null;
  readonly runningVar: Buffer | null;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly momentum: number | Tensor;
  readonly eps: number;
}

/**
 * Normalises the channels of `[N, C, …]`, those of every sample by themselves where `isEach`, with running statistics, which move where
 * `follows`: then those of the input count.
 */
export function normalizeChannels(
  op: string,
  x: Tensor,
  { runningMean, runningVar, weight, bias, momentum, eps }: ChannelNorm,
  follows: boolean,
  isEach: boolean,
): Tensor {
  if (x.ndim < 2) throw new ShapeError(op, `expected [N,C,…], got ${show(x.shape)}`);
  checkPerChannel(op, "running statistics", [runningMean, runningVar], x);
  if (!follows) {
    if (runningMean === null || runningVar === null)
      throw new ArgumentError(op, "there are no running statistics", "pass them, or use those of the input");
    // Then the normalisation is one scale and one shift per channel.
    return scope(() => {
      const inverse = runningVar.add(eps).rsqrt();
      const scale = weight === null ? inverse : inverse.mul(weight);
      const shift = runningMean.mul(scale);
      return perChannel(x, scale, bias === null ? shift.neg() : bias.sub(shift));
    });
  }
  const [n, c, ...space] = x.shape as [number, number, ...number[]];
  const rows = isEach ? n * c : c;
  const size = x.numel() / rows;
  if (size === 1)
    throw new ShapeError(
      op,
      `expected more than 1 value per channel, got ${show(x.shape)}`,
      "use a larger input, or eval() with running statistics",
    );
  return scope(() => {
    // One batch of one sample, of which every channel of every sample is a channel.
    const { output, mean, variance } = isEach
      ? batchNorm(x.reshape([1, rows, ...space]), null, null, eps)
      : batchNorm(x, weight, bias, eps);
    const follow = (running: Buffer | null, statistic: Tensor): void => {
      if (running === null) return;
      const average = isEach ? statistic.reshape([n, c]).mean(0) : statistic.reshape([c]);
      const rest = typeof momentum === "number" ? 1 - momentum : momentum.neg().add(1);
      running.assign(running.mul(rest).add(average.mul(momentum)));
    };
    if (size > 0)
      noGrad(() => {
        follow(runningMean, mean);
        follow(runningVar, variance.mul(size / (size - 1)));
      });
    return isEach ? perChannel(output.reshape(x.shape), weight, bias) : output;
  });
}

/** `x [N, C, …]` times a scale and plus a shift per channel. */
export function perChannel(x: Tensor, scale: Tensor | null, shift: Tensor | null): Tensor {
  const affine = [-1, ...x.shape.slice(2).map(() => 1)];
  const scaled = scale === null ? x : x.mul(scale.reshape(affine));
  return shift === null ? scaled : scaled.add(shift.reshape(affine));
}

/** Weight and bias that change nothing yet, as far as there are any. */
export const affineOf = (
  shape: Shape,
  affine: boolean,
  bias: boolean,
): { weight: Parameter | null; bias: Parameter | null } => ({
  weight: affine ? parameter(() => ones(shape)) : null,
  bias: affine && bias ? parameter(() => zeros(shape)) : null,
});

export function checkEps(op: string, eps: number): void {
  if (!(eps >= 0)) throw new ArgumentError(op, `eps must not be negative, got ${eps}`);
}

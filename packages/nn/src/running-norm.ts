import {
  ArgumentError,
  type Buffer,
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

/** Throws unless the statistics that are there have one element per channel. */
export function checkStatistics(op: string, x: Tensor, statistics: readonly (Tensor | null)[]): void {
  for (const statistic of statistics)
    if (statistic !== null && (statistic.ndim !== 1 || statistic.numel() !== x.shape[1]))
      throw new ShapeError(op, `running statistics ${show(statistic.shape)} for an input ${show(x.shape)}`);
}

/** Moves a running statistic towards that of a batch. */
export function follow(running: Buffer | null, statistic: Tensor, momentum: number | Tensor): void {
  if (running === null) return;
  const rest = typeof momentum === "number" ? 1 - momentum : momentum.neg().add(1);
  running.assign(running.mul(rest).add(statistic.reshape(running.shape).mul(momentum)));
}

/** With running statistics the normalisation is one scale and one shift per channel. */
export function withStatistics(
  op: string,
  x: Tensor,
  [mean, variance]: readonly [mean: Tensor | null, variance: Tensor | null],
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  if (mean === null || variance === null)
    throw new ArgumentError(
      op,
      "there are no running statistics",
      `pass ${op === "batchNorm" ? "training" : "useInputStats"}: true to use the batch's`,
    );
  const inverse = variance.add(eps).rsqrt();
  const scale = weight === null ? inverse : inverse.mul(weight);
  const shift = bias === null ? mean.mul(scale).neg() : bias.sub(mean.mul(scale));
  return perChannel(x, scale, shift);
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

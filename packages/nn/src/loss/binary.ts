import {
  type Buffer,
  logSigmoid,
  binaryCrossEntropyWithLogits as ofLogits,
  binaryCrossEntropy as ofProbabilities,
  promote,
  scope,
  type Tensor,
} from "@descent/core";
import { checkElements, checkSame, Loss, type LossOptions, reader, readReduction, reduce } from "./loss.ts";

/** Options of `binaryCrossEntropy`. */
export interface BCELossOptions extends LossOptions {
  /** How much each loss counts; broadcasts. Default `null`: all alike. */
  readonly weight?: Tensor | null;
}

/** Options of `binaryCrossEntropyWithLogits`. */
export interface BCEWithLogitsLossOptions extends BCELossOptions {
  /** How much the positive part of each target counts; broadcasts, so `[C]` for `[N, C]`. Default `null`: 1. */
  readonly posWeight?: Tensor | null;
}

const readBCE = reader<BCELossOptions>({ reduction: "mean", weight: null });
const readBCEWithLogits = reader<BCEWithLogitsLossOptions>({ reduction: "mean", weight: null, posWeight: null });

const weighted = (losses: Tensor, weight: Tensor | null): Tensor => (weight === null ? losses : losses.mul(weight));

/** Input and target of one shape, in their common dtype. */
function alike(op: string, x: Tensor, target: Tensor): [x: Tensor, target: Tensor] {
  checkSame(op, x, target);
  const dtype = promote(x.dtype, target.dtype);
  return [x.to(dtype), target.to(dtype)];
}

/**
 * `−t log p − (1 − t) log(1 − p)` of probabilities `p` and targets `t` of one shape. As in PyTorch, no logarithm falls below −100, and
 * the gradient's denominator `p(1 − p)` not below 1e-12.
 */
export function binaryCrossEntropy(p: Tensor, target: Tensor, options?: BCELossOptions): Tensor {
  const op = "binaryCrossEntropy";
  const { reduction, weight } = readBCE(op, options);
  const isProbability = (value: number): boolean => value >= 0 && value <= 1;
  checkElements(op, p, isProbability, "the input must lie in [0, 1]", "apply sigmoid() to it");
  checkElements(op, target, isProbability, "the target must lie in [0, 1]", "give probabilities");
  return scope(() => reduce(weighted(ofProbabilities(...alike(op, p, target)), weight), reduction));
}

/** `−t log p − (1 − t) log(1 − p)` of probabilities `p` and targets `t` of one shape. `weight` is a buffer. */
export class BCELoss extends Loss<BCELossOptions> {
  readonly weight: Buffer | null = this.options.weight as Buffer | null;

  constructor(options: BCELossOptions = {}) {
    super(binaryCrossEntropy, readBCE("BCELoss", options));
  }
}

/** The binary cross-entropy of `sigmoid(x)` and targets of one shape, for logits of any size. */
export function binaryCrossEntropyWithLogits(x: Tensor, target: Tensor, options?: BCEWithLogitsLossOptions): Tensor {
  const op = "binaryCrossEntropyWithLogits";
  const { reduction, weight, posWeight } = readBCEWithLogits(op, options);
  return scope(() => {
    const [z, t] = alike(op, x, target);
    return reduce(weighted(logitLosses(z, t, posWeight), weight), reduction);
  });
}

function logitLosses(x: Tensor, t: Tensor, posWeight: Tensor | null): Tensor {
  if (posWeight === null) return ofLogits(x, t);
  const share = posWeight.sub(1).mul(t).add(1);
  return x.sub(x.mul(t)).sub(logSigmoid(x).mul(share));
}

/** The binary cross-entropy of `sigmoid(x)` and targets of one shape, for logits of any size. The weights are buffers. */
export class BCEWithLogitsLoss extends Loss<BCEWithLogitsLossOptions> {
  readonly weight: Buffer | null = this.options.weight as Buffer | null;
  readonly posWeight: Buffer | null = this.options.posWeight as Buffer | null;

  constructor(options: BCEWithLogitsLossOptions = {}) {
    super(binaryCrossEntropyWithLogits, readBCEWithLogits("BCEWithLogitsLoss", options));
  }
}

/** `log(1 + e^(−t x))` of scores and targets of ±1, which broadcast. */
export function softMarginLoss(x: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = readReduction("softMarginLoss", options);
  return scope(() => reduce(logSigmoid(x.mul(target)).neg(), reduction));
}

/** `log(1 + e^(−t x))` of scores and targets of ±1, which broadcast. */
export class SoftMarginLoss extends Loss {
  constructor(options: LossOptions = {}) {
    super(softMarginLoss, readReduction("SoftMarginLoss", options));
  }
}

/** The mean over classes of the binary cross-entropies of `sigmoid(x)`, `[…, C]` as the targets: one loss per sample. */
export function multilabelSoftMarginLoss(x: Tensor, target: Tensor, options?: BCELossOptions): Tensor {
  const op = "multilabelSoftMarginLoss";
  const { reduction, weight } = readBCE(op, options);
  return scope(() => reduce(weighted(ofLogits(...alike(op, x, target)), weight).mean(-1), reduction));
}

/** The mean over classes of the binary cross-entropies of `sigmoid(x)`, `[…, C]` as the targets. `weight` is a buffer. */
export class MultiLabelSoftMarginLoss extends Loss<BCELossOptions> {
  readonly weight: Buffer | null = this.options.weight as Buffer | null;

  constructor(options: BCELossOptions = {}) {
    super(multilabelSoftMarginLoss, readBCE("MultiLabelSoftMarginLoss", options));
  }
}

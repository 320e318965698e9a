import {
  type Buffer,
  logSigmoid,
  binaryCrossEntropyWithLogits as ofLogits,
  binaryCrossEntropy as ofProbabilities,
  promote,
  type Tensor,
} from "@descent/core";
import { checkElements, checkSame, type LossOptions, loss, lossClass } from "./loss.ts";

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

/** The losses of input and target of one shape, in their common dtype, as far as each counts. */
function weighted(
  op: string,
  x: Tensor,
  target: Tensor,
  weight: Tensor | null,
  losses: (x: Tensor, target: Tensor) => Tensor,
): Tensor {
  checkSame(op, x, target);
  const dtype = promote(x.dtype, target.dtype);
  const each = losses(x.to(dtype), target.to(dtype));
  return weight === null ? each : each.mul(weight);
}

const checkProbabilities = (what: string, x: Tensor, remedy: string): void =>
  checkElements("binaryCrossEntropy", x, (p) => p >= 0 && p <= 1, `the ${what} must lie in [0, 1]`, remedy);

/**
 * `−t log p − (1 − t) log(1 − p)` of probabilities `p` and targets `t` of one shape. As in PyTorch, no logarithm falls below −100, and
 * the gradient's denominator `p(1 − p)` not below 1e-12.
 */
export const binaryCrossEntropy = loss<BCELossOptions>(
  "binaryCrossEntropy",
  { weight: null },
  ({ weight }, p, target) => {
    checkProbabilities("input", p, "apply sigmoid() to it");
    checkProbabilities("target", target, "give probabilities");
    return weighted("binaryCrossEntropy", p, target, weight, ofProbabilities);
  },
);

/** `−t log p − (1 − t) log(1 − p)` of probabilities `p` and targets `t` of one shape. `weight` is a buffer. */
export class BCELoss extends lossClass("BCELoss", binaryCrossEntropy) {
  declare readonly weight: Buffer | null;
}

/** The binary cross-entropy of `sigmoid(x)` and targets of one shape, for logits of any size. */
export const binaryCrossEntropyWithLogits = loss<BCEWithLogitsLossOptions>(
  "binaryCrossEntropyWithLogits",
  { weight: null, posWeight: null },
  ({ weight, posWeight }, x, target) =>
    weighted("binaryCrossEntropyWithLogits", x, target, weight, (z, t) => {
      if (posWeight === null) return ofLogits(z, t);
      const share = posWeight.sub(1).mul(t).add(1);
      return z.sub(z.mul(t)).sub(logSigmoid(z).mul(share));
    }),
);

/** The binary cross-entropy of `sigmoid(x)` and targets of one shape, for logits of any size. The weights are buffers. */
export class BCEWithLogitsLoss extends lossClass("BCEWithLogitsLoss", binaryCrossEntropyWithLogits) {
  declare readonly weight: Buffer | null;
  declare readonly posWeight: Buffer | null;
}

/** `log(1 + e^(−t x))` of scores and targets of ±1, which broadcast. */
export const softMarginLoss = loss("softMarginLoss", {}, (_, x, target) => logSigmoid(x.mul(target)).neg());

/** `log(1 + e^(−t x))` of scores and targets of ±1, which broadcast. */
export class SoftMarginLoss extends lossClass("SoftMarginLoss", softMarginLoss) {}

/** The mean over classes of the binary cross-entropies of `sigmoid(x)`, `[…, C]` as the targets: one loss per sample. */
export const multilabelSoftMarginLoss = loss<BCELossOptions>(
  "multilabelSoftMarginLoss",
  { weight: null },
  ({ weight }, x, target) => weighted("multilabelSoftMarginLoss", x, target, weight, ofLogits).mean(-1),
);

/** The mean over classes of the binary cross-entropies of `sigmoid(x)`, `[…, C]` as the targets. `weight` is a buffer. */
export class MultiLabelSoftMarginLoss extends lossClass("MultiLabelSoftMarginLoss", multilabelSoftMarginLoss) {
  declare readonly weight: Buffer | null;
}

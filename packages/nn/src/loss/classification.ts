import {
  type Buffer,
  checkIndex,
  DTypeError,
  isFloat,
  ShapeError,
  sameShape,
  show,
  softmaxCrossEntropy,
  type Tensor,
  where,
} from "@descent/core";
import { checkFraction } from "../options.ts";
import { checkInt32, type LossOptions, loss, lossClass } from "./loss.ts";

/** Options of `nllLoss`. */
export interface NLLLossOptions extends LossOptions {
  /** How much each class counts, `[C]`. Default `null`: all alike. */
  readonly weight?: Tensor | null;
  /** The class that stands for "no class": its losses are 0 and do not count. Default -100. */
  readonly ignoreIndex?: number;
}

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions extends NLLLossOptions {
  /** How much of each target is spread evenly over all classes. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * The cross-entropy of `softmax(x)` and a target: `x [N, C]`, `[N, C, d1, …]` or `[C]`, and int32 classes of this shape without `C`, or
 * the probabilities of all classes in the shape of `x`.
 *
 * The mean over classes is weighted by `weight`; where all targets are ignored it is NaN.
 */
export const crossEntropy = loss<CrossEntropyOptions>(
  "crossEntropy",
  { weight: null, ignoreIndex: -100, labelSmoothing: 0 },
  (settings, x, target) => {
    const op = "crossEntropy";
    const { weight, labelSmoothing } = settings;
    if (x.ndim > 0 && sameShape(x.shape, target.shape)) {
      checkClassWeight(op, x, weight);
      if (!isFloat(target.dtype))
        throw new DTypeError(op, `the probabilities have dtype ${target.dtype}`, 'convert them with .to("float32")');
      return softLosses(x, target, weight, labelSmoothing);
    }
    return classLosses(op, settings, x, target, (logits, classes, share) => {
      const losses = times(softmaxCrossEntropy(logits, classes, true), share);
      if (labelSmoothing === 0) return losses;
      const even = times(logits.logSoftmax(1), weight).mean(1).neg();
      return losses.mul(1 - labelSmoothing).add(even.mul(labelSmoothing));
    });
  },
  (op, { labelSmoothing }) => checkFraction(op, "labelSmoothing", labelSmoothing),
);

/**
 * The negative log-probability of the target: `x [N, C]`, `[N, C, d1, …]` or `[C]` holds log-probabilities, and the int32 target classes of
 * this shape without `C`.
 *
 * The mean is weighted by `weight`; where all targets are ignored it is NaN.
 */
export const nllLoss = loss<NLLLossOptions>("nllLoss", { weight: null, ignoreIndex: -100 }, (settings, x, target) =>
  classLosses("nllLoss", settings, x, target, (rows, classes, share) =>
    times(rows.gather(1, classes.unsqueeze(1)).squeeze(1).neg(), share),
  ),
);

const classAxis = (x: Tensor): number => (x.ndim === 1 ? 0 : 1);

const times = (x: Tensor, factor: Tensor | null): Tensor => (factor === null ? x : x.mul(factor));

/** `[N, C, d1, …]` → `[N·d1·…, C]`: one row of scores per target. */
function rowsOf(x: Tensor): Tensor {
  if (x.ndim === 1) return x.unsqueeze(0);
  const [n, c, ...inner] = x.shape.keys();
  return inner.length === 0 ? x : x.permute([n!, ...inner, c!]).flatten(0, -2);
}

/** The losses of rows, of which `share` says how much each class counts, and of them all but those of ignored classes, or their mean. */
function classLosses(
  op: string,
  { weight, ignoreIndex, reduction }: Required<NLLLossOptions>,
  x: Tensor,
  target: Tensor,
  lossesOf: (rows: Tensor, classes: Tensor, share: Tensor | null) => Tensor,
): Tensor {
  checkClassWeight(op, x, weight);
  checkClasses(op, x, target);
  const rows = rowsOf(x);
  const flat = target.flatten();
  // An ignored target counts as class 0. The only look at the classes: what it finds out need not be asked again.
  const known = checkIndex(op, flat, rows.shape[1]!, 1, ignoreIndex) ? flat.ne(ignoreIndex) : null;
  const kept = (x: Tensor): Tensor => (known === null ? x : where(known, x, 0));
  const classes = kept(flat);
  const share = weight === null ? null : weight.indexSelect(0, classes);
  const losses = kept(lossesOf(rows, classes, share));
  if (reduction !== "mean") return losses.reshape(target.shape);
  const counts = share === null ? known : kept(share);
  return counts === null ? losses.mean() : losses.sum().div(counts.sum());
}

function softLosses(x: Tensor, target: Tensor, weight: Tensor | null, labelSmoothing: number): Tensor {
  const axis = classAxis(x);
  const classes = x.shape[axis]!;
  const smooth = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  const perClass = x.shape.map((_, i) => (i === axis ? classes : 1));
  const share = times(smooth, weight === null ? null : weight.reshape(perClass));
  return x.logSoftmax(axis).mul(share).sum(axis).neg();
}

/** @internal Throws unless the weight has one element per class. */
export function checkClassWeight(op: string, x: Tensor, weight: Tensor | null): void {
  if (weight !== null && !sameShape(weight.shape, [x.shape[classAxis(x)]!]))
    throw new ShapeError(op, `the weight ${show(weight.shape)} must have one element per class of ${show(x.shape)}`);
}

/** @internal Throws unless the target holds one class per row of scores. */
export function checkClasses(op: string, x: Tensor, target: Tensor): void {
  if (x.ndim === 0 || !sameShape(target.shape, x.shape.toSpliced(classAxis(x), 1)))
    throw new ShapeError(
      op,
      `scores ${show(x.shape)} and targets ${show(target.shape)} do not fit`,
      "expected [N,C] and [N], [N,C,d1,…] and [N,d1,…], or [C] and []",
    );
  checkInt32(op, target);
}

/**
 * The cross-entropy of `softmax(x)` and a target: `x [N, C]`, `[N, C, d1, …]` or `[C]`, and int32 classes of this shape without `C`, or
 * the probabilities of all classes in the shape of `x`. The class weights are a buffer, saved as `weight`.
 */
export class CrossEntropyLoss extends lossClass("CrossEntropyLoss", crossEntropy) {
  declare readonly weight: Buffer | null;
}

/**
 * The negative log-probability of the target: `x [N, C]`, `[N, C, d1, …]` or `[C]` holds log-probabilities, and the int32 target classes of
 * this shape without `C`. The class weights are a buffer, saved as `weight`.
 */
export class NLLLoss extends lossClass("NLLLoss", nllLoss) {
  declare readonly weight: Buffer | null;
}

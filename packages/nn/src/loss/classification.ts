import {
  type Buffer,
  checkIndex,
  DTypeError,
  isFloat,
  type Reduction,
  ShapeError,
  sameShape,
  scope,
  show,
  softmaxCrossEntropy,
  type Tensor,
  where,
} from "@descent/core";
import { checkFraction } from "../options.ts";
import { Loss, type LossOptions, reader, reduce } from "./loss.ts";

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

const readNLL = reader<NLLLossOptions>({ reduction: "mean", weight: null, ignoreIndex: -100 });
const readCrossEntropy = reader<CrossEntropyOptions>(
  { reduction: "mean", weight: null, ignoreIndex: -100, labelSmoothing: 0 },
  (op, { labelSmoothing }) => checkFraction(op, "labelSmoothing", labelSmoothing),
);

/**
 * The cross-entropy of `softmax(x)` and a target: `x [N, C]`, `[N, C, d1, …]` or `[C]`, and int32 classes of this shape without `C`, or
 * the probabilities of all classes in the shape of `x`.
 *
 * The mean over classes is weighted by `weight`; where all targets are ignored it is NaN.
 */
export function crossEntropy(x: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  const op = "crossEntropy";
  const { weight, ignoreIndex, reduction, labelSmoothing } = readCrossEntropy(op, options);
  checkClassWeight(op, x, weight);
  if (x.ndim > 0 && sameShape(x.shape, target.shape)) {
    if (!isFloat(target.dtype))
      throw new DTypeError(op, `the probabilities have dtype ${target.dtype}`, 'convert them with .to("float32")');
    return scope(() => reduce(softLosses(x, target, weight, labelSmoothing), reduction));
  }
  checkClasses(op, x, target);
  return scope(() => {
    const logits = rowsOf(x);
    const flat = target.flatten();
    // The only look at the classes: what it finds out need not be asked again.
    const ignores = checkIndex("softmaxCrossEntropy", flat, logits.shape[1]!, 1, ignoreIndex);
    const { known, classes } = split(flat, ignoreIndex, ignores);
    const share = weight === null ? null : weight.indexSelect(0, classes);
    let losses = softmaxCrossEntropy(logits, classes, true);
    if (share !== null) losses = losses.mul(share);
    if (labelSmoothing > 0) {
      const spread = logits.logSoftmax(1);
      const even = (weight === null ? spread : spread.mul(weight)).mean(1).neg();
      losses = losses.mul(1 - labelSmoothing).add(even.mul(labelSmoothing));
    }
    return reduceRows(losses, known, share, target, reduction);
  });
}

/**
 * The negative log-probability of the target: `x [N, C]`, `[N, C, d1, …]` or `[C]` holds log-probabilities, and the int32 target classes of
 * this shape without `C`.
 *
 * The mean is weighted by `weight`; where all targets are ignored it is NaN.
 */
export function nllLoss(x: Tensor, target: Tensor, options?: NLLLossOptions): Tensor {
  const { weight, ignoreIndex, reduction } = readNLL("nllLoss", options);
  checkClassWeight("nllLoss", x, weight);
  checkClasses("nllLoss", x, target);
  return scope(() => {
    const { known, classes } = split(target.flatten(), ignoreIndex, true);
    const share = weight === null ? null : weight.indexSelect(0, classes);
    const losses = rowsOf(x).gather(1, classes.unsqueeze(1)).squeeze(1).neg();
    return reduceRows(share === null ? losses : losses.mul(share), known, share, target, reduction);
  });
}

const classAxis = (x: Tensor): number => (x.ndim === 1 ? 0 : 1);

/** `[N, C, d1, …]` → `[N·d1·…, C]`: one row of scores per target. */
function rowsOf(x: Tensor): Tensor {
  if (x.ndim === 1) return x.unsqueeze(0);
  const [n, c, ...inner] = x.shape.keys();
  return inner.length === 0 ? x : x.permute([n!, ...inner, c!]).flatten(0, -2);
}

/** Which targets are not ignored, `null` for all of them, and the classes, where an ignored one counts as class 0. */
function split(target: Tensor, ignoreIndex: number, ignores: boolean): { known: Tensor | null; classes: Tensor } {
  if (!ignores) return { known: null, classes: target };
  const known = target.ne(ignoreIndex);
  return { known, classes: where(known, target, 0) };
}

/** What the losses of rows, weighted by `share`, come to. */
function reduceRows(
  losses: Tensor,
  known: Tensor | null,
  share: Tensor | null,
  target: Tensor,
  reduction: Reduction,
): Tensor {
  const kept = (x: Tensor): Tensor => (known === null ? x : where(known, x, 0));
  if (reduction === "none") return kept(losses).reshape(target.shape);
  if (reduction === "sum") return kept(losses).sum();
  if (share !== null) return kept(losses).sum().div(kept(share).sum());
  return known === null ? losses.mean() : kept(losses).sum().div(known.sum());
}

function softLosses(x: Tensor, target: Tensor, weight: Tensor | null, labelSmoothing: number): Tensor {
  const axis = classAxis(x);
  const classes = x.shape[axis]!;
  const smooth = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  const perClass = x.shape.map((_, i) => (i === axis ? classes : 1));
  const share = weight === null ? smooth : smooth.mul(weight.reshape(perClass));
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
  if (target.dtype !== "int32")
    throw new DTypeError(op, `the classes have dtype ${target.dtype}`, 'convert them with .to("int32")');
}

/**
 * The cross-entropy of `softmax(x)` and a target: `x [N, C]`, `[N, C, d1, …]` or `[C]`, and int32 classes of this shape without `C`, or
 * the probabilities of all classes in the shape of `x`. The class weights are a buffer, saved as `weight`.
 */
export class CrossEntropyLoss extends Loss<CrossEntropyOptions> {
  readonly weight: Buffer | null = this.options.weight as Buffer | null;

  constructor(options: CrossEntropyOptions = {}) {
    super(crossEntropy, readCrossEntropy("CrossEntropyLoss", options));
  }
}

/**
 * The negative log-probability of the target: `x [N, C]`, `[N, C, d1, …]` or `[C]` holds log-probabilities, and the int32 target classes of
 * this shape without `C`. The class weights are a buffer, saved as `weight`.
 */
export class NLLLoss extends Loss<NLLLossOptions> {
  readonly weight: Buffer | null = this.options.weight as Buffer | null;

  constructor(options: NLLLossOptions = {}) {
    super(nllLoss, readNLL("NLLLoss", options));
  }
}

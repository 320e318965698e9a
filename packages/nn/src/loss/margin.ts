import { arange, type Buffer, DTypeError, ShapeError, sameShape, scope, show, type Tensor, where } from "@descent/core";
import { oneOf } from "../options.ts";
import { checkClasses, checkClassWeight } from "./classification.ts";
import { Loss, type LossOptions, reader, readReduction, reduce } from "./loss.ts";

/** Options of losses with a margin. */
export interface MarginOptions extends LossOptions {
  /** How far apart is far enough. */
  readonly margin?: number;
}

const readRanking = reader<MarginOptions>({ reduction: "mean", margin: 0 });
const readHinge = reader<MarginOptions>({ reduction: "mean", margin: 1 });

/** `max(0, −t (x − y) + margin)` (default 0): `x` shall be above `y` where the target is 1, below where it is −1. */
export function marginRankingLoss(x: Tensor, y: Tensor, target: Tensor, options?: MarginOptions): Tensor {
  const op = "marginRankingLoss";
  const { reduction, margin } = readRanking(op, options);
  if (x.ndim !== y.ndim || x.ndim !== target.ndim)
    throw new ShapeError(
      op,
      `${show(x.shape)}, ${show(y.shape)} and the target ${show(target.shape)} have different numbers of axes`,
      "reshape() them",
    );
  return scope(() => reduce(y.sub(x).mul(target).add(margin).relu(), reduction));
}

/** `max(0, −t (x − y) + margin)` (default 0): `x` shall be above `y` where the target is 1, below where it is −1. */
export class MarginRankingLoss extends Loss<MarginOptions, [x: Tensor, y: Tensor, target: Tensor]> {
  constructor(options: MarginOptions = {}) {
    super(marginRankingLoss, readRanking("MarginRankingLoss", options));
  }
}

/** Of distances, `x` where the target is 1 and `max(0, margin − x)` (default 1) where it is −1. */
export function hingeEmbeddingLoss(x: Tensor, target: Tensor, options?: MarginOptions): Tensor {
  const { reduction, margin } = readHinge("hingeEmbeddingLoss", options);
  return scope(() => {
    const apart = where(target.ne(1), x.neg().add(margin).relu(), 0);
    return reduce(apart.add(where(target.ne(-1), x, 0)), reduction);
  });
}

/** Of distances, `x` where the target is 1 and `max(0, margin − x)` (default 1) where it is −1. */
export class HingeEmbeddingLoss extends Loss<MarginOptions> {
  constructor(options: MarginOptions = {}) {
    super(hingeEmbeddingLoss, readHinge("HingeEmbeddingLoss", options));
  }
}

/** Options of `multiMarginLoss`. */
export interface MultiMarginLossOptions extends MarginOptions {
  /** The exponent, 1 (default) or 2. */
  readonly p?: number;
  /** How much each target class counts, `[C]`. Default `null`: all alike. */
  readonly weight?: Tensor | null;
}

const readMultiMargin = reader<MultiMarginLossOptions>(
  { reduction: "mean", p: 1, margin: 1, weight: null },
  (op, { p }) => oneOf(op, "p", p, [1, 2]),
);

/** `Σ max(0, margin − x_t + x_i)ᵖ / C` over the classes `i` that are not the int32 target `t`: `[N, C]` and `[N]`, or `[C]` and `[]`. */
export function multiMarginLoss(x: Tensor, target: Tensor, options?: MultiMarginLossOptions): Tensor {
  const op = "multiMarginLoss";
  const { reduction, p, margin, weight } = readMultiMargin(op, options);
  checkClassWeight(op, x, weight);
  checkClasses(op, x, target);
  if (x.ndim > 2) throw new ShapeError(op, `scores of shape ${show(x.shape)}`, "expected [N,C] or [C]");
  return scope(() => {
    const classes = target.unsqueeze(-1);
    const excess = x.sub(x.gather(-1, classes)).add(margin).relu();
    const isOther = arange(x.shape.at(-1)!, undefined, 1, { backend: x.backend }).ne(classes);
    const losses = where(isOther, p === 1 ? excess : excess.square(), 0).mean(-1);
    const share = weight?.indexSelect(0, target.flatten()).reshape(target.shape);
    return reduce(share === undefined ? losses : losses.mul(share), reduction);
  });
}

/** `Σ max(0, margin − x_t + x_i)ᵖ / C` over the classes `i` that are not the int32 target `t`. `weight` is a buffer. */
export class MultiMarginLoss extends Loss<MultiMarginLossOptions> {
  readonly weight: Buffer | null = this.options.weight as Buffer | null;

  constructor(options: MultiMarginLossOptions = {}) {
    super(multiMarginLoss, readMultiMargin("MultiMarginLoss", options));
  }
}

/**
 * `Σ max(0, 1 − x_t + x_i) / C` over the target classes `t` and all others `i`. The int32 targets have the shape of the scores, `[N, C]` or
 * `[C]`: a row lists classes up to its first −1.
 */
export function multilabelMarginLoss(x: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const op = "multilabelMarginLoss";
  const { reduction } = readReduction(op, options);
  if (x.ndim === 0 || x.ndim > 2 || !sameShape(x.shape, target.shape))
    throw new ShapeError(
      op,
      `scores ${show(x.shape)} and targets ${show(target.shape)} do not fit`,
      "expected [N,C] twice, or [C]",
    );
  if (target.dtype !== "int32")
    throw new DTypeError(op, `the classes have dtype ${target.dtype}`, 'convert them with .to("int32")');
  return scope(() => {
    const isListed = target.lt(0).cumsum(-1).eq(0);
    const classes = where(isListed, target, 0);
    // [N, targets, classes]
    const hits = classes.oneHot(x.shape.at(-1)!, { dtype: "bool" }).logicalAnd(isListed.unsqueeze(-1));
    const counts = isListed.unsqueeze(-1).logicalAnd(hits.any(-2, { keepdim: true }).logicalNot());
    const excess = x.unsqueeze(-2).sub(x.gather(-1, classes).unsqueeze(-1)).add(1).relu();
    return reduce(where(counts, excess, 0).sum([-2, -1]).div(x.shape.at(-1)!), reduction);
  });
}

/** `Σ max(0, 1 − x_t + x_i) / C` over the target classes `t`, listed up to the first −1, and all others `i`. */
export class MultiLabelMarginLoss extends Loss {
  constructor(options: LossOptions = {}) {
    super(multilabelMarginLoss, readReduction("MultiLabelMarginLoss", options));
  }
}

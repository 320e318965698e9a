import { arange, type Buffer, ShapeError, sameShape, show, type Tensor, where } from "@descent/core";
import { oneOf } from "../options.ts";
import { checkClasses, checkClassWeight } from "./classification.ts";
import { checkAxes, checkInt32, type LossOptions, loss, lossClass } from "./loss.ts";

/** Options of losses with a margin. */
export interface MarginOptions extends LossOptions {
  /** How far apart is far enough. */
  readonly margin?: number;
}

/** `max(0, −t (x − y) + margin)` (default 0): `x` shall be above `y` where the target is 1, below where it is −1. */
export const marginRankingLoss = loss<MarginOptions, [x: Tensor, y: Tensor, target: Tensor]>(
  "marginRankingLoss",
  { margin: 0 },
  ({ margin }, x, y, target) => {
    checkAxes("marginRankingLoss", "x, y and target", [x, y, target]);
    return y.sub(x).mul(target).add(margin).relu();
  },
);

/** `max(0, −t (x − y) + margin)` (default 0): `x` shall be above `y` where the target is 1, below where it is −1. */
export class MarginRankingLoss extends lossClass("MarginRankingLoss", marginRankingLoss) {}

/** Of distances, `x` where the target is 1 and `max(0, margin − x)` (default 1) where it is −1. */
export const hingeEmbeddingLoss = loss<MarginOptions>("hingeEmbeddingLoss", { margin: 1 }, ({ margin }, x, target) =>
  where(target.ne(1), x.neg().add(margin).relu(), 0).add(where(target.ne(-1), x, 0)),
);

/** Of distances, `x` where the target is 1 and `max(0, margin − x)` (default 1) where it is −1. */
export class HingeEmbeddingLoss extends lossClass("HingeEmbeddingLoss", hingeEmbeddingLoss) {}

/** Options of `multiMarginLoss`. */
export interface MultiMarginLossOptions extends MarginOptions {
  /** The exponent, 1 (default) or 2. */
  readonly p?: number;
  /** How much each target class counts, `[C]`. Default `null`: all alike. */
  readonly weight?: Tensor | null;
}

/** `Σ max(0, margin − x_t + x_i)ᵖ / C` over the classes `i` that are not the int32 target `t`: `[N, C]` and `[N]`, or `[C]` and `[]`. */
export const multiMarginLoss = loss<MultiMarginLossOptions>(
  "multiMarginLoss",
  { p: 1, margin: 1, weight: null },
  ({ p, margin, weight }, x, target) => {
    const op = "multiMarginLoss";
    checkClassWeight(op, x, weight);
    checkClasses(op, x, target);
    if (x.ndim > 2) throw new ShapeError(op, `scores of shape ${show(x.shape)}`, "expected [N,C] or [C]");
    const classes = target.unsqueeze(-1);
    const excess = x.sub(x.gather(-1, classes)).add(margin).relu();
    const isOther = arange(x.shape.at(-1)!, undefined, 1, { backend: x.backend }).ne(classes);
    const losses = where(isOther, p === 1 ? excess : excess.square(), 0).mean(-1);
    return weight === null ? losses : losses.mul(weight.indexSelect(0, target.flatten()).reshape(target.shape));
  },
  (op, { p }) => oneOf(op, "p", p, [1, 2]),
);

/** `Σ max(0, margin − x_t + x_i)ᵖ / C` over the classes `i` that are not the int32 target `t`. `weight` is a buffer. */
export class MultiMarginLoss extends lossClass("MultiMarginLoss", multiMarginLoss) {
  declare readonly weight: Buffer | null;
}

/**
 * `Σ max(0, 1 − x_t + x_i) / C` over the target classes `t` and all others `i`. The int32 targets have the shape of the scores, `[N, C]` or
 * `[C]`: a row lists classes up to its first −1.
 */
export const multilabelMarginLoss = loss("multilabelMarginLoss", {}, (_, x, target) => {
  const op = "multilabelMarginLoss";
  if (x.ndim === 0 || x.ndim > 2 || !sameShape(x.shape, target.shape))
    throw new ShapeError(
      op,
      `scores ${show(x.shape)} and targets ${show(target.shape)} do not fit`,
      "expected [N,C] twice, or [C]",
    );
  checkInt32(op, target);
  const isListed = target.lt(0).cumsum(-1).eq(0);
  const classes = where(isListed, target, 0);
  const count = x.shape.at(-1)!;
  // [N, targets, classes]
  const hits = classes.oneHot(count, { dtype: "bool" }).logicalAnd(isListed.unsqueeze(-1));
  const counts = isListed.unsqueeze(-1).logicalAnd(hits.any(-2, { keepdim: true }).logicalNot());
  const excess = x.unsqueeze(-2).sub(x.gather(-1, classes).unsqueeze(-1)).add(1).relu();
  return where(counts, excess, 0).sum([-2, -1]).div(count);
});

/** `Σ max(0, 1 − x_t + x_i) / C` over the target classes `t`, listed up to the first −1, and all others `i`. */
export class MultiLabelMarginLoss extends lossClass("MultiLabelMarginLoss", multilabelMarginLoss) {}

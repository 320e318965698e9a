import { broadcastShapes, ShapeError, show, type Tensor, where } from "@descent/core";
import { Module } from "../base.ts";
import { pairwiseDistance } from "../distance.ts";
import { checkAbove, checkAxes, type LossOptions, loss, lossClass } from "./loss.ts";
import type { MarginOptions } from "./margin.ts";

/**
 * `1 − cos(x, y)` where the target is 1, `max(0, cos(x, y) − margin)` (default 0) where it is −1: `[N, D]`, `[N, D]` and `[N]`, or `[D]`,
 * `[D]` and `[]`.
 */
export const cosineEmbeddingLoss = loss<MarginOptions, [x: Tensor, y: Tensor, target: Tensor]>(
  "cosineEmbeddingLoss",
  { margin: 0 },
  ({ margin }, x, y, target) => {
    if (target.ndim > 1 || x.ndim !== target.ndim + 1 || y.ndim !== x.ndim)
      throw new ShapeError(
        "cosineEmbeddingLoss",
        `${show(x.shape)}, ${show(y.shape)} and targets ${show(target.shape)} do not fit`,
        "expected [N,D], [N,D] and [N], or [D], [D] and []",
      );
    for (const { shape } of [x, y]) broadcastShapes("cosineEmbeddingLoss", shape.slice(0, -1), target.shape);
    const squared = (v: Tensor): Tensor => v.square().sum(-1).add(1e-12);
    const norms = squared(x).mul(squared(y)).sqrt();
    const cosine = x.mul(y).sum(-1).div(norms);
    const together = where(target.eq(1), cosine.neg().add(1), 0);
    return together.add(where(target.eq(-1), cosine.sub(margin).relu(), 0));
  },
);

/** `1 − cos(x, y)` where the target is 1, `max(0, cos(x, y) − margin)` (default 0) where it is −1. */
export class CosineEmbeddingLoss extends lossClass("CosineEmbeddingLoss", cosineEmbeddingLoss) {}

/** The distances of two tensors, one number per pair of samples: a function or a module. */
export type DistanceFunction =
  | ((x: Tensor, y: Tensor) => Tensor)
  | (Module & { forward(x: Tensor, y: Tensor): Tensor });

/** Options of `tripletMarginWithDistanceLoss`. */
export interface TripletMarginWithDistanceLossOptions extends LossOptions {
  /** Default `null`: `pairwiseDistance`. */
  readonly distanceFunction?: DistanceFunction | null;
  /** How much farther the negative shall be than the positive, above 0. Default 1. */
  readonly margin?: number;
  /** Whether the distance of positive and negative counts where it is the smaller one (Balntas et al. 2016). Default false. */
  readonly swap?: boolean;
}

type Triplet = [anchor: Tensor, positive: Tensor, negative: Tensor];

const checkMargin = (op: string, { margin }: { readonly margin: number }): void => checkAbove(op, "margin", margin, 0);

/** How much nearer than `margin` the negative is. */
function excess(
  op: string,
  distance: (x: Tensor, y: Tensor) => Tensor,
  { margin, swap }: { readonly margin: number; readonly swap: boolean },
  [anchor, positive, negative]: Triplet,
): Tensor {
  checkAxes(op, "anchor, positive and negative", [anchor, positive, negative]);
  const far = distance(anchor, negative);
  const apart = swap ? far.minimum(distance(positive, negative)) : far;
  return distance(anchor, positive).sub(apart).add(margin).relu();
}

/** `max(0, d(anchor, positive) − d(anchor, negative) + margin)`. */
export const tripletMarginWithDistanceLoss = loss<TripletMarginWithDistanceLossOptions, Triplet>(
  "tripletMarginWithDistanceLoss",
  { distanceFunction: null, margin: 1, swap: false },
  (settings, anchor, positive, negative) => {
    const d = settings.distanceFunction ?? pairwiseDistance;
    const distance = d instanceof Module ? (x: Tensor, y: Tensor) => d.call(x, y) : d;
    return excess("tripletMarginWithDistanceLoss", distance, settings, [anchor, positive, negative]);
  },
  checkMargin,
);

/** `max(0, d(anchor, positive) − d(anchor, negative) + margin)`. A distance that is a module is part of this one. */
export class TripletMarginWithDistanceLoss extends lossClass(
  "TripletMarginWithDistanceLoss",
  tripletMarginWithDistanceLoss,
) {
  declare readonly distanceFunction: DistanceFunction | null;
}

/** Options of `tripletMarginLoss`. */
export interface TripletMarginLossOptions extends Omit<TripletMarginWithDistanceLossOptions, "distanceFunction"> {
  /** The exponent of the distance. Default 2. */
  readonly p?: number;
  /** What is added to differences. Default 1e-6. */
  readonly eps?: number;
}

/** `max(0, ‖anchor − positive‖ₚ − ‖anchor − negative‖ₚ + margin)` along the last axis. */
export const tripletMarginLoss = loss<TripletMarginLossOptions, Triplet>(
  "tripletMarginLoss",
  { margin: 1, p: 2, eps: 1e-6, swap: false },
  ({ p, eps, ...settings }, anchor, positive, negative) =>
    excess("tripletMarginLoss", (x, y) => pairwiseDistance(x, y, { p, eps }), settings, [anchor, positive, negative]),
  checkMargin,
);

/** `max(0, ‖anchor − positive‖ₚ − ‖anchor − negative‖ₚ + margin)` along the last axis. */
export class TripletMarginLoss extends lossClass("TripletMarginLoss", tripletMarginLoss) {}

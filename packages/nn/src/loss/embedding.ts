import { ShapeError, scope, show, type Tensor, where } from "@descent/core";
import { Module } from "../base.ts";
import { pairwiseDistance } from "../distance.ts";
import { checkAbove, Loss, type LossOptions, reader, reduce } from "./loss.ts";
import type { MarginOptions } from "./margin.ts";

const readCosine = reader<MarginOptions>({ reduction: "mean", margin: 0 });

/**
 * `1 − cos(x, y)` where the target is 1, `max(0, cos(x, y) − margin)` (default 0) where it is −1: `[N, D]`, `[N, D]` and `[N]`, or `[D]`,
 * `[D]` and `[]`.
 */
export function cosineEmbeddingLoss(x: Tensor, y: Tensor, target: Tensor, options?: MarginOptions): Tensor {
  const op = "cosineEmbeddingLoss";
  const { reduction, margin } = readCosine(op, options);
  if (target.ndim > 1 || x.ndim !== target.ndim + 1 || y.ndim !== x.ndim)
    throw new ShapeError(
      op,
      `${show(x.shape)}, ${show(y.shape)} and targets ${show(target.shape)} do not fit`,
      "expected [N,D], [N,D] and [N], or [D], [D] and []",
    );
  return scope(() => {
    const squared = (v: Tensor): Tensor => v.square().sum(-1).add(1e-12);
    const cosine = x
      .mul(y)
      .sum(-1)
      .div(squared(x).mul(squared(y)).sqrt());
    const together = where(target.eq(1), cosine.neg().add(1), 0);
    return reduce(together.add(where(target.eq(-1), cosine.sub(margin).relu(), 0)), reduction);
  });
}

/** `1 − cos(x, y)` where the target is 1, `max(0, cos(x, y) − margin)` (default 0) where it is −1. */
export class CosineEmbeddingLoss extends Loss<MarginOptions, [x: Tensor, y: Tensor, target: Tensor]> {
  constructor(options: MarginOptions = {}) {
    super(cosineEmbeddingLoss, readCosine("CosineEmbeddingLoss", options));
  }
}

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
const readWithDistance = reader<TripletMarginWithDistanceLossOptions>(
  { reduction: "mean", distanceFunction: null, margin: 1, swap: false },
  checkMargin,
);

/** `max(0, d(anchor, positive) − d(anchor, negative) + margin)`. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletMarginWithDistanceLossOptions,
): Tensor {
  const op = "tripletMarginWithDistanceLoss";
  const { reduction, distanceFunction, margin, swap } = readWithDistance(op, options);
  const distance = (x: Tensor, y: Tensor): Tensor =>
    distanceFunction instanceof Module ? distanceFunction.call(x, y) : (distanceFunction ?? pairwiseDistance)(x, y);
  const shapes = [anchor, positive, negative].map(({ shape }) => shape);
  if (new Set(shapes.map(({ length }) => length)).size > 1)
    throw new ShapeError(
      op,
      `anchor, positive and negative ${shapes.map(show).join(", ")} have different numbers of axes`,
      "reshape() them",
    );
  return scope(() => {
    const near = distance(anchor, positive);
    const far = distance(anchor, negative);
    const apart = swap ? far.minimum(distance(positive, negative)) : far;
    return reduce(near.sub(apart).add(margin).relu(), reduction);
  });
}

/** `max(0, d(anchor, positive) − d(anchor, negative) + margin)`. A distance that is a module is part of this one. */
export class TripletMarginWithDistanceLoss extends Loss<TripletMarginWithDistanceLossOptions, Triplet> {
  readonly distanceFunction = this.options.distanceFunction;

  constructor(options: TripletMarginWithDistanceLossOptions = {}) {
    super(tripletMarginWithDistanceLoss, readWithDistance("TripletMarginWithDistanceLoss", options));
  }
}

/** Options of `tripletMarginLoss`. */
export interface TripletMarginLossOptions extends Omit<TripletMarginWithDistanceLossOptions, "distanceFunction"> {
  /** The exponent of the distance. Default 2. */
  readonly p?: number;
  /** What is added to differences. Default 1e-6. */
  readonly eps?: number;
}

const readTriplet = reader<TripletMarginLossOptions>(
  { reduction: "mean", margin: 1, p: 2, eps: 1e-6, swap: false },
  checkMargin,
);

/** `max(0, ‖anchor − positive‖ₚ − ‖anchor − negative‖ₚ + margin)` along the last axis. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletMarginLossOptions,
): Tensor {
  const { p, eps, ...rest } = readTriplet("tripletMarginLoss", options);
  const distanceFunction: DistanceFunction = (x, y) => pairwiseDistance(x, y, { p, eps });
  return tripletMarginWithDistanceLoss(anchor, positive, negative, { ...rest, distanceFunction });
}

/** `max(0, ‖anchor − positive‖ₚ − ‖anchor − negative‖ₚ + margin)` along the last axis. */
export class TripletMarginLoss extends Loss<TripletMarginLossOptions, Triplet> {
  constructor(options: TripletMarginLossOptions = {}) {
    super(tripletMarginLoss, readTriplet("TripletMarginLoss", options));
  }
}

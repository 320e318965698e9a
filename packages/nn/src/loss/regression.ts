import { mseLoss as meanSquaredError, type Tensor } from "@descent/core";
import { checkAbove, checkSame, type LossOptions, loss, lossClass } from "./loss.ts";

/** The squared differences of two tensors of one shape. */
export const mseLoss = loss("mseLoss", {}, ({ reduction }, x, target) => meanSquaredError(x, target, reduction));

/** The squared differences of two tensors of one shape. */
export class MSELoss extends lossClass("MSELoss", mseLoss) {}

function difference(op: string, x: Tensor, target: Tensor): Tensor {
  checkSame(op, x, target);
  return x.sub(target);
}

/** The absolute differences of two tensors of one shape; the gradient at 0 is 0. */
export const l1Loss = loss("l1Loss", {}, (_, x, target) => difference("l1Loss", x, target).abs());

/** The absolute differences of two tensors of one shape. */
export class L1Loss extends lossClass("L1Loss", l1Loss) {}

/** `d²/2` of a difference `d` up to `±bound`, and a straight line beyond. */
function huber(d: Tensor, bound: number): Tensor {
  // With c = d inside it is d²/2, with c = ±bound outside bound·(|d| − bound/2): no branch whose gradient could be NaN.
  const c = d.clamp(-bound, bound);
  return c.mul(d.sub(c.mul(0.5)));
}

/** Options of `huberLoss`. */
export interface HuberLossOptions extends LossOptions {
  /** Where the parabola ends, above 0. Default 1. */
  readonly delta?: number;
}

/** `d²/2` of the differences `d` of two tensors of one shape up to `delta`, `delta·(|d| − delta/2)` beyond (Huber 1964). */
export const huberLoss = loss<HuberLossOptions>(
  "huberLoss",
  { delta: 1 },
  ({ delta }, x, target) => huber(difference("huberLoss", x, target), delta),
  (op, { delta }) => checkAbove(op, "delta", delta, 0),
);

/** `d²/2` of the differences `d` of two tensors of one shape up to `delta`, `delta·(|d| − delta/2)` beyond (Huber 1964). */
export class HuberLoss extends lossClass("HuberLoss", huberLoss) {}

/** Options of `smoothL1Loss`. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola ends; 0 has none and is `l1Loss`. Default 1. */
  readonly beta?: number;
}

/** `d²/(2·beta)` of the differences `d` of two tensors of one shape up to `beta`, `|d| − beta/2` beyond (Girshick 2015). */
export const smoothL1Loss = loss<SmoothL1LossOptions>(
  "smoothL1Loss",
  { beta: 1 },
  ({ beta }, x, target) => {
    const d = difference("smoothL1Loss", x, target);
    return beta === 0 ? d.abs() : huber(d, beta).div(beta);
  },
  (op, { beta }) => checkAbove(op, "beta", beta, 0, true),
);

/** `d²/(2·beta)` of the differences `d` of two tensors of one shape up to `beta`, `|d| − beta/2` beyond (Girshick 2015). */
export class SmoothL1Loss extends lossClass("SmoothL1Loss", smoothL1Loss) {}

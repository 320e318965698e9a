import { mseLoss as meanSquaredError, scope, type Tensor } from "@descent/core";
import { checkAbove, checkSame, Loss, type LossOptions, reader, readReduction, reduce } from "./loss.ts";

/** The squared differences of two tensors of one shape. */
export const mseLoss = (x: Tensor, target: Tensor, options?: LossOptions): Tensor =>
  meanSquaredError(x, target, readReduction("mseLoss", options).reduction);

/** The squared differences of two tensors of one shape. */
export class MSELoss extends Loss {
  constructor(options: LossOptions = {}) {
    super(mseLoss, readReduction("MSELoss", options));
  }
}

/** The absolute differences of two tensors of one shape; the gradient at 0 is 0. */
export function l1Loss(x: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const { reduction } = readReduction("l1Loss", options);
  checkSame("l1Loss", x, target);
  return scope(() => reduce(x.sub(target).abs(), reduction));
}

/** The absolute differences of two tensors of one shape. */
export class L1Loss extends Loss {
  constructor(options: LossOptions = {}) {
    super(l1Loss, readReduction("L1Loss", options));
  }
}

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

const readHuber = reader<HuberLossOptions>({ reduction: "mean", delta: 1 }, (op, { delta }) =>
  checkAbove(op, "delta", delta, 0),
);

/** `d²/2` of the differences `d` of two tensors of one shape up to `delta`, `delta·(|d| − delta/2)` beyond (Huber 1964). */
export function huberLoss(x: Tensor, target: Tensor, options?: HuberLossOptions): Tensor {
  const { reduction, delta } = readHuber("huberLoss", options);
  checkSame("huberLoss", x, target);
  return scope(() => reduce(huber(x.sub(target), delta), reduction));
}

/** `d²/2` of the differences `d` of two tensors of one shape up to `delta`, `delta·(|d| − delta/2)` beyond (Huber 1964). */
export class HuberLoss extends Loss<HuberLossOptions> {
  constructor(options: HuberLossOptions = {}) {
    super(huberLoss, readHuber("HuberLoss", options));
  }
}

/** Options of `smoothL1Loss`. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola ends; 0 has none and is `l1Loss`. Default 1. */
  readonly beta?: number;
}

const readSmoothL1 = reader<SmoothL1LossOptions>({ reduction: "mean", beta: 1 }, (op, { beta }) =>
  checkAbove(op, "beta", beta, 0, true),
);

/** `d²/(2·beta)` of the differences `d` of two tensors of one shape up to `beta`, `|d| − beta/2` beyond (Girshick 2015). */
export function smoothL1Loss(x: Tensor, target: Tensor, options?: SmoothL1LossOptions): Tensor {
  const { reduction, beta } = readSmoothL1("smoothL1Loss", options);
  checkSame("smoothL1Loss", x, target);
  if (beta === 0) return l1Loss(x, target, { reduction });
  return scope(() => reduce(huber(x.sub(target), beta).div(beta), reduction));
}

/** `d²/(2·beta)` of the differences `d` of two tensors of one shape up to `beta`, `|d| − beta/2` beyond (Girshick 2015). */
export class SmoothL1Loss extends Loss<SmoothL1LossOptions> {
  constructor(options: SmoothL1LossOptions = {}) {
    super(smoothL1Loss, readSmoothL1("SmoothL1Loss", options));
  }
}

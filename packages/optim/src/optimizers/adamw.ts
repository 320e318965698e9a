import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { decayed, type PointwiseRule } from "../base/rule.ts";
import { ADAM_CHECKS, type AdamState, type AdamWHyper, adamStep, initAdam } from "./adam.ts";

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019). */
export const adamWRule: PointwiseRule<AdamWHyper, AdamState> = {
  name: "AdamW",
  pointwise: true,
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2, amsgrad: false, maximize: false },
  checks: ADAM_CHECKS,
  init: initAdam,
  update: (p, g, state, hyper, t) =>
    adamStep(decayed(p, hyper.lr * hyper.weightDecay), hyper.maximize ? g.neg() : g, state, hyper, t),
};

/** AdamW: the weights shrink by `lr · weightDecay` in every step, whatever their gradients. */
export class AdamW extends Optimizer<AdamWHyper, AdamState> {
  constructor(params: Params<AdamWHyper>, options?: Partial<AdamWHyper>) {
    super(adamWRule, params, options);
  }
}

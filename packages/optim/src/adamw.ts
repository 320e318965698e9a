import { ADAM_CHECKS, type AdamHyper, type AdamState, initAdam, updateAdam } from "./adam.ts";
import { Optimizer } from "./optimizer.ts";
import type { Params } from "./param-groups.ts";
import type { Rule } from "./rule.ts";

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019). */
export const adamWRule: Rule<AdamHyper, AdamState> = {
  name: "AdamW",
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2, amsgrad: false, maximize: false },
  checks: ADAM_CHECKS,
  init: initAdam,
  update: (p, g, state, hyper, t) => updateAdam(p, g, state, hyper, t, true),
};

/** AdamW: the weights shrink by `lr · weightDecay` in every step, whatever their gradients. */
export class AdamW extends Optimizer<AdamHyper, AdamState> {
  constructor(params: Params<AdamHyper>, options?: Partial<AdamHyper>) {
    super(adamWRule, params, options);
  }
}

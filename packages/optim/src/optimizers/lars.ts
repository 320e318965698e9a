import type { Tensor } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { penalized, type Rule } from "../base/rule.ts";
import { trusted } from "../base/trust-ratio.ts";
import { flag, nonNegative } from "../checks.ts";
import { type SGDHyper, type SGDState, sgdRule } from "./sgd.ts";

/** Options of LARS: those of SGD, with a learning rate of 1 by default. */
export interface LARSHyper extends SGDHyper {
  /** How long a step is, in parts of the weights. Default 1e-3. */
  readonly trustCoeff: number;
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** Limits what the trust ratio makes of the learning rate to `lr` (LARC). Default false. */
  readonly trustClip: boolean;
  /** Whether parameters without decay have a trust ratio, too. Default true. */
  readonly alwaysAdapt: boolean;
}

/** SGD along gradients that are scaled, layer by layer, by `η ‖w‖ / (‖g‖ + λ ‖w‖)` (You et al. 2017, algorithm 1). */
export const larsRule: Rule<LARSHyper, SGDState> = {
  name: "LARS",
  defaults: { ...sgdRule.defaults, lr: 1, trustCoeff: 1e-3, eps: 1e-8, trustClip: false, alwaysAdapt: true },
  checks: { ...sgdRule.checks, trustCoeff: nonNegative, eps: nonNegative, trustClip: flag, alwaysAdapt: flag },
  conflict: sgdRule.conflict!,
  init: sgdRule.init,
  update(p, gradient, state, hyper, t) {
    const { lr, weightDecay, trustCoeff, eps, trustClip } = hyper;
    let g = penalized(p, gradient, hyper);
    if (weightDecay !== 0 || hyper.alwaysAdapt) {
      const [wNorm, gNorm] = [p.norm(), gradient.norm()];
      const ratio = trusted(wNorm.mul(trustCoeff).div(gNorm.add(wNorm.mul(weightDecay)).add(eps)), wNorm, gNorm);
      // lr multiplies it once more.
      g = g.mul(trustClip ? ratio.div(lr).minimum(1) : ratio);
    }
    const along = { ...hyper, weightDecay: 0, maximize: false };
    return sgdRule.update(p, g, state, along, t) as { p: Tensor; state: SGDState };
  },
};

/**
 * LARS: SGD for large batches, in which the step of every layer is `lr · trustCoeff` times as long as its weights.
 *
 * Names and defaults are those of timm, but for `alwaysAdapt`, which is off there. Biases and norms are often left out: give them a group
 * with `alwaysAdapt: false` and no decay.
 */
export class LARS extends Optimizer<LARSHyper, SGDState> {
  constructor(params: Params<LARSHyper>, options?: Partial<LARSHyper>) {
    super(larsRule, params, options);
  }
}

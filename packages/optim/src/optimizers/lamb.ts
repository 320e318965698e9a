import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { pointwise } from "../base/pointwise.ts";
import { averaged, decayed, type Rule } from "../base/rule.ts";
import { trusted } from "../base/trust-ratio.ts";
import { betas, flag, nonNegative } from "../checks.ts";

/** Options of LAMB. */
export interface LAMBHyper {
  /** Learning rate. Default 1e-3. */
  readonly lr: number;
  /** Divides the averages by what they lack after their start at zero. Default true. */
  readonly biasCorrection: boolean;
  /** Decay rates of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-6. */
  readonly eps: number;
  /** How much of the weights is added to the direction. Default 0.01. */
  readonly weightDecay: number;
  /** Gives the gradient the weight `1 − betas[0]` in its average, in place of 1. Default true. */
  readonly gradAveraging: boolean;
  /** Limits the trust ratio to 1 (LAMBC). Default false. */
  readonly trustClip: boolean;
  /** Whether parameters without decay have a trust ratio, too. Default true. */
  readonly alwaysAdapt: boolean;
  /** Shrinks the weights by `lr · weightDecay` before the step, as AdamW does, instead. Default false. */
  readonly decoupledDecay: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What LAMB remembers of a parameter: averages of the gradient and of its square. */
export interface LAMBState {
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
}

/** Adam whose direction `r + λ w` gets the norm of the weights, layer by layer (You et al. 2020, algorithm 2). */
export const lambRule: Rule<LAMBHyper, LAMBState> = {
  name: "LAMB",
  defaults: {
    lr: 1e-3,
    biasCorrection: true,
    betas: [0.9, 0.999],
    eps: 1e-6,
    weightDecay: 0.01,
    gradAveraging: true,
    trustClip: false,
    alwaysAdapt: true,
    decoupledDecay: false,
    maximize: false,
  },
  checks: {
    lr: nonNegative,
    biasCorrection: flag,
    betas,
    eps: nonNegative,
    weightDecay: nonNegative,
    gradAveraging: flag,
    trustClip: flag,
    alwaysAdapt: flag,
    decoupledDecay: flag,
    maximize: flag,
  },
  init: (p) => ({ expAvg: zerosLike(p), expAvgSq: zerosLike(p) }),
  update(w, gradient, before, hyper, t) {
    const { lr, weightDecay, trustClip, alwaysAdapt } = hyper;
    const { p, u, ...state } = direction(w, gradient, before, hyper, t);
    if (weightDecay === 0 && !alwaysAdapt) return { p: p.sub(u.mul(lr)), state };
    const [pNorm, uNorm] = [p.norm(), u.norm()];
    const ratio = trusted(pNorm.div(uNorm), pNorm, uNorm);
    return { p: p.sub(u.mul((trustClip ? ratio.minimum(1) : ratio).mul(lr))), state };
  },
};

/** The weights, which may have decayed by themselves, where to go from there, and the averages after `gradient`. */
function direction(w: Tensor, gradient: Tensor, state: LAMBState, hyper: LAMBHyper, t: number) {
  const { lr, eps, weightDecay, biasCorrection, gradAveraging, decoupledDecay, maximize } = hyper;
  const [b1, b2] = hyper.betas;
  const [c1, c2] = biasCorrection ? [1 - b1 ** t, Math.sqrt(1 - b2 ** t)] : [1, 1];
  return pointwise({ w, gradient, ...state }, ({ w, gradient, expAvg, expAvgSq }) => {
    const g = maximize ? gradient.neg() : gradient;
    const m = gradAveraging ? averaged(expAvg, g, b1) : expAvg.mul(b1).add(g);
    const v = averaged(expAvgSq, g.square(), b2);
    const root = v.sqrt().mul(1 / c2);
    const r = m.mul(1 / c1).div(root.add(eps));
    return {
      p: decayed(w, decoupledDecay ? lr * weightDecay : 0),
      u: weightDecay === 0 || decoupledDecay ? r : r.add(w.mul(weightDecay)),
      expAvg: m,
      expAvgSq: v,
    };
  });
}

/**
 * LAMB: Adam for large batches, in which the step of every layer is as long as its weights, times `lr`.
 *
 * Names and defaults are those of timm (of NVIDIA's FusedLAMB, that is), but for `alwaysAdapt`, which is off there. It does not clip the
 * gradients on its own, where those begin with `clipGradNorm(parameters, 1)`.
 */
export class LAMB extends Optimizer<LAMBHyper, LAMBState> {
  constructor(params: Params<LAMBHyper>, options?: Partial<LAMBHyper>) {
    super(lambRule, params, options);
  }
}

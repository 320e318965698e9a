import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, regularized } from "../base/rule.ts";
import { betas, flag, nonNegative } from "../checks.ts";

/** Options of RAdam. */
export interface RAdamHyper {
  /** Learning rate. Default 1e-3. */
  readonly lr: number;
  /** Decay rates of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** L2 penalty, coupled or not. Default 0. */
  readonly weightDecay: number;
  /** Whether the weights decay by themselves, as in AdamW. Default false. */
  readonly decoupledWeightDecay: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What RAdam remembers of a parameter: averages of the gradient and of its square. */
export interface RAdamState {
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
}

/**
 * By how much a step is shortened, because the average of squares of few gradients varies so much, or `null` where its variance is
 * not known at all: rₜ, for ρₜ > 5.
 */
function rectification(b2: number, t: number): number | null {
  const most = 2 / (1 - b2) - 1;
  const rho = most - (2 * t * b2 ** t) / (1 - b2 ** t);
  if (rho <= 5) return null;
  return Math.sqrt(((rho - 4) * (rho - 2) * most) / ((most - 4) * (most - 2) * rho));
}

/** Adam with a rectified variance: the first steps are those of momentum alone (Liu et al. 2020, algorithm 2). */
export const radamRule: PointwiseRule<RAdamHyper, RAdamState> = {
  name: "RAdam",
  pointwise: true,
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, decoupledWeightDecay: false, maximize: false },
  checks: {
    lr: nonNegative,
    betas,
    eps: nonNegative,
    weightDecay: nonNegative,
    decoupledWeightDecay: flag,
    maximize: flag,
  },
  init: (p) => ({ expAvg: zerosLike(p), expAvgSq: zerosLike(p) }),
  update(p, gradient, state, hyper, t) {
    const {
      lr,
      betas: [b1, b2],
      eps,
    } = hyper;
    const [w, g] = regularized(p, gradient, hyper);
    const m = averaged(state.expAvg, g, b1);
    const v = averaged(state.expAvgSq, g.square(), b2);
    const rate = lr / (1 - b1 ** t);
    const r = rectification(b2, t);
    const step = r === null ? m.mul(rate) : m.div(v.sqrt().add(eps)).mul(rate * r * Math.sqrt(1 - b2 ** t));
    return { p: w.sub(step), state: { expAvg: m, expAvgSq: v } };
  },
};

/** RAdam: Adam that needs no warmup. */
export class RAdam extends Optimizer<RAdamHyper, RAdamState> {
  constructor(params: Params<RAdamHyper>, options?: Partial<RAdamHyper>) {
    super(radamRule, params, options);
  }
}

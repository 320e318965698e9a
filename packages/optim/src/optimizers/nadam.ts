import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, regularized } from "../base/rule.ts";
import { betas, flag, nonNegative } from "../checks.ts";

/** Options of NAdam. */
export interface NAdamHyper {
  /** Learning rate. Default 2e-3. */
  readonly lr: number;
  /** Decay rates of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** L2 penalty, coupled or not. Default 0. */
  readonly weightDecay: number;
  /** How fast momentum rises from half of `betas[0]` to all of it. Default 4e-3. */
  readonly momentumDecay: number;
  /** Whether the weights decay by themselves, as in AdamW. Default false. */
  readonly decoupledWeightDecay: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What NAdam remembers of a parameter. */
export interface NAdamState {
  /** The product of the momenta of all steps so far. */
  readonly muProduct: number;
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
}

/** Adam that looks ahead along its momentum, as Nesterov (Dozat 2016, algorithm 2). */
export const nadamRule: PointwiseRule<NAdamHyper, NAdamState> = {
  name: "NAdam",
  pointwise: true,
  defaults: {
    lr: 2e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0,
    momentumDecay: 4e-3,
    decoupledWeightDecay: false,
    maximize: false,
  },
  checks: {
    lr: nonNegative,
    betas,
    eps: nonNegative,
    weightDecay: nonNegative,
    momentumDecay: nonNegative,
    decoupledWeightDecay: flag,
    maximize: flag,
  },
  init: (p) => ({ muProduct: 1, expAvg: zerosLike(p), expAvgSq: zerosLike(p) }),
  update(p, gradient, state, hyper, t) {
    const {
      lr,
      betas: [b1, b2],
      eps,
      momentumDecay,
    } = hyper;
    const [w, g] = regularized(p, gradient, hyper);
    const m = averaged(state.expAvg, g, b1);
    const v = averaged(state.expAvgSq, g.square(), b2);
    const denominator = v
      .mul(1 / (1 - b2 ** t))
      .sqrt()
      .add(eps);
    const momentumAt = (t: number): number => b1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
    const [mu, next] = [momentumAt(t), momentumAt(t + 1)];
    const muProduct = state.muProduct * mu;
    const [now, ahead] = [(1 - mu) / (1 - muProduct), next / (1 - muProduct * next)];
    const direction = g.mul(lr * now).add(m.mul(lr * ahead));
    return { p: w.sub(direction.div(denominator)), state: { muProduct, expAvg: m, expAvgSq: v } };
  },
};

/** NAdam: Adam with Nesterov's momentum, which warms up. */
export class NAdam extends Optimizer<NAdamHyper, NAdamState> {
  constructor(params: Params<NAdamHyper>, options?: Partial<NAdamHyper>) {
    super(nadamRule, params, options);
  }
}

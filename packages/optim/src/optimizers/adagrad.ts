import { fullLike, type Tensor } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { type PointwiseRule, penalized } from "../base/rule.ts";
import { flag, nonNegative } from "../checks.ts";

/** Options of Adagrad. */
export interface AdagradHyper {
  /** Learning rate. Default 1e-2. */
  readonly lr: number;
  /** How fast the rate falls: step t has `lr / (1 + (t − 1) lrDecay)`. Default 0. */
  readonly lrDecay: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Where the sum of squares starts. Default 0. */
  readonly initialAccumulatorValue: number;
  /** What keeps the denominator from zero. Default 1e-10. */
  readonly eps: number;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What Adagrad remembers of a parameter: the sum of all squared gradients. */
export interface AdagradState {
  readonly sum: Tensor;
}

/** Rates that fall with the gradients seen so far, coordinate by coordinate (Duchi et al. 2011, figure 1, diagonal). */
export const adagradRule: PointwiseRule<AdagradHyper, AdagradState> = {
  name: "Adagrad",
  pointwise: true,
  defaults: { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false },
  checks: {
    lr: nonNegative,
    lrDecay: nonNegative,
    weightDecay: nonNegative,
    initialAccumulatorValue: nonNegative,
    eps: nonNegative,
    maximize: flag,
  },
  init: (p, { initialAccumulatorValue }) => ({ sum: fullLike(p, initialAccumulatorValue) }),
  update(p, gradient, state, { lr, lrDecay, weightDecay, eps, maximize }, t) {
    const g = penalized(p, gradient, { weightDecay, maximize });
    const sum = state.sum.add(g.square());
    const rate = lr / (1 + (t - 1) * lrDecay);
    return { p: p.sub(g.div(sum.sqrt().add(eps)).mul(rate)), state: { sum } };
  },
};

/** Adagrad, for sparse and rare features: every coordinate has a rate of its own, which only falls. */
export class Adagrad extends Optimizer<AdagradHyper, AdagradState> {
  constructor(params: Params<AdagradHyper>, options?: Partial<AdagradHyper>) {
    super(adagradRule, params, options);
  }
}

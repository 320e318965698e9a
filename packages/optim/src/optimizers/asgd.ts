import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { decayed, type PointwiseRule, penalized } from "../base/rule.ts";
import { finite, flag, nonNegative } from "../checks.ts";

/** Options of ASGD. */
export interface ASGDHyper {
  /** Learning rate of the first step. Default 1e-2. */
  readonly lr: number;
  /** How fast weights decay, and the rate falls: after step t it is `lr / (1 + lambd lr t)^alpha`. Default 1e-4. */
  readonly lambd: number;
  /** The power with which the rate falls. Default 0.75. */
  readonly alpha: number;
  /** The number of steps before the average begins. Default 1e6. */
  readonly t0: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What ASGD remembers of a parameter. */
export interface ASGDState {
  /** The rate of the next step. */
  readonly eta: number;
  /** How much the next weights count in the average. */
  readonly mu: number;
  /** The average of the weights since step `t0`, before which it is the weights. */
  readonly ax: Tensor;
}

/** Gradient descent with a falling rate, whose result is the average of its weights (Polyak & Juditsky 1992). */
export const asgdRule: PointwiseRule<ASGDHyper, ASGDState> = {
  name: "ASGD",
  pointwise: true,
  defaults: { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false },
  checks: {
    lr: nonNegative,
    lambd: nonNegative,
    alpha: nonNegative,
    t0: finite,
    weightDecay: nonNegative,
    maximize: flag,
  },
  init: (p, { lr }) => ({ eta: lr, mu: 1, ax: zerosLike(p) }),
  update(p, gradient, { eta, mu, ax }, { lr, lambd, alpha, t0, weightDecay, maximize }, t) {
    const g = penalized(p, gradient, { weightDecay, maximize });
    const w = decayed(p, lambd * eta).sub(g.mul(eta));
    return {
      p: w,
      state: {
        eta: lr / (1 + lambd * lr * t) ** alpha,
        mu: 1 / Math.max(1, t - t0),
        ax: mu === 1 ? w : ax.add(w.sub(ax).mul(mu)),
      },
    };
  },
};

/** Averaged SGD. The average is in the state, until `swapAverages()` puts it into the parameters. */
export class ASGD extends Optimizer<ASGDHyper, ASGDState> {
  constructor(params: Params<ASGDHyper>, options?: Partial<ASGDHyper>) {
    super(asgdRule, params, options);
  }

  /** Exchanges weights and averages. Call it to use the averages, and once more before the next step. */
  swapAverages(): void {
    this.exchange((p, state) => ({ p: state.ax, state: { ...state, ax: p } }));
  }
}

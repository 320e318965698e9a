import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, penalized } from "../base/rule.ts";
import { betas, flag, nonNegative } from "../checks.ts";

/** Options of Adamax. */
export interface AdamaxHyper {
  /** Learning rate. Default 2e-3. */
  readonly lr: number;
  /** Decay rates of the average of the gradient and of its largest size. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What Adamax remembers of a parameter: the average of the gradient, and its largest size, which is slowly forgotten. */
export interface AdamaxState {
  readonly expAvg: Tensor;
  readonly expInf: Tensor;
}

/** Adam with an infinity norm (Kingma & Ba 2015, algorithm 2). */
export const adamaxRule: PointwiseRule<AdamaxHyper, AdamaxState> = {
  name: "Adamax",
  pointwise: true,
  defaults: { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false },
  checks: { lr: nonNegative, betas, eps: nonNegative, weightDecay: nonNegative, maximize: flag },
  init: (p) => ({ expAvg: zerosLike(p), expInf: zerosLike(p) }),
  update(p, gradient, { expAvg, expInf }, { lr, betas: [b1, b2], eps, weightDecay, maximize }, t) {
    const g = penalized(p, gradient, { weightDecay, maximize });
    const m = averaged(expAvg, g, b1);
    const u = expInf.mul(b2).maximum(g.abs().add(eps));
    return { p: p.sub(m.div(u).mul(lr / (1 - b1 ** t))), state: { expAvg: m, expInf: u } };
  },
};

/** Adamax: steps are never longer than `lr`, whatever the gradients. */
export class Adamax extends Optimizer<AdamaxHyper, AdamaxState> {
  constructor(params: Params<AdamaxHyper>, options?: Partial<AdamaxHyper>) {
    super(adamaxRule, params, options);
  }
}

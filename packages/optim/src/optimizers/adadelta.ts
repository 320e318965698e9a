import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, penalized } from "../base/rule.ts";
import { flag, fraction, nonNegative } from "../checks.ts";

/** Options of Adadelta. */
export interface AdadeltaHyper {
  /** What steps are multiplied by. Default 1. */
  readonly lr: number;
  /** Decay rate of both averages. Default 0.9. */
  readonly rho: number;
  /** What keeps both roots from zero; the first steps are this small. Default 1e-6. */
  readonly eps: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What Adadelta remembers of a parameter: averages of squared gradients and of squared steps. */
export interface AdadeltaState {
  readonly squareAvg: Tensor;
  readonly accDelta: Tensor;
}

/** Steps that have the unit of the parameters, as long as those before them (Zeiler 2012, algorithm 1). */
export const adadeltaRule: PointwiseRule<AdadeltaHyper, AdadeltaState> = {
  name: "Adadelta",
  pointwise: true,
  defaults: { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false },
  checks: { lr: nonNegative, rho: fraction, eps: nonNegative, weightDecay: nonNegative, maximize: flag },
  init: (p) => ({ squareAvg: zerosLike(p), accDelta: zerosLike(p) }),
  update(p, gradient, { squareAvg, accDelta }, { lr, rho, eps, weightDecay, maximize }) {
    const g = penalized(p, gradient, { weightDecay, maximize });
    const v = averaged(squareAvg, g.square(), rho);
    const delta = accDelta.add(eps).div(v.add(eps)).sqrt().mul(g);
    return { p: p.sub(delta.mul(lr)), state: { squareAvg: v, accDelta: averaged(accDelta, delta.square(), rho) } };
  },
};

/** Adadelta, which needs no learning rate. */
export class Adadelta extends Optimizer<AdadeltaHyper, AdadeltaState> {
  constructor(params: Params<AdadeltaHyper>, options?: Partial<AdadeltaHyper>) {
    super(adadeltaRule, params, options);
  }
}

import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, penalized } from "../base/rule.ts";
import { flag, nonNegative } from "../checks.ts";

/** Options of RMSprop. */
export interface RMSpropHyper {
  /** Learning rate. Default 1e-2. */
  readonly lr: number;
  /** Decay rate of the averages. Default 0.99. */
  readonly alpha: number;
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** How much of the last direction is kept. Default 0. */
  readonly momentum: number;
  /** Divides by the deviation of gradients from their average in place of their size (Graves 2013). Default false. */
  readonly centered: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What RMSprop remembers of a parameter: the average of squared gradients. */
export interface RMSpropState {
  readonly squareAvg: Tensor;
  /** The last direction, with `momentum`. */
  readonly momentumBuffer: Tensor | null;
  /** The average of gradients, with `centered`. */
  readonly gradAvg: Tensor | null;
}

/** Gradients over the root of their mean square (Tieleman & Hinton 2012, lecture 6.5). */
export const rmspropRule: PointwiseRule<RMSpropHyper, RMSpropState> = {
  name: "RMSprop",
  pointwise: true,
  defaults: { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false },
  checks: {
    lr: nonNegative,
    alpha: nonNegative,
    eps: nonNegative,
    weightDecay: nonNegative,
    momentum: nonNegative,
    centered: flag,
    maximize: flag,
  },
  init: (p, { momentum, centered }) => ({
    squareAvg: zerosLike(p),
    momentumBuffer: momentum === 0 ? null : zerosLike(p),
    gradAvg: centered ? zerosLike(p) : null,
  }),
  update(p, gradient, state, { lr, alpha, eps, weightDecay, momentum, centered, maximize }) {
    const g = penalized(p, gradient, { weightDecay, maximize });
    const v = averaged(state.squareAvg, g.square(), alpha);
    const m = centered ? (state.gradAvg?.mul(alpha).add(g.mul(1 - alpha)) ?? g.mul(1 - alpha)) : state.gradAvg;
    const root = (centered ? v.sub(m!.square()) : v).sqrt();
    const d = g.div(root.add(eps));
    // Without momentum the buffer stays as it is.
    const b = momentum === 0 ? state.momentumBuffer : (state.momentumBuffer?.mul(momentum).add(d) ?? d);
    const direction = momentum === 0 ? d : b!;
    return { p: p.sub(direction.mul(lr)), state: { squareAvg: v, momentumBuffer: b, gradAvg: m } };
  },
};

/** RMSprop, centered and with momentum where asked for. */
export class RMSprop extends Optimizer<RMSpropHyper, RMSpropState> {
  constructor(params: Params<RMSpropHyper>, options?: Partial<RMSpropHyper>) {
    super(rmspropRule, params, options);
  }
}

import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { type PointwiseRule, penalized } from "../base/rule.ts";
import { finite, flag, nonNegative } from "../checks.ts";

/** Options of SGD. */
export interface SGDHyper {
  /** Learning rate. Default 1e-3. */
  readonly lr: number;
  /** How much of the last direction is kept. Default 0. */
  readonly momentum: number;
  /** How much of the gradient momentum leaves out. Default 0. */
  readonly dampening: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Looks ahead along the momentum. Default false. */
  readonly nesterov: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What SGD remembers of a parameter. */
export interface SGDState {
  readonly momentumBuffer: Tensor | null;
}

/** Gradient descent with momentum (Polyak 1964; Nesterov 1983, as in Sutskever et al. 2013). */
export const sgdRule: PointwiseRule<SGDHyper, SGDState> = {
  name: "SGD",
  pointwise: true,
  defaults: { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
  checks: {
    lr: nonNegative,
    momentum: nonNegative,
    dampening: finite,
    weightDecay: nonNegative,
    nesterov: flag,
    maximize: flag,
  },
  conflict: ({ momentum, dampening, nesterov }) =>
    nesterov && (momentum === 0 || dampening !== 0)
      ? `nesterov needs momentum > 0 and dampening 0, got momentum ${momentum} and dampening ${dampening}`
      : null,
  // Zeros, so that the first step is the program of the others.
  init: (p, { momentum }) => ({ momentumBuffer: momentum === 0 ? null : zerosLike(p) }),
  update(p, gradient, state, { lr, momentum, dampening, weightDecay, nesterov, maximize }, t) {
    const g = penalized(p, gradient, { weightDecay, maximize });
    if (momentum === 0) return { p: p.sub(g.mul(lr)), state };
    // The first direction is the gradient, without dampening.
    const b = state.momentumBuffer?.mul(momentum).add(g.mul(t === 1 ? 1 : 1 - dampening)) ?? g;
    const direction = nesterov ? g.add(b.mul(momentum)) : b;
    return { p: p.sub(direction.mul(lr)), state: { momentumBuffer: b } };
  },
};

/** Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay where asked for. */
export class SGD extends Optimizer<SGDHyper, SGDState> {
  constructor(params: Params<SGDHyper>, options?: Partial<SGDHyper>) {
    super(sgdRule, params, options);
  }
}

import { type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, decayed, type PointwiseRule } from "../base/rule.ts";
import { betas, flag, nonNegative } from "../checks.ts";

/** Options of Lion. */
export interface LionHyper {
  /** Learning rate: the length of every step. Default 1e-4. */
  readonly lr: number;
  /** How much of the momentum there is in a step, and how much of it is kept. Default [0.9, 0.99]. */
  readonly betas: readonly [number, number];
  /** Decoupled weight decay. Default 0. */
  readonly weightDecay: number;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What Lion remembers of a parameter: the average of the gradient. */
export interface LionState {
  readonly expAvg: Tensor;
}

/** Signs of momentum, an algorithm that a search over programs found (Chen et al. 2023, algorithm 2). */
export const lionRule: PointwiseRule<LionHyper, LionState> = {
  name: "Lion",
  pointwise: true,
  defaults: { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, maximize: false },
  checks: { lr: nonNegative, betas, weightDecay: nonNegative, maximize: flag },
  init: (p) => ({ expAvg: zerosLike(p) }),
  update(p, gradient, { expAvg: m }, { lr, betas: [b1, b2], weightDecay, maximize }) {
    const g = maximize ? gradient.neg() : gradient;
    const step = averaged(m, g, b1).sign().mul(lr);
    return { p: decayed(p, lr * weightDecay).sub(step), state: { expAvg: averaged(m, g, b2) } };
  },
};

/** Lion: every coordinate moves by `lr`, so it wants a rate three to ten times smaller than Adam's. */
export class Lion extends Optimizer<LionHyper, LionState> {
  constructor(params: Params<LionHyper>, options?: Partial<LionHyper>) {
    super(lionRule, params, options);
  }
}

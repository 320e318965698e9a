import { detach, fullLike, type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { type PointwiseRule, penalized } from "../base/rule.ts";
import { nonNegative } from "../checks.ts";

/** Options of COCOB, which has no learning rate. */
export interface COCOBHyper {
  /** About how many steps bets stay small; the first step is `1 / alpha`. Default 100. */
  readonly alpha: number;
  /** The size of gradients before the first. Default 1e-8. */
  readonly eps: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
}

/** What COCOB remembers of a parameter: a gambler's book. */
export interface COCOBState {
  /** The sum of gradients, downhill. */
  readonly sumNegativeGradients: Tensor;
  /** The sum of their sizes. */
  readonly gradNormSum: Tensor;
  /** The largest size. */
  readonly L: Tensor;
  /** What bets have won. */
  readonly reward: Tensor;
  /** The weights before the first step. */
  readonly x0: Tensor;
}

/** Every coordinate bets on the sign of its next gradient, and moves by its stake (Orabona & Tommasi 2017, algorithm 2). */
export const cocobRule: PointwiseRule<COCOBHyper, COCOBState> = {
  name: "COCOB",
  pointwise: true,
  defaults: { alpha: 100, eps: 1e-8, weightDecay: 0 },
  checks: { alpha: nonNegative, eps: nonNegative, weightDecay: nonNegative },
  init: (p, { eps }) => ({
    sumNegativeGradients: zerosLike(p),
    gradNormSum: zerosLike(p),
    L: fullLike(p, eps),
    reward: zerosLike(p),
    x0: detach(p),
  }),
  update(p, gradient, { x0, ...state }, { alpha, weightDecay }) {
    const g = penalized(p, gradient, { weightDecay });
    const theta = state.sumNegativeGradients.sub(g);
    const G = state.gradNormSum.add(g.abs());
    const L = state.L.maximum(g.abs());
    const reward = state.reward.sub(g.mul(p.sub(x0))).maximum(0);
    const wealth = L.add(reward);
    const stake = theta.div(L).mul(wealth.div(G.add(L).maximum(L.mul(alpha))));
    return { p: x0.add(stake), state: { sumNegativeGradients: theta, gradNormSum: G, L, reward, x0 } };
  },
};

/** COCOB, backpropagation by coin betting: there is no learning rate. */
export class COCOB extends Optimizer<COCOBHyper, COCOBState> {
  constructor(params: Params<COCOBHyper>, options?: Partial<COCOBHyper>) {
    super(cocobRule, params, options);
  }
}

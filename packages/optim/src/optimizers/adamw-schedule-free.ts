import { detach, type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, penalized } from "../base/rule.ts";
import { betas, type Check, nonNegative } from "../checks.ts";
import {
  modesOf,
  moved,
  pace,
  SCHEDULE_FREE_CHECKS,
  type ScheduleFreeHyper,
  type ScheduleFreeState,
} from "./schedule-free.ts";

/** Options of AdamWScheduleFree. */
export interface AdamWScheduleFreeHyper extends ScheduleFreeHyper {
  /** Learning rate. Default 2.5e-3. */
  readonly lr: number;
  /**
   * How far the weights to train with are from the last step to the average, and the decay rate of the average of squares.
   * Default [0.9, 0.999].
   */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** Decoupled weight decay. Default 0. */
  readonly weightDecay: number;
}

/** What AdamWScheduleFree remembers of a parameter. */
export interface AdamWScheduleFreeState extends ScheduleFreeState {
  readonly expAvgSq: Tensor;
}

const betasInside: Check = {
  expected: "two numbers in [0, 1), the first > 0",
  test: (value) => betas.test(value) && (value as readonly number[])[0] !== 0,
};

/** Schedule-free AdamW (Defazio et al. 2024, algorithm 1). */
export const adamWScheduleFreeRule: PointwiseRule<AdamWScheduleFreeHyper, AdamWScheduleFreeState> = {
  name: "AdamWScheduleFree",
  pointwise: true,
  defaults: { lr: 2.5e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, warmupSteps: 0, r: 0, weightLrPower: 2 },
  checks: { ...SCHEDULE_FREE_CHECKS, betas: betasInside, eps: nonNegative, weightDecay: nonNegative },
  init: (p) => ({ z: detach(p), weightSum: 0, lrMax: 0, expAvgSq: zerosLike(p) }),
  modes: modesOf(({ betas: [b1] }) => b1),
  update(p, g, state, hyper, t) {
    const {
      betas: [b1, b2],
      eps,
      weightDecay,
    } = hyper;
    const { next, ...step } = pace(state, hyper, t);
    const v = averaged(state.expAvgSq, g.square(), b2);
    const d = g.div(
      v
        .mul(1 / (1 - b2 ** t))
        .sqrt()
        .add(eps),
    );
    const { y, z } = moved(p, state.z, penalized(p, d, { weightDecay }), b1, step);
    return { p: y, state: { z, ...next, expAvgSq: v } };
  },
};

/** Schedule-free AdamW. Call `eval()` before the weights are used, and `train()` before the next step. */
export class AdamWScheduleFree extends Optimizer<AdamWScheduleFreeHyper, AdamWScheduleFreeState> {
  constructor(params: Params<AdamWScheduleFreeHyper>, options?: Partial<AdamWScheduleFreeHyper>) {
    super(adamWScheduleFreeRule, params, options);
  }
}

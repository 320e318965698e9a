import { detach } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { type PointwiseRule, penalized } from "../base/rule.ts";
import { nonNegative, properFraction } from "../checks.ts";
import {
  modesOf,
  moved,
  pace,
  SCHEDULE_FREE_CHECKS,
  type ScheduleFreeHyper,
  type ScheduleFreeState,
} from "./schedule-free.ts";

/** Options of SGDScheduleFree. */
export interface SGDScheduleFreeHyper extends ScheduleFreeHyper {
  /** Learning rate. Default 1. */
  readonly lr: number;
  /** How far the weights to train with are from the last step to the average. Default 0.9. */
  readonly momentum: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
}

/** Gradients at a mean of steps and their average, in place of a schedule (Defazio et al. 2024, equations 1 to 3). */
export const sgdScheduleFreeRule: PointwiseRule<SGDScheduleFreeHyper, ScheduleFreeState> = {
  name: "SGDScheduleFree",
  pointwise: true,
  defaults: { lr: 1, momentum: 0.9, weightDecay: 0, warmupSteps: 0, r: 0, weightLrPower: 2 },
  checks: { ...SCHEDULE_FREE_CHECKS, momentum: properFraction, weightDecay: nonNegative },
  init: (p) => ({ z: detach(p), weightSum: 0, lrMax: 0 }),
  modes: modesOf(({ momentum }) => momentum),
  update(p, g, state, hyper, t) {
    const { next, ...step } = pace(state, hyper, t);
    const { y, z } = moved(p, state.z, penalized(p, g, hyper), hyper.momentum, step);
    return { p: y, state: { z, ...next } };
  },
};

/** Schedule-free SGD. Call `eval()` before the weights are used, and `train()` before the next step. */
export class SGDScheduleFree extends Optimizer<SGDScheduleFreeHyper, ScheduleFreeState> {
  constructor(params: Params<SGDScheduleFreeHyper>, options?: Partial<SGDScheduleFreeHyper>) {
    super(sgdScheduleFreeRule, params, options);
  }
}

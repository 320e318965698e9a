import { scope, type Tensor, zerosLike } from "@descent/core";
import type { JointRule, Member } from "../base/joint-rule.ts";
import {
  commonLr,
  DISTANCE_CHECKS,
  DISTANCE_DEFAULTS,
  type DistanceHyper,
  DistanceOptimizer,
  isStill,
  totals,
} from "../base/learning-rate-free.ts";
import type { Params } from "../base/param-groups.ts";
import { pointwise } from "../base/pointwise.ts";
import { averaged, decayed } from "../base/rule.ts";
import { betas, nonNegative } from "../checks.ts";

/** Options of DAdaptLion. */
export interface DAdaptLionHyper extends Omit<DistanceHyper, "growthRate"> {
  /** Decay rates of the average of gradients: in a direction, and from step to step. Default [0.9, 0.99]. */
  readonly betas: readonly [number, number];
  /** Decoupled decay. Default 0. */
  readonly weightDecay: number;
}

/** What DAdaptLion remembers of a parameter: averages of its gradients and of its steps. */
export interface DAdaptLionState {
  readonly expAvg: Tensor;
  readonly s: Tensor;
}

/** What all parameters share: the estimate of the distance and its numerator. */
export interface DAdaptLionShared {
  readonly d: number;
  readonly numeratorWeighted: number;
}

/** A member after its step, and its part in the estimate. */
function moved({ p, g, state, hyper }: Member<DAdaptLionHyper, DAdaptLionState>, dlr: number) {
  const {
    betas: [b1, b2],
    weightDecay,
  } = hyper;
  const { r, size, value, ...next } = pointwise({ p, g, ...state }, ({ p, g, expAvg, s }) => {
    const u = averaged(expAvg, g, b1).sign();
    const nextS = averaged(s, u.mul(dlr), Math.sqrt(b2));
    return {
      r: u.mul(s),
      size: nextS.abs(),
      value: decayed(p, dlr * weightDecay).sub(u.mul(dlr)),
      expAvg: averaged(expAvg, g.mul(dlr), b2),
      s: nextS,
    };
  });
  return { r: r.sum(), size: size.sum(), value, state: next };
}

/** Lion whose step is as long as a bound of the distance to the solution (Defazio & Mishchenko 2023, in the authors' code). */
export const dAdaptLionRule: JointRule<DAdaptLionHyper, DAdaptLionState, DAdaptLionShared> = {
  name: "DAdaptLion",
  defaults: { lr: DISTANCE_DEFAULTS.lr, d0: DISTANCE_DEFAULTS.d0, betas: [0.9, 0.99], weightDecay: 0 },
  checks: { lr: DISTANCE_CHECKS.lr, d0: DISTANCE_CHECKS.d0, betas, weightDecay: nonNegative },
  still: isStill,
  init: (p) => ({ expAvg: zerosLike(p), s: zerosLike(p) }),
  begin: ({ d0 }) => ({ d: d0, numeratorWeighted: 0 }),
  *step(members, shared) {
    const b3 = Math.sqrt(members[0]!.hyper.betas[1]);
    const dlr = shared.d * commonLr("DAdaptLion", members);
    const parts = members.map((member) => scope(() => moved(member, dlr)));
    const { r, size } = yield* totals(["r", "size"], parts);
    const numeratorWeighted = b3 * shared.numeratorWeighted + (1 - b3) * dlr * r;
    const d = Math.max(shared.d, numeratorWeighted / ((1 - b3) * size));
    return {
      values: parts.map(({ value }) => value),
      states: parts.map(({ state }) => state),
      shared: size === 0 ? shared : { d, numeratorWeighted },
    };
  },
};

/** D-Adaptation for Lion: no learning rate to tune. Options and defaults are those of dadaptation; `lr` is the same in all groups, or 0. */
export class DAdaptLion extends DistanceOptimizer<DAdaptLionHyper, DAdaptLionState, DAdaptLionShared> {
  constructor(params: Params<DAdaptLionHyper>, options?: Partial<DAdaptLionHyper>) {
    super(dAdaptLionRule, params, options);
  }
}

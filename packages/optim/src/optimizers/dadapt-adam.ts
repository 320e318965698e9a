import { scope, type Tensor, zerosLike } from "@descent/core";
import type { JointRule, Member } from "../base/joint-rule.ts";
import {
  biasCorrection,
  commonLr,
  DISTANCE_CHECKS,
  DISTANCE_DEFAULTS,
  type DistanceHyper,
  DistanceOptimizer,
  isStill,
  totals,
  unmoved,
} from "../base/learning-rate-free.ts";
import type { Params } from "../base/param-groups.ts";
import { pointwise } from "../base/pointwise.ts";
import { averaged, decayed, penalized } from "../base/rule.ts";
import { betas as decayRates, flag, nonNegative, positive } from "../checks.ts";

/** Options of DAdaptAdam. */
export interface DAdaptAdamHyper extends DistanceHyper {
  /** Decay rates of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** An L2 penalty, or with `decouple` decoupled decay. Default 0. */
  readonly weightDecay: number;
  /** Whether decay is decoupled, as in AdamW. Default false. */
  readonly decouple: boolean;
  /** Corrects the step as Adam does. Default false. */
  readonly useBiasCorrection: boolean;
  /** Multiplies the learning rate of a group. Default 1. */
  readonly layerScale: number;
}

/** What DAdaptAdam remembers of a parameter: an average of its steps' gradients, and the moments of Adam. */
export interface DAdaptAdamState {
  readonly s: Tensor;
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
}

/** What all parameters share: the estimate of the distance, its numerator, and how many steps there were. */
export interface DAdaptAdamShared {
  readonly d: number;
  readonly numeratorWeighted: number;
  readonly k: number;
}

/** The state of a member after a gradient, and its part in the estimate. */
function gathered({ p, g: gradient, state, hyper }: Member<DAdaptAdamHyper, DAdaptAdamState>, dlr: number) {
  const {
    betas: [b1, b2],
    eps,
    weightDecay,
    decouple,
    layerScale,
  } = hyper;
  const g = penalized(p, gradient, { weightDecay: decouple ? 0 : weightDecay });
  const { r, size, ...next } = pointwise({ g, ...state }, ({ g, s, expAvg, expAvgSq }) => {
    const nextS = averaged(s, g.mul(dlr), Math.sqrt(b2));
    return {
      r: g.mul(s.div(expAvgSq.sqrt().add(eps))),
      size: nextS.abs(),
      s: nextS,
      expAvg: averaged(expAvg, g.mul(layerScale * dlr), b1),
      expAvgSq: averaged(expAvgSq, g.square(), b2),
    };
  });
  return { r: r.sum().mul(layerScale), size: size.sum().mul(layerScale), state: next };
}

/** Adam whose step is as long as a bound of the distance to the solution (Defazio & Mishchenko 2023, algorithm 5). */
export const dAdaptAdamRule: JointRule<DAdaptAdamHyper, DAdaptAdamState, DAdaptAdamShared> = {
  name: "DAdaptAdam",
  defaults: {
    ...DISTANCE_DEFAULTS,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0,
    decouple: false,
    useBiasCorrection: false,
    layerScale: 1,
  },
  checks: {
    ...DISTANCE_CHECKS,
    betas: decayRates,
    eps: positive,
    weightDecay: nonNegative,
    decouple: flag,
    useBiasCorrection: flag,
    layerScale: positive,
  },
  still: isStill,
  init: (p) => ({ s: zerosLike(p), expAvg: zerosLike(p), expAvgSq: zerosLike(p) }),
  begin: ({ d0 }) => ({ d: d0, numeratorWeighted: 0, k: 0 }),
  *step(members, shared) {
    const { betas, growthRate, useBiasCorrection } = members[0]!.hyper;
    const [, b2] = betas;
    const { d, k } = shared;
    const dlr = d * commonLr("DAdaptAdam", members) * (useBiasCorrection ? biasCorrection(betas, k + 1) : 1);
    const parts = members.map((member) => scope(() => gathered(member, dlr)));
    const states = parts.map(({ state }) => state);
    const { r, size } = yield* totals(["r", "size"], parts);
    if (size === 0) return unmoved(members, states, shared);

    const b3 = Math.sqrt(b2);
    const numeratorWeighted = b3 * shared.numeratorWeighted + (1 - b3) * dlr * r;
    const dHat = numeratorWeighted / ((1 - b3) * size);
    const values = members.map(({ p, hyper: { eps, weightDecay, decouple } }, i) => {
      const { expAvg, expAvgSq } = states[i]!;
      return pointwise({ p, m: expAvg, v: expAvgSq }, ({ p, m, v }) => ({
        p: decayed(p, decouple ? weightDecay * dlr : 0).sub(m.div(v.sqrt().add(eps))),
      })).p;
    });
    return { values, states, shared: { d: Math.max(d, Math.min(dHat, d * growthRate)), numeratorWeighted, k: k + 1 } };
  },
};

/**
 * D-Adaptation for Adam: no learning rate to tune. Options and defaults are those of dadaptation.
 *
 * `growthRate` and `useBiasCorrection` are those of the first group that moves; `lr` is the same in all of them, or 0.
 */
export class DAdaptAdam extends DistanceOptimizer<DAdaptAdamHyper, DAdaptAdamState, DAdaptAdamShared> {
  constructor(params: Params<DAdaptAdamHyper>, options?: Partial<DAdaptAdamHyper>) {
    super(dAdaptAdamRule, params, options);
  }
}

import { fullLike, scope, type Tensor, zerosLike } from "@descent/core";
import type { JointRule, Member } from "../base/joint-rule.ts";
import {
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
import { averaged, penalized } from "../base/rule.ts";
import { decayRate, nonNegative, positive } from "../checks.ts";

/** Options of DAdaptAdaGrad. */
export interface DAdaptAdaGradHyper extends DistanceHyper {
  /** How much of the weights is kept on the way to where gradients alone would lead. Default 0. */
  readonly momentum: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** What keeps the denominator from zero. Default 1e-6. */
  readonly eps: number;
}

/** What DAdaptAdaGrad remembers of a parameter: sums of its squared and of its steps' gradients, and the first value. */
export interface DAdaptAdaGradState {
  readonly alphak: Tensor;
  readonly sk: Tensor;
  readonly x0: Tensor;
}

/** What all parameters share: the estimate of the distance, and the weighted sums that it is made of. */
export interface DAdaptAdaGradShared {
  readonly d: number;
  readonly gsqWeighted: number;
  readonly sksqWeighted: number;
  readonly skl1: number;
}

/** The state of a member after a gradient, and its part in the estimate. */
function gathered({ p, g: gradient, state, hyper }: Member<DAdaptAdaGradHyper, DAdaptAdaGradState>, dlr: number) {
  const { eps, weightDecay } = hyper;
  const g = penalized(p, gradient, { weightDecay });
  const { gsq, sksq, l1, alphak, sk } = pointwise({ g, alphak: state.alphak, sk: state.sk }, ({ g, alphak, sk }) => {
    const [nextAlpha, nextS] = [alphak.add(g.square()), sk.add(g.mul(dlr))];
    const root = nextAlpha.sqrt().add(eps);
    return {
      gsq: g.square().div(root),
      sksq: nextS
        .square()
        .div(root)
        .sub(sk.square().div(alphak.sqrt().add(eps))),
      l1: nextS.abs().sub(sk.abs()),
      alphak: nextAlpha,
      sk: nextS,
    };
  });
  return { gsq: gsq.sum(), sksq: sksq.sum(), l1: l1.sum(), state: { alphak, sk, x0: state.x0 } };
}

/** AdaGrad whose step is as long as a bound of the distance to the solution (Defazio & Mishchenko 2023, algorithm 3). */
export const dAdaptAdaGradRule: JointRule<DAdaptAdaGradHyper, DAdaptAdaGradState, DAdaptAdaGradShared> = {
  name: "DAdaptAdaGrad",
  defaults: { ...DISTANCE_DEFAULTS, momentum: 0, weightDecay: 0, eps: 1e-6 },
  checks: { ...DISTANCE_CHECKS, momentum: decayRate, weightDecay: nonNegative, eps: positive },
  still: isStill,
  init: (p) => ({ alphak: fullLike(p, 1e-6), sk: zerosLike(p), x0: p }),
  begin: ({ d0 }) => ({ d: d0, gsqWeighted: 0, sksqWeighted: 0, skl1: 0 }),
  *step(members, shared) {
    const { growthRate } = members[0]!.hyper;
    const { d } = shared;
    const dlr = d * commonLr("DAdaptAdaGrad", members);
    const parts = members.map((member) => scope(() => gathered(member, dlr)));
    const states = parts.map(({ state }) => state);
    const { gsq, sksq, l1 } = yield* totals(["gsq", "sksq", "l1"], parts);
    const skl1 = shared.skl1 + l1;
    if (skl1 === 0) return unmoved(members, states, shared);

    const sksqWeighted = shared.sksqWeighted + sksq;
    const gsqWeighted = shared.gsqWeighted + dlr * dlr * gsq;
    const dHat = (sksqWeighted - gsqWeighted) / skl1;
    const values = members.map(
      ({ p, hyper: { momentum, eps } }, i) =>
        pointwise({ p, ...states[i]! }, ({ p, alphak, sk, x0 }) => ({
          p: averaged(p, x0.sub(sk.div(alphak.sqrt().add(eps))), momentum),
        })).p,
    );
    const next = Math.max(d, Math.min(dHat, d * growthRate));
    return { values, states, shared: { d: next, gsqWeighted, sksqWeighted, skl1 } };
  },
};

/**
 * D-Adaptation for AdaGrad: no learning rate to tune. Options and defaults are those of dadaptation.
 *
 * `growthRate` is that of the first group that moves; `lr` is the same in all of them, or 0.
 */
export class DAdaptAdaGrad extends DistanceOptimizer<DAdaptAdaGradHyper, DAdaptAdaGradState, DAdaptAdaGradShared> {
  constructor(params: Params<DAdaptAdaGradHyper>, options?: Partial<DAdaptAdaGradHyper>) {
    super(dAdaptAdaGradRule, params, options);
  }
}

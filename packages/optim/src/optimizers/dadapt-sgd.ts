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
  unmoved,
} from "../base/learning-rate-free.ts";
import type { Params } from "../base/param-groups.ts";
import { pointwise } from "../base/pointwise.ts";
import { averaged, penalized } from "../base/rule.ts";
import { decayRate, nonNegative } from "../checks.ts";

/** Options of DAdaptSGD. */
export interface DAdaptSGDHyper extends DistanceHyper {
  /** How much of the weights is kept on the way to where gradients alone would lead. Default 0. */
  readonly momentum: number;
  /** Coupled L2 penalty. Default 0. */
  readonly weightDecay: number;
}

/** What DAdaptSGD remembers of a parameter: a sum of its steps' gradients, and the first value. */
export interface DAdaptSGDState {
  readonly s: Tensor;
  readonly x0: Tensor;
}

/** What all parameters share: the estimate of the distance, its numerator, and the norm of the first gradient. */
export interface DAdaptSGDShared {
  readonly d: number;
  readonly numeratorWeighted: number;
  readonly g0Norm: number | null;
}

/** The state of a member after a gradient, and its part in the estimate. */
function gathered({ p, g: gradient, state, hyper }: Member<DAdaptSGDHyper, DAdaptSGDState>, dlr: number) {
  const g = penalized(p, gradient, hyper);
  const { r, square, s } = pointwise({ g, s: state.s }, ({ g, s }) => {
    const next = s.add(g.mul(dlr));
    return { r: g.mul(s), square: next.square(), s: next };
  });
  return { r: r.sum(), square: square.sum(), state: { s, x0: state.x0 } };
}

/** Gradient descent whose step is as long as a bound of the distance to the solution (Defazio & Mishchenko 2023, algorithm 4). */
export const dAdaptSGDRule: JointRule<DAdaptSGDHyper, DAdaptSGDState, DAdaptSGDShared> = {
  name: "DAdaptSGD",
  defaults: { ...DISTANCE_DEFAULTS, momentum: 0, weightDecay: 0 },
  checks: { ...DISTANCE_CHECKS, momentum: decayRate, weightDecay: nonNegative },
  still: isStill,
  init: (p) => ({ s: zerosLike(p), x0: p }),
  begin: ({ d0 }) => ({ d: d0, numeratorWeighted: 0, g0Norm: null }),
  *step(members, shared) {
    const { growthRate } = members[0]!.hyper;
    const lr = commonLr("DAdaptSGD", members);
    const g0Norm = shared.g0Norm ?? (yield* normOf(members));
    if (g0Norm === 0)
      return unmoved(
        members,
        members.map(({ state }) => state),
        shared,
      );
    const { d } = shared;
    const dlr = (d * lr) / g0Norm;
    const parts = members.map((member) => scope(() => gathered(member, dlr)));
    const states = parts.map(({ state }) => state);
    const { r, square } = yield* totals(["r", "square"], parts);
    if (square === 0) return unmoved(members, states, shared);

    const numeratorWeighted = shared.numeratorWeighted + dlr * r;
    const dHat = (2 * numeratorWeighted) / Math.sqrt(square);
    const values = members.map(
      ({ p, hyper: { momentum } }, i) =>
        pointwise({ p, ...states[i]! }, ({ p, s, x0 }) => ({ p: averaged(p, x0.sub(s), momentum) })).p,
    );
    return { values, states, shared: { d: Math.max(d, Math.min(dHat, d * growthRate)), numeratorWeighted, g0Norm } };
  },
};

/** The norm of all gradients: as in the authors' code, without that of the penalty. */
function* normOf(members: readonly Member<DAdaptSGDHyper, DAdaptSGDState>[]) {
  const { square } = yield* totals(
    ["square"],
    members.map(({ g }) => ({ square: scope(() => g.square().sum()) })),
  );
  return Math.sqrt(square);
}

/**
 * D-Adaptation for SGD: no learning rate to tune. Options and defaults are those of dadaptation. The first step reads twice.
 *
 * `growthRate` is that of the first group that moves; `lr` is the same in all of them, or 0.
 */
export class DAdaptSGD extends DistanceOptimizer<DAdaptSGDHyper, DAdaptSGDState, DAdaptSGDShared> {
  constructor(params: Params<DAdaptSGDHyper>, options?: Partial<DAdaptSGDHyper>) {
    super(dAdaptSGDRule, params, options);
  }
}

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
import { decayRate, betas as decayRates, flag, nonNegative, orNull, positive, positiveInteger } from "../checks.ts";

/** Options of Prodigy. */
export interface ProdigyHyper extends DistanceHyper {
  /** Decay rates of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** Decay rate of the sums that the distance is estimated from; `null`, the default, is `√betas[1]`. */
  readonly beta3: number | null;
  /** What keeps the denominator from zero, in proportion to the distance. Default 1e-8. */
  readonly eps: number;
  /** Decoupled decay, or else an L2 penalty. Default 0. */
  readonly weightDecay: number;
  /** Whether decay is decoupled, as in AdamW. Default true. */
  readonly decouple: boolean;
  /** Corrects the step as Adam does. Default false. */
  readonly useBiasCorrection: boolean;
  /** Leaves the learning rate out of the denominator of the estimate, for long warm-ups. Default false. */
  readonly safeguardWarmup: boolean;
  /** Multiplies the estimate; the best knob there is. Default 1. */
  readonly dCoef: number;
  /** Estimates from every `sliceP`-th element, to save memory. Default 1. */
  readonly sliceP: number;
}

/** What Prodigy remembers of a parameter: of every `sliceP`-th element a sum of gradients and the first value, and the moments of Adam. */
export interface ProdigyState {
  readonly s: Tensor;
  readonly p0: Tensor;
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
}

/** What all parameters share: the estimate of the distance, the largest so far, its numerator, and how many steps there were. */
export interface ProdigyShared {
  readonly d: number;
  readonly dMax: number;
  readonly dNumerator: number;
  readonly k: number;
}

const sliced = (x: Tensor, { sliceP }: ProdigyHyper): Tensor => (sliceP === 1 ? x : x.flatten().slice(`::${sliceP}`));

/** The state of a member after a gradient, and its part in the estimate. */
function gathered({ p, g: gradient, state, hyper }: Member<ProdigyHyper, ProdigyState>, d: number, dlr: number) {
  const {
    betas: [b1, b2],
    beta3,
    d0,
    weightDecay,
    decouple,
    safeguardWarmup,
  } = hyper;
  const g = penalized(p, gradient, { weightDecay: decouple ? 0 : weightDecay });
  const { m, v } = pointwise({ g, m: state.expAvg, v: state.expAvgSq }, ({ g, m, v }) => {
    const dg = g.mul(d);
    return { m: averaged(m, dg, b1), v: averaged(v, dg.square(), b2) };
  });
  const part = { g: sliced(g, hyper), p: sliced(p, hyper), p0: state.p0, s: state.s };
  const { r, s, size } = pointwise(part, ({ g, p, p0, s }) => {
    const next = s.mul(beta3 ?? Math.sqrt(b2)).add(g.mul((d / d0) * (safeguardWarmup ? d : dlr)));
    return { r: g.mul(p0.sub(p)), s: next, size: next.abs() };
  });
  return { g, r: r.sum(), size: size.sum(), state: { s, p0: state.p0, expAvg: m, expAvgSq: v } };
}

/** Adam whose step is as long as the distance to the solution, which is estimated from gradients (Mishchenko & Defazio 2024, algorithm 4). */
export const prodigyRule: JointRule<ProdigyHyper, ProdigyState, ProdigyShared> = {
  name: "Prodigy",
  defaults: {
    ...DISTANCE_DEFAULTS,
    betas: [0.9, 0.999],
    beta3: null,
    eps: 1e-8,
    weightDecay: 0,
    decouple: true,
    useBiasCorrection: false,
    safeguardWarmup: false,
    dCoef: 1,
    sliceP: 1,
  },
  checks: {
    ...DISTANCE_CHECKS,
    betas: decayRates,
    beta3: orNull(decayRate),
    eps: positive,
    weightDecay: nonNegative,
    decouple: flag,
    useBiasCorrection: flag,
    safeguardWarmup: flag,
    dCoef: positive,
    sliceP: positiveInteger,
  },
  still: isStill,
  init: (p, hyper) => ({
    s: zerosLike(sliced(p, hyper)),
    p0: sliced(p, hyper),
    expAvg: zerosLike(p),
    expAvgSq: zerosLike(p),
  }),
  begin: ({ d0 }) => ({ d: d0, dMax: d0, dNumerator: 0, k: 0 }),
  *step(members, shared) {
    const { betas, beta3, d0, dCoef, growthRate, useBiasCorrection } = members[0]!.hyper;
    const [, b2] = betas;
    const { d, k } = shared;
    const dlr = d * commonLr("Prodigy", members) * (useBiasCorrection ? biasCorrection(betas, k + 1) : 1);
    const parts = members.map((member) => scope(() => gathered(member, d, dlr)));
    const states = parts.map(({ state }) => state);
    const { r, size } = yield* totals(["r", "size"], parts);
    if (size === 0) return unmoved(members, states, shared);

    const dNumerator = (beta3 ?? Math.sqrt(b2)) * shared.dNumerator + (d / d0) * dlr * r;
    const dHat = (dCoef * dNumerator) / size;
    const dMax = Math.max(shared.dMax, dHat);
    const next = Math.min(dMax, (d === d0 ? Math.max(d, dHat) : d) * growthRate);
    const values = members.map(
      (
        {
          p,
          hyper: {
            betas: [b1],
            eps,
            weightDecay,
            decouple,
          },
        },
        i,
      ) => {
        const { g, state } = parts[i]!;
        const direction = b1 === 0 ? g : state.expAvg;
        return pointwise({ p, u: direction, v: state.expAvgSq }, ({ p, u, v }) => {
          const step = u.div(v.sqrt().add(next * eps)).mul(b1 === 0 ? dlr * next : dlr);
          return { p: decayed(p, decouple ? weightDecay * dlr : 0).sub(step) };
        }).p;
      },
    );
    return { values, states, shared: { d: next, dMax, dNumerator, k: k + 1 } };
  },
};

/**
 * Prodigy: Adam without a learning rate to tune. Options and defaults are those of prodigyopt.
 *
 * `beta3`, `d0`, `dCoef`, `growthRate` and `useBiasCorrection` are those of the first group that moves; `lr` is the same in all of them, or 0.
 */
export class Prodigy extends DistanceOptimizer<ProdigyHyper, ProdigyState, ProdigyShared> {
  constructor(params: Params<ProdigyHyper>, options?: Partial<ProdigyHyper>) {
    super(prodigyRule, params, options);
  }
}

import { fullLike, type Tensor, zerosLike } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import type { PointwiseRule } from "../base/rule.ts";
import { type Check, flag, nonNegative } from "../checks.ts";

/** Options of Rprop. */
export interface RpropHyper {
  /** The size of the first step. Default 1e-2. */
  readonly lr: number;
  /** What a step is multiplied by when the sign of the gradient changes, and when it does not. Default [0.5, 1.2]. */
  readonly etas: readonly [number, number];
  /** The smallest and the largest step. Default [1e-6, 50]. */
  readonly stepSizes: readonly [number, number];
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What Rprop remembers of a parameter: the last gradient, 0 where its sign had changed, and the size of the last step. */
export interface RpropState {
  readonly prev: Tensor;
  readonly stepSize: Tensor;
}

const pairOf = (expected: string, test: (a: number, b: number) => boolean): Check => ({
  expected,
  test: (value) =>
    Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && test(value[0], value[1]),
});

/** Steps of signs, which grow until one changes (Riedmiller & Braun 1993; Rprop− of Igel & Hüsken 2000). */
export const rpropRule: PointwiseRule<RpropHyper, RpropState> = {
  name: "Rprop",
  pointwise: true,
  defaults: { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false },
  checks: {
    lr: nonNegative,
    etas: pairOf("two numbers with 0 < etas[0] < 1 < etas[1]", (a, b) => 0 < a && a < 1 && 1 < b),
    stepSizes: pairOf("two numbers with 0 ≤ stepSizes[0] ≤ stepSizes[1]", (a, b) => 0 <= a && a <= b),
    maximize: flag,
  },
  init: (p, { lr }) => ({ prev: zerosLike(p), stepSize: fullLike(p, lr) }),
  update(p, gradient, { prev, stepSize }, { etas: [shrink, grow], stepSizes: [least, most], maximize }) {
    const uphill = maximize ? gradient.neg() : gradient;
    const agreement = uphill.mul(prev);
    const smaller = stepSize.where(agreement.ge(0), stepSize.mul(shrink));
    const step = stepSize.mul(grow).where(agreement.gt(0), smaller).maximum(least).minimum(most);
    // A step that went too far is not taken back: its coordinate rests, and starts anew with the next gradient.
    const g = uphill.where(agreement.ge(0), 0);
    return { p: p.sub(g.sign().mul(step)), state: { prev: g, stepSize: step } };
  },
};

/** Rprop, which looks at nothing but signs of gradients: for full batches. */
export class Rprop extends Optimizer<RpropHyper, RpropState> {
  constructor(params: Params<RpropHyper>, options?: Partial<RpropHyper>) {
    super(rpropRule, params, options);
  }
}

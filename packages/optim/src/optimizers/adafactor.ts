import { type Tensor, zeros } from "@descent/core";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, decayed, type Rule } from "../base/rule.ts";
import { atLeastOne, type Check, flag, nonNegative } from "../checks.ts";

/** Options of Adafactor. */
export interface AdafactorHyper {
  /** The largest relative step, which shrinks as `1 / √t` once that is less. Default 0.01. */
  readonly lr: number;
  /** The average of squares gives its new member the weight `t ** beta2Decay`. Default −0.8. */
  readonly beta2Decay: number;
  /** The least root of the average of squares (`null`: the spacing of numbers at 1), and the least scale of the weights. Default [null, 1e-3]. */
  readonly eps: readonly [number | null, number];
  /** How large the root mean square of a direction may be. Default 1. */
  readonly d: number;
  /** Decoupled decay. Default 0. */
  readonly weightDecay: number;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** What Adafactor remembers of a parameter: averages of the squares of the gradient, of matrices by row and by column. */
export interface AdafactorState {
  readonly rowVar: Tensor | null;
  readonly colVar: Tensor | null;
  readonly variance: Tensor | null;
}

const notPositive: Check = { expected: "a number ≤ 0", test: (x) => typeof x === "number" && x <= 0 };
const twoEps: Check = {
  expected: "[a number ≥ 0 or null, a number ≥ 0]",
  test: (x) =>
    Array.isArray(x) && x.length === 2 && (x[0] === null || nonNegative.test(x[0])) && nonNegative.test(x[1]),
};

/** Root mean square. */
const rms = (x: Tensor): Tensor => x.norm().mul(1 / Math.sqrt(x.numel()));

/** Adaptive steps with sublinear memory (Shazeer & Stern 2018, algorithms 4 and 5). */
export const adafactorRule: Rule<AdafactorHyper, AdafactorState> = {
  name: "Adafactor",
  defaults: { lr: 0.01, beta2Decay: -0.8, eps: [null, 1e-3], d: 1, weightDecay: 0, maximize: false },
  checks: {
    lr: nonNegative,
    beta2Decay: notPositive,
    eps: twoEps,
    d: atLeastOne,
    weightDecay: nonNegative,
    maximize: flag,
  },
  init({ shape, ndim, backend, dtype }) {
    const zerosOf = (sizes: readonly number[]): Tensor => zeros(sizes, { backend, dtype });
    if (ndim < 2) return { rowVar: null, colVar: null, variance: zerosOf(shape) };
    const [rest, rows, columns] = [shape.slice(0, -2), shape.at(-2)!, shape.at(-1)!];
    return { rowVar: zerosOf([...rest, rows, 1]), colVar: zerosOf([...rest, 1, columns]), variance: null };
  },
  update(p, gradient, state, { lr, beta2Decay, eps: [eps1, eps2], d, weightDecay, maximize }, t) {
    const g = maximize ? gradient.neg() : gradient;
    const b2 = 1 - t ** beta2Decay;
    const least = eps1 ?? (p.dtype === "float64" ? 2 ** -52 : 2 ** -23);
    const rowVar = state.rowVar && averaged(state.rowVar, g.square().mean(-1, { keepdim: true }), b2);
    const colVar = state.colVar && averaged(state.colVar, g.square().mean(-2, { keepdim: true }), b2);
    const variance = state.variance && averaged(state.variance, g.square(), b2);
    const v = variance ?? rowVar!.mul(colVar!).div(rowVar!.mean(-2, { keepdim: true }).maximum(least));
    const u = g.div(v.maximum(least ** 2).sqrt());
    const alpha = rms(p)
      .maximum(eps2)
      .mul(Math.min(lr, 1 / Math.sqrt(t)));
    const step = u.mul(
      alpha.div(
        rms(u)
          .mul(1 / d)
          .maximum(1),
      ),
    );
    return { p: decayed(p, lr * weightDecay).sub(step), state: { rowVar, colVar, variance } };
  },
};

/** Adafactor, as PyTorch has it: without momentum. Its steps are relative to the weights, and of matrices it keeps a row and a column. */
export class Adafactor extends Optimizer<AdafactorHyper, AdafactorState> {
  constructor(params: Params<AdafactorHyper>, options?: Partial<AdafactorHyper>) {
    super(adafactorRule, params, options);
  }
}

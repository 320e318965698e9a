import { type Tensor, zerosLike } from "@descent/core";
import type { Elements, Elementwise } from "../base/elements.ts";
import { Optimizer } from "../base/optimizer.ts";
import type { Params } from "../base/param-groups.ts";
import { averaged, type PointwiseRule, regularized } from "../base/rule.ts";
import { betas, type Checks, flag, nonNegative } from "../checks.ts";

/** Options of AdamW, which Adam has, too. */
export interface AdamWHyper {
  /** Learning rate. Default 1e-3. */
  readonly lr: number;
  /** Decay rates of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** What keeps the denominator from zero. Default 1e-8. */
  readonly eps: number;
  /** Adam: coupled L2 penalty, default 0. AdamW: decoupled decay, default 1e-2. */
  readonly weightDecay: number;
  /** Divides by the largest average of squares so far (Reddi et al. 2018). Default false. */
  readonly amsgrad: boolean;
  /** Climbs instead of descending. Default false. */
  readonly maximize: boolean;
}

/** Options of Adam. */
export interface AdamHyper extends AdamWHyper {
  /** Whether the weights decay by themselves, which makes it AdamW. Default false. */
  readonly decoupledWeightDecay: boolean;
}

/** What Adam and AdamW remember of a parameter: averages of the gradient and of its square. */
export interface AdamState {
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
  /** The largest `expAvgSq` so far, with `amsgrad`. */
  readonly maxExpAvgSq: Tensor | null;
}

/** @internal */
export const ADAM_CHECKS: Checks<AdamWHyper> = {
  lr: nonNegative,
  betas,
  eps: nonNegative,
  weightDecay: nonNegative,
  amsgrad: flag,
  maximize: flag,
};

/** @internal */
export const initAdam = (p: Tensor, { amsgrad }: AdamWHyper): AdamState => ({
  expAvg: zerosLike(p),
  expAvgSq: zerosLike(p),
  maxExpAvgSq: amsgrad ? zerosLike(p) : null,
});

/** @internal Moves `p`, which may have decayed by itself, along the averages after `g` (Kingma & Ba 2015, algorithm 1). */
export function adamStep(
  p: Elements,
  g: Elements,
  { expAvg, expAvgSq, maxExpAvgSq }: Elementwise<AdamState>,
  { lr, betas: [b1, b2], eps, amsgrad }: AdamWHyper,
  t: number,
): { p: Elements; state: Elementwise<AdamState> } {
  const m = averaged(expAvg, g, b1);
  const v = averaged(expAvgSq, g.square(), b2);
  // As in PyTorch, the maximum is over averages that are not yet corrected for their start at zero.
  const most = amsgrad ? (maxExpAvgSq?.maximum(v) ?? v) : null;
  const root = (most ?? v).sqrt().mul(1 / Math.sqrt(1 - b2 ** t));
  const step = m.div(root.add(eps)).mul(lr / (1 - b1 ** t));
  return { p: p.sub(step), state: { expAvg: m, expAvgSq: v, maxExpAvgSq: most } };
}

/** Adaptive moments (Kingma & Ba 2015). */
export const adamRule: PointwiseRule<AdamHyper, AdamState> = {
  name: "Adam",
  pointwise: true,
  defaults: {
    lr: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0,
    amsgrad: false,
    maximize: false,
    decoupledWeightDecay: false,
  },
  checks: { ...ADAM_CHECKS, decoupledWeightDecay: flag },
  init: initAdam,
  update(p, gradient, state, hyper, t) {
    const [w, g] = regularized(p, gradient, hyper);
    return adamStep(w, g, state, hyper, t);
  },
};

/** Adam, with AMSGrad and an L2 penalty where asked for. */
export class Adam extends Optimizer<AdamHyper, AdamState> {
  constructor(params: Params<AdamHyper>, options?: Partial<AdamHyper>) {
    super(adamRule, params, options);
  }
}

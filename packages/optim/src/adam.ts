import { composite, floating, type Tensor, zerosLike } from "@descent/core";
import { betas, type Checks, flag, nonNegative } from "./checks.ts";
import { Optimizer } from "./optimizer.ts";
import type { Params } from "./param-groups.ts";
import { penalized, type Rule } from "./rule.ts";

/** Options of Adam and AdamW. */
export interface AdamHyper {
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

/** What Adam and AdamW remember of a parameter: averages of the gradient and of its square. */
export interface AdamState {
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
  /** The largest `expAvgSq` so far, with `amsgrad`. */
  readonly maxExpAvgSq: Tensor | null;
}

/** @internal */
export const ADAM_CHECKS: Checks<AdamHyper> = {
  lr: nonNegative,
  betas,
  eps: nonNegative,
  weightDecay: nonNegative,
  amsgrad: flag,
  maximize: flag,
};

/** @internal */
export const initAdam = (p: Tensor, { amsgrad }: AdamHyper): AdamState => ({
  expAvg: zerosLike(p),
  expAvgSq: zerosLike(p),
  maxExpAvgSq: amsgrad ? zerosLike(p) : null,
});

/** What selects a variant; the numbers are operands, because they change from step to step. */
interface AdamVariant {
  /** Whether the weights decay by themselves (AdamW), and not through the gradient. */
  readonly decoupled: boolean;
  readonly maximize: boolean;
}

/**
 * One step: the new value and averages, and the largest average of squares where there is one (AMSGrad). `correction` is `1 − βᵗ` for
 * each average, which undoes its start at zero.
 */
const adamStep = composite<
  [
    p: Tensor,
    g: Tensor,
    expAvg: Tensor,
    expAvgSq: Tensor,
    maxExpAvgSq: Tensor | null,
    lr: number,
    beta1: number,
    beta2: number,
    correction1: number,
    correction2: number,
    eps: number,
    weightDecay: number,
  ],
  AdamVariant
>({
  name: "adamStep",
  outputs: ([shape, , , , most], dtypes) => {
    const spec = { shape, dtype: floating("adamStep")(dtypes) };
    return most === null ? [spec, spec, spec] : [spec, spec, spec, spec];
  },
  decompose: (
    [p, gradient, expAvg, expAvgSq, maxExpAvgSq, lr, b1, b2, correction1, correction2, eps, weightDecay],
    { decoupled, maximize },
  ) => {
    const g = penalized(p, gradient, { maximize, weightDecay: decoupled ? 0 : weightDecay });
    const decayed = decoupled ? p.mul(1 - lr * weightDecay) : p;
    const m = expAvg.mul(b1).add(g.mul(1 - b1));
    const v = expAvgSq.mul(b2).add(g.square().mul(1 - b2));
    // As in PyTorch, the maximum is over averages that are not yet corrected for their start at zero.
    const most = maxExpAvgSq?.maximum(v);
    const root = (most ?? v).sqrt().div(Math.sqrt(correction2));
    const step = m.div(root.add(eps)).mul(lr / correction1);
    return most === undefined ? [decayed.sub(step), m, v] : [decayed.sub(step), m, v, most];
  },
});

/** @internal Step `t` of Adam, or with decoupled decay of AdamW. */
export function updateAdam(
  p: Tensor,
  g: Tensor,
  { expAvg, expAvgSq, maxExpAvgSq }: AdamState,
  { lr, betas: [b1, b2], eps, weightDecay, amsgrad, maximize }: AdamHyper,
  t: number,
  decoupled: boolean,
): { p: Tensor; state: AdamState } {
  // A state from before AMSGrad was switched on has no largest average.
  const before = amsgrad ? (maxExpAvgSq ?? zerosLike(expAvgSq)) : null;
  const [value, m, v, most = null] = adamStep(
    [p, g, expAvg, expAvgSq, before, lr, b1, b2, 1 - b1 ** t, 1 - b2 ** t, eps, weightDecay],
    { decoupled, maximize },
  );
  return { p: value!, state: { expAvg: m!, expAvgSq: v!, maxExpAvgSq: most } };
}

/** Adaptive moments (Kingma & Ba 2015). */
export const adamRule: Rule<AdamHyper, AdamState> = {
  name: "Adam",
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false },
  checks: ADAM_CHECKS,
  init: initAdam,
  update: (p, g, state, hyper, t) => updateAdam(p, g, state, hyper, t, false),
};

/** Adam, with AMSGrad and an L2 penalty where asked for. */
export class Adam extends Optimizer<AdamHyper, AdamState> {
  constructor(params: Params<AdamHyper>, options?: Partial<AdamHyper>) {
    super(adamRule, params, options);
  }
}

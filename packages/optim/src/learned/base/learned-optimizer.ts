import { type Backend, type DType, keep, type Tensor, tensor, to } from "@descent/core";
import { gradientsAt, type JointRule } from "../../base/joint-rule.ts";
import { Optimizer } from "../../base/optimizer.ts";
import type { Params } from "../../base/param-groups.ts";
import type { State } from "../../base/rule.ts";
import { checkWeights, type LearnedRule, type Weights } from "./learned-rule.ts";

/**
 * Applies a learned rule to parameters, as every other optimizer applies its own.
 *
 * The weights are no part of `stateDict()`: they belong to the optimizer as its code does, and are saved where they were trained.
 */
export class LearnedOptimizer<
  H extends object,
  S extends State<S>,
  C extends State<C> = Record<never, never>,
> extends Optimizer<H, S, C> {
  /** The weights of the rule. */
  readonly weights: Weights;

  /** Throws where the weights are for another architecture than the rule's. */
  constructor(rule: LearnedRule<H, S, C>, weights: Weights, params: Params<H>, options?: Partial<H>) {
    checkWeights(rule, weights);
    super(jointRule(rule, weights), params, options);
    this.weights = weights;
  }
}

/** A learned rule with certain weights, as a rule like others. */
function jointRule<H extends object, S extends State<S>, C extends State<C>>(
  rule: LearnedRule<H, S, C>,
  weights: Weights,
): JointRule<H, S, C> {
  const like = adapted(weights);
  return {
    ...rule,
    ...(rule.usesLoss ? { closure: "backward" } : {}),
    *step(members, shared) {
      const { p } = members[0]!;
      if (!rule.usesLoss) return rule.update(like(p), members, shared, null);
      const { loss, gradients } = yield* gradientsAt(members.map((member) => member.p));
      const there = members.map((member, i) => ({ ...member, g: gradients[i]! }));
      return rule.update(like(p), there, shared, tensor(loss, { dtype: p.dtype, backend: p.backend }));
    },
  };
}

/** Weights in the dtype and on the backend of the parameters, which are converted once. */
function adapted(weights: Weights): (p: Tensor) => Weights {
  let current: { readonly backend: Backend; readonly dtype: DType; readonly weights: Weights } | undefined;
  return ({ backend, dtype }) => {
    if (current?.backend !== backend || current.dtype !== dtype) {
      const entries = Object.entries(weights).map(([name, w]) => [name, keep(to(to(w, backend), dtype))] as const);
      current = { backend, dtype, weights: Object.fromEntries(entries) };
    }
    return current.weights;
  };
}

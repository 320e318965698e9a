import type { Params } from "../../base/param-groups.ts";
import { LearnedOptimizer } from "../base/learned-optimizer.ts";
import {
  type HierarchicalRNNHyper,
  type HierarchicalRNNShared,
  type HierarchicalRNNState,
  hierarchicalRnnRule,
} from "../rules/hierarchical-rnn.ts";
import { HIERARCHICAL_RNN_WEIGHTS } from "../weights/hierarchical-rnn.ts";
import { type TrainedOptions, withWeights } from "./trained.ts";

/**
 * The hierarchical RNN of Wichrowska et al. (2017), trained on small classifiers for 100 steps. Keeps 21 numbers for every element. `lr` (1)
 * multiplies its steps, and `startRate` (0.01) is the learning rate that it begins with.
 */
export class HierarchicalRNNOptimizer extends LearnedOptimizer<
  HierarchicalRNNHyper,
  HierarchicalRNNState,
  HierarchicalRNNShared
> {
  constructor(params: Params<HierarchicalRNNHyper>, options: TrainedOptions<HierarchicalRNNHyper> = {}) {
    const rule = hierarchicalRnnRule();
    const { weights, hyper } = withWeights(rule.name, options, rule.checks, HIERARCHICAL_RNN_WEIGHTS);
    super(rule, weights, params, hyper);
  }
}

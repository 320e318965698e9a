import type { Params } from "../../base/param-groups.ts";
import { LearnedOptimizer } from "../base/learned-optimizer.ts";
import { type LiMalikHyper, type LiMalikShared, type LiMalikState, liMalikRule } from "../rules/li-malik.ts";
import { LI_MALIK_WEIGHTS } from "../weights/li-malik.ts";
import { type TrainedOptions, withWeights } from "./trained.ts";

/**
 * The policy of Li & Malik (2017), trained on small classifiers for 100 steps. It looks at the loss: `step` needs a closure. Keeps about
 * 50 numbers for every element. `lr` (0.1) multiplies its steps.
 */
export class LiMalikOptimizer extends LearnedOptimizer<LiMalikHyper, LiMalikState, LiMalikShared> {
  constructor(params: Params<LiMalikHyper>, options: TrainedOptions<LiMalikHyper> = {}) {
    const rule = liMalikRule();
    const { weights, hyper } = withWeights(rule.name, options, rule.checks, LI_MALIK_WEIGHTS);
    super(rule, weights, params, hyper);
  }
}

import type { Params } from "../../base/param-groups.ts";
import { LearnedOptimizer } from "../base/learned-optimizer.ts";
import { type LSTMHyper, type LSTMState, lstmRule } from "../rules/lstm.ts";
import { LSTM_WEIGHTS } from "../weights/lstm.ts";
import { type TrainedOptions, withWeights } from "./trained.ts";

/**
 * The coordinate-wise LSTM of Andrychowicz et al. (2016), trained on quadratics of 10 variables for 100 steps: good for problems like those,
 * and no more. Keeps 80 numbers for every element. `lr` (0.01) multiplies its steps.
 */
export class LSTMOptimizer extends LearnedOptimizer<LSTMHyper, LSTMState> {
  constructor(params: Params<LSTMHyper>, options: TrainedOptions<LSTMHyper> = {}) {
    const rule = lstmRule();
    const { weights, hyper } = withWeights(rule.name, options, rule.checks, LSTM_WEIGHTS);
    super(rule, weights, params, hyper);
  }
}

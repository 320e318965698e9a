import type { JointRule } from "../base/joint-rule.ts";
import type { Params } from "../base/param-groups.ts";
import { flag, oneOf, positive } from "../checks.ts";
import { armijo, goldstein } from "./backtracking.ts";
import {
  beginSearches,
  SEARCH_CHECKS,
  SEARCH_DEFAULTS,
  type SearchHyper,
  SearchingOptimizer,
  type SearchState,
  searched,
} from "./searching.ts";

/** Options of SLS. */
export interface SLSHyper extends SearchHyper {
  /** What lengthens a step that is too short; for Goldstein only, as are the next two. Default 2. */
  readonly betaF: number;
  /** The longest step that a lengthening leads to. Default 10. */
  readonly etaMax: number;
  /** Whether `etaMax` holds. Default true. */
  readonly boundStepSize: boolean;
  /** Default "armijo". */
  readonly lineSearchFn: "armijo" | "goldstein";
}

/** Gradient descent whose steps are found by a line search on the batch at hand (Vaswani et al. 2019, algorithms 1 and 2). */
export const slsRule: JointRule<SLSHyper, Record<never, never>, SearchState> = {
  name: "SLS",
  defaults: {
    ...SEARCH_DEFAULTS,
    resetOption: 1,
    betaF: 2,
    etaMax: 10,
    boundStepSize: true,
    lineSearchFn: "armijo",
  },
  checks: {
    ...SEARCH_CHECKS,
    betaF: positive,
    etaMax: positive,
    boundStepSize: flag,
    lineSearchFn: oneOf("armijo", "goldstein"),
  },
  conflict: ({ lineSearchFn, c }) =>
    lineSearchFn === "goldstein" && c > 0.5 ? `c is ${c}, expected at most 0.5 for lineSearchFn "goldstein"` : null,
  closure: "loss",
  oneGroup: true,
  init: () => ({}),
  begin: beginSearches,
  *step(members, state) {
    const { hyper } = members[0]!;
    const { lineSearchFn, boundStepSize, etaMax } = hyper;
    const bounded = { ...hyper, etaMax: boundStepSize ? etaMax : Number.POSITIVE_INFINITY };
    const find = lineSearchFn === "armijo" ? armijo : goldstein;
    const x = members.map(({ p }) => p);
    return yield* searched(x, state, hyper, (f, gg, eta) => find(f, gg, eta, bounded));
  },
};

/**
 * Stochastic gradient descent with a line search, which needs no learning rate where the model can fit all data.
 *
 * `step` needs a closure that returns the loss and does not call `backward()`. It is evaluated several times, each time with the same
 * random numbers. All parameters have the same options.
 */
export class SLS extends SearchingOptimizer<SLSHyper, Record<never, never>, SearchState> {
  constructor(params: Params<SLSHyper>, options?: Partial<SLSHyper>) {
    super(slsRule, params, options);
  }
}

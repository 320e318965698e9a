import type { Tensor } from "@descent/core";
import type { JointRule } from "../base/joint-rule.ts";
import type { Params } from "../base/param-groups.ts";
import { nonNegative, oneOf } from "../checks.ts";
import { armijo } from "./backtracking.ts";
import {
  beginSearches,
  SEARCH_CHECKS,
  SEARCH_DEFAULTS,
  type SearchHyper,
  SearchingOptimizer,
  type SearchState,
  searched,
} from "./searching.ts";

/** Options of SlsAcc. */
export interface SlsAccHyper extends SearchHyper {
  /** How much of the last step is made again, with "polyak". Default 0.6. */
  readonly momentum: number;
  /** Default "polyak". */
  readonly accelerationMethod: "polyak" | "nesterov";
}

/** What SlsAcc remembers of a parameter. */
export interface SlsAccState {
  /** With "polyak", where the last step began; with "nesterov", where its line search ended. */
  readonly paramsOld: Tensor;
}

/** What SlsAcc remembers. */
export interface SlsAccSearches extends SearchState {
  readonly lambdaOld: number;
  readonly lambdaCurrent: number;
  /** How much of the last point goes into the next one, with "nesterov". */
  readonly tau: number;
}

/**
 * Line searches with momentum, Polyak's or Nesterov's (Vaswani et al. 2019, section 6 and appendix).
 *
 * The series of `lambda` and `tau` is that of the authors' code, with which the first step of "nesterov" only takes measure.
 */
export const slsAccRule: JointRule<SlsAccHyper, SlsAccState, SlsAccSearches> = {
  name: "SlsAcc",
  defaults: { ...SEARCH_DEFAULTS, resetOption: 0, momentum: 0.6, accelerationMethod: "polyak" },
  checks: { ...SEARCH_CHECKS, momentum: nonNegative, accelerationMethod: oneOf("polyak", "nesterov") },
  closure: "loss",
  oneGroup: true,
  init: (p) => ({ paramsOld: p }),
  begin: (hyper) => ({ ...beginSearches(hyper), lambdaOld: 0, lambdaCurrent: 1, tau: 1 }),
  *step(members, state) {
    const { hyper } = members[0]!;
    const x = members.map(({ p }) => p);
    const search = yield* searched(x, state, hyper, (f, gg, eta) => armijo(f, gg, eta, hyper));
    const { values: y, shared } = search;
    if (hyper.accelerationMethod === "polyak")
      return {
        values: members.map(({ p, state: { paramsOld } }, i) => y[i]!.add(p.sub(paramsOld).mul(hyper.momentum))),
        states: x.map((p) => ({ paramsOld: p })),
        shared,
      };
    const { tau, lambdaOld, lambdaCurrent } = state;
    const lambda = (1 + Math.sqrt(1 + 4 * lambdaOld ** 2)) / 2;
    return {
      values: members.map(({ state: { paramsOld } }, i) => y[i]!.mul(1 - tau).add(paramsOld.mul(tau))),
      states: y.map((p) => ({ paramsOld: p })),
      shared: { ...shared, lambdaOld: lambdaCurrent, lambdaCurrent: lambda, tau: (1 - lambdaCurrent) / lambda },
    };
  },
};

/** SLS with momentum. `step` needs a closure as that of `SLS` does. */
export class SlsAcc extends SearchingOptimizer<SlsAccHyper, SlsAccState, SlsAccSearches> {
  constructor(params: Params<SlsAccHyper>, options?: Partial<SlsAccHyper>) {
    super(slsAccRule, params, options);
  }
}

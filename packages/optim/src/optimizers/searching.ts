import { scope, type Tensor } from "@descent/core";
import { forgetAllBut, gradientsAt, lossAt, numbers, type Steps } from "../base/joint-rule.ts";
import { Optimizer } from "../base/optimizer.ts";
import type { State } from "../base/rule.ts";
import { oneOf, positive, positiveInteger, properFraction } from "../checks.ts";
import type { LineSearch } from "./backtracking.ts";

/** Options of the optimizers that search along the gradient of the batch at hand. */
export interface SearchHyper {
  /** The step of the first search. Default 1. */
  readonly initStepSize: number;
  /** 0: that of the last search. 1: that, times `gamma ** (1 / nBatchesPerEpoch)`. 2: `initStepSize`. */
  readonly resetOption: 0 | 1 | 2;
  /** How much the step may grow in an epoch, with `resetOption` 1. Default 2. */
  readonly gamma: number;
  /** Default 500. */
  readonly nBatchesPerEpoch: number;
  /** The part of the decrease that the gradient promises which has to be there. Default 0.1; at most 0.5 for Goldstein. */
  readonly c: number;
  /** What shortens a step that is too long. Default 0.9. */
  readonly betaB: number;
}

/** What the searches leave behind. */
export interface SearchState {
  /** The step of the last search. */
  readonly stepSize: number;
  /** How many losses have been computed, and how many gradients. */
  readonly nForwards: number;
  readonly nBackwards: number;
}

/** @internal */
export const SEARCH_DEFAULTS = { initStepSize: 1, nBatchesPerEpoch: 500, gamma: 2, c: 0.1, betaB: 0.9 };
/** @internal */
export const SEARCH_CHECKS = {
  initStepSize: positive,
  nBatchesPerEpoch: positiveInteger,
  gamma: positive,
  resetOption: oneOf(0, 1, 2),
  c: properFraction,
  betaB: properFraction,
};

/** @internal */
export const beginSearches = ({ initStepSize }: SearchHyper): SearchState => ({
  stepSize: initStepSize,
  nForwards: 0,
  nBackwards: 0,
});

/** The step that a search begins with. */
const reset = (last: number, { resetOption, gamma, nBatchesPerEpoch, initStepSize }: SearchHyper): number =>
  [last, last * gamma ** (1 / nBatchesPerEpoch), initStepSize][resetOption]!;

const descended = (x: readonly Tensor[], g: readonly Tensor[], eta: number): Tensor[] =>
  scope(() => x.map((p, i) => p.sub(g[i]!.mul(eta))));

/** @internal Moves `x` along minus the gradient of the loss, by a step that a line search finds on that very loss. */
export function* searched<C extends SearchState>(
  x: readonly Tensor[],
  state: C,
  hyper: SearchHyper,
  search: (f: number, gg: number, eta: number) => LineSearch,
): Steps<{ readonly values: readonly Tensor[]; readonly shared: C }> {
  const eta = reset(state.stepSize, hyper);
  const { loss: f, gradients: g } = yield* gradientsAt(x);
  const squares = scope(() => g.map((x) => x.square().sum()).reduce((a, b) => a.add(b)));
  const [gg] = (yield* numbers(squares)) as [number];
  const shared = { ...state, stepSize: eta, nForwards: state.nForwards + 1, nBackwards: state.nBackwards + 1 };
  // NaN, too, leaves everything where it is.
  if (!(Math.sqrt(gg) >= 1e-8)) return { values: x, shared };
  const trials = search(f, gg, eta);
  let next = trials.next();
  let count = 0;
  for (; !next.done; count++) {
    next = trials.next(yield* lossAt(descended(x, g, next.value)));
    yield* forgetAllBut(g);
  }
  const { length, stepSize } = next.value;
  return { values: descended(x, g, length), shared: { ...shared, stepSize, nForwards: shared.nForwards + count } };
}

/** An optimizer that tells how its line searches went. */
export class SearchingOptimizer<
  H extends SearchHyper,
  S extends State<S>,
  C extends State<C> & SearchState,
> extends Optimizer<H, S, C> {
  /** The step that the last search has come to. */
  get stepSize(): number {
    return this.#searches.stepSize;
  }

  /** How many losses have been computed. */
  get nForwards(): number {
    return this.#searches.nForwards;
  }

  /** How many gradients have been computed. */
  get nBackwards(): number {
    return this.#searches.nBackwards;
  }

  get #searches(): SearchState {
    return this.shared ?? beginSearches(this.paramGroups[0]!);
  }
}

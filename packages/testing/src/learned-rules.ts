import { mul, type RandomOptions, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { nonNegative } from "@descent/optim";
import { hierarchicalRnnRule, type LearnedRule, liMalikRule, lstmRule, type Weights } from "@descent/optim/learned";

// What the tests of learned optimizers share.

/** The smallest learned optimizer: one learning rate, as its logarithm. */
export const rateRule: LearnedRule<{ readonly lr: number }, Record<never, never>> = {
  name: "RateOptimizer",
  defaults: { lr: 1 },
  checks: { lr: nonNegative },
  initialize: ({ dtype = "float32" }: RandomOptions = {}) => ({ rate: tensor(Math.log(0.05), { dtype }) }),
  init: () => ({}),
  begin: () => ({}),
  update: (weights, members, shared) => ({
    values: members.map(({ p, g, hyper }) => p.sub(mul(g, weights.rate!.exp().mul(hyper.lr)))),
    states: members.map(({ state }) => state),
    shared,
  }),
};

// biome-ignore lint/suspicious/noExplicitAny: rules of all options and states
export type AnyLearnedRule = LearnedRule<any, any, any>;

/** Every rule, small. */
export const LEARNED_RULES: Readonly<Record<string, AnyLearnedRule>> = {
  rate: rateRule,
  lstm: lstmRule({ units: 3 }),
  "li-malik": liMalikRule({ units: 3 }),
  "li-malik, looking back": liMalikRule({ units: 2, history: 2, stride: 2, average: 3 }),
  "hierarchical-rnn": hierarchicalRnnRule({ elementUnits: 3, tensorUnits: 4, problemUnits: 2, scales: 3 }),
};

/** The numbers of tensors. */
export const numbersOf = (tensors: readonly Tensor[]): number[][] => tensors.map((x) => [...x.dataSync()].map(Number));

/** Weights with one element moved. */
export function moved(weights: Weights, name: string, element: number, by: number): Weights {
  const w = weights[name]!;
  const values = Float64Array.from(w.dataSync() as Float64Array);
  values[element]! += by;
  return { ...weights, [name]: tensor(values, { dtype: w.dtype }).reshape(w.shape) };
}

import {
  classification,
  hierarchicalRnnRule,
  type LearnedRule,
  liMalikRule,
  lstmRule,
  type MetaTrainerOptions,
  meanLogLoss,
  quadratics,
} from "descent/learned";
import type { Family } from "../../examples/learned/compare.ts";

// How the weights that are shipped were trained, and what they are measured on.

export const FAMILIES = {
  quadratics: { title: "quadratics of 10 variables", tasks: quadratics(), steps: 100 },
  classification: { title: "classifiers of clusters, 16 hidden units", tasks: classification(), steps: 100 },
} as const satisfies Record<string, Family>;
export type FamilyName = keyof typeof FAMILIES;

// biome-ignore lint/suspicious/noExplicitAny: rules of all options and states
type AnyLearnedRule = LearnedRule<any, any, any>;

export interface Recipe {
  readonly rule: AnyLearnedRule;
  /** The problems that it is trained for, and compared on. */
  readonly family: FamilyName;
  /** Steps of meta-training. */
  readonly steps: number;
  readonly training: MetaTrainerOptions<object>;
  /** The learning rate of meta-training, which falls to zero along a cosine. */
  readonly lr: number;
}

const trainedWith = { clipNorm: 1, metaLoss: meanLogLoss(), seed: 1 };

export const RECIPES = {
  lstm: {
    rule: lstmRule(),
    family: "quadratics",
    steps: 6000,
    lr: 3e-3,
    // Many small problems side by side cost little more than one.
    training: { ...trainedWith, tasks: quadratics({ batch: 32 }) },
  },
  "li-malik": {
    rule: liMalikRule(),
    family: "classification",
    steps: 4000,
    lr: 3e-3,
    training: { ...trainedWith, tasks: FAMILIES.classification.tasks },
  },
  "hierarchical-rnn": {
    rule: hierarchicalRnnRule(),
    family: "classification",
    steps: 2500,
    lr: 3e-3,
    training: { ...trainedWith, tasks: FAMILIES.classification.tasks, secondDerivatives: true },
  },
} as const satisfies Record<string, Recipe>;
export type RecipeName = keyof typeof RECIPES;

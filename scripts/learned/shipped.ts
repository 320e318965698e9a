import { HierarchicalRNNOptimizer, LiMalikOptimizer, LSTMOptimizer } from "descent/learned";
import type { Contender } from "../../examples/learned/compare.ts";
import type { RecipeName } from "./recipes.ts";

/** The classes that come with weights, by the names of their recipes. Apart from those, because they import what a recipe makes. */
export const SHIPPED: Readonly<Record<RecipeName, Contender>> = {
  lstm: (parameters) => new LSTMOptimizer(parameters),
  "li-malik": (parameters) => new LiMalikOptimizer(parameters),
  "hierarchical-rnn": (parameters) => new HierarchicalRNNOptimizer(parameters),
};

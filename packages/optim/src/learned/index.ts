/**
 * Optimizers whose rule is a small network that was trained by optimization, and what trains them.
 *
 * @module @descent/optim/learned
 */
export { LearnedOptimizer } from "./base/learned-optimizer.ts";
export type { LearnedRule, Weights } from "./base/learned-rule.ts";
export {
  backpropagation,
  type Estimate,
  type EvolutionStrategiesOptions,
  evolutionStrategies,
  type MetaGradient,
  type Run,
} from "./meta/meta-gradient.ts";
export { finalLoss, type MetaLoss, meanLogLoss, meanLoss } from "./meta/meta-loss.ts";
export {
  type MetaStep,
  MetaTrainer,
  type MetaTrainerOptions,
  type MetaTrainerState,
  type SavedTask,
} from "./meta/meta-trainer.ts";
export { begin, type InnerState, type Unrolled, type UnrollOptions, unroll } from "./meta/unroll.ts";
export { HierarchicalRNNOptimizer } from "./optimizers/hierarchical-rnn-optimizer.ts";
export { LiMalikOptimizer } from "./optimizers/li-malik-optimizer.ts";
export { LSTMOptimizer } from "./optimizers/lstm-optimizer.ts";
export type { TrainedOptions } from "./optimizers/trained.ts";
export {
  type HierarchicalRNNArchitecture,
  type HierarchicalRNNHyper,
  type HierarchicalRNNShared,
  type HierarchicalRNNState,
  hierarchicalRnnRule,
} from "./rules/hierarchical-rnn.ts";
export {
  type LiMalikArchitecture,
  type LiMalikHyper,
  type LiMalikShared,
  type LiMalikState,
  liMalikRule,
} from "./rules/li-malik.ts";
export { type LSTMArchitecture, type LSTMHyper, type LSTMState, logAndSign, lstmRule } from "./rules/lstm.ts";
export { type ClassificationOptions, classification } from "./tasks/classification.ts";
export { type ImageSubsetsOptions, imageSubsets } from "./tasks/image-subsets.ts";
export type { MlpOptions } from "./tasks/mlp.ts";
export { type QuadraticsOptions, quadratics } from "./tasks/quadratics.ts";
export { type RunTaskOptions, runTask, type TaskRun } from "./tasks/run-task.ts";
export type { Task, TaskDistribution } from "./tasks/task.ts";

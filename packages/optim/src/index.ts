/**
 * Optimizers, learning-rate schedules and gradient clipping.
 *
 * @module @descent/optim
 */

export type { Elements, Elementwise } from "./base/elements.ts";
export * from "./base/joint-rule.ts";
export { type AnyRule, type Closure, Optimizer } from "./base/optimizer.ts";
export type { GroupOptions, ParamGroup, Params } from "./base/param-groups.ts";
export {
  averaged,
  decayed,
  type Modes,
  type PointwiseRule,
  penalized,
  type Rule,
  type RuleBase,
  type State,
  type StateValue,
} from "./base/rule.ts";
export type { OptimizerStateDict, SavedGroup, SavedState } from "./base/state-dict.ts";
export type { StepHook } from "./base/step-hooks.ts";
export { betas, type Check, type Checks, finite, flag, nonNegative, positive } from "./checks.ts";
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from "./clip.ts";
export { CosineAnnealingLR, type CosineAnnealingLROptions, cosineAnnealing } from "./cosine-annealing-lr.ts";
export { LambdaLR, type LambdaLROptions, type LrLambda, scaled } from "./lambda-lr.ts";
export { Adam, type AdamHyper, type AdamState, adamRule } from "./optimizers/adam.ts";
export { AdamW, adamWRule } from "./optimizers/adamw.ts";
export { SGD, type SGDHyper, type SGDState, sgdRule } from "./optimizers/sgd.ts";
export { type AnyOptimizer, type Schedule, ScheduleLR, type ScheduleStateDict } from "./schedule.ts";
export { StepLR, type StepLROptions, stepDecay } from "./step-lr.ts";

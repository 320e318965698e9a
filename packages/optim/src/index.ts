/**
 * Optimizers, learning-rate schedules and gradient clipping.
 *
 * @module @descent/optim
 */
export { Adam, type AdamHyper, type AdamState, adamRule } from "./adam.ts";
export { AdamW, adamWRule } from "./adamw.ts";
export { betas, type Check, type Checks, finite, flag, nonNegative, positive } from "./checks.ts";
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from "./clip.ts";
export { CosineAnnealingLR, type CosineAnnealingLROptions, cosineAnnealing } from "./cosine-annealing-lr.ts";
export { LambdaLR, type LambdaLROptions, type LrLambda, scaled } from "./lambda-lr.ts";
export { Optimizer } from "./optimizer.ts";
export type { GroupOptions, ParamGroup, Params } from "./param-groups.ts";
export { penalized, type Rule, type State } from "./rule.ts";
export { type AnyOptimizer, type Schedule, ScheduleLR, type ScheduleStateDict } from "./schedule.ts";
export { SGD, type SGDHyper, type SGDState, sgdRule } from "./sgd.ts";
export type { OptimizerStateDict, SavedGroup, SavedState } from "./state-dict.ts";
export { StepLR, type StepLROptions, stepDecay } from "./step-lr.ts";

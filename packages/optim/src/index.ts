export type { AnyOptimizer, AnyParamGroup, Closure, Schedulable, ScheduledGroup } from "./base/any-optimizer.ts";
export type { Elements, Elementwise } from "./base/elements.ts";
export * from "./base/joint-rule.ts";
export type { DistanceHyper, DistanceOptimizer } from "./base/learning-rate-free.ts";
export { type AnyRule, Optimizer } from "./base/optimizer.ts";
export type { GroupOptions, ParamGroup, Params } from "./base/param-groups.ts";
export { pointwise } from "./base/pointwise.ts";
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
export type { BaseStateDict, Wrapper } from "./base/wrapper.ts";
export {
  betas,
  type Check,
  type Checks,
  finite,
  flag,
  fraction,
  nonNegative,
  oneOf,
  orNull,
  positive,
} from "./checks.ts";
export { Adadelta, type AdadeltaHyper, type AdadeltaState, adadeltaRule } from "./optimizers/adadelta.ts";
export { Adafactor, type AdafactorHyper, type AdafactorState, adafactorRule } from "./optimizers/adafactor.ts";
export { Adagrad, type AdagradHyper, type AdagradState, adagradRule } from "./optimizers/adagrad.ts";
export { Adam, type AdamHyper, type AdamState, type AdamWHyper, adamRule } from "./optimizers/adam.ts";
export { Adamax, type AdamaxHyper, type AdamaxState, adamaxRule } from "./optimizers/adamax.ts";
export { AdamW, adamWRule } from "./optimizers/adamw.ts";
export {
  AdamWScheduleFree,
  type AdamWScheduleFreeHyper,
  type AdamWScheduleFreeState,
  adamWScheduleFreeRule,
} from "./optimizers/adamw-schedule-free.ts";
export { ASGD, type ASGDHyper, type ASGDState, asgdRule } from "./optimizers/asgd.ts";
export {
  armijo,
  type BacktrackingOptions,
  type GoldsteinOptions,
  goldstein,
  type LineSearch,
  type Settled,
} from "./optimizers/backtracking.ts";
export { COCOB, type COCOBHyper, type COCOBState, cocobRule } from "./optimizers/cocob.ts";
export {
  DAdaptAdaGrad,
  type DAdaptAdaGradHyper,
  type DAdaptAdaGradShared,
  type DAdaptAdaGradState,
  dAdaptAdaGradRule,
} from "./optimizers/dadapt-adagrad.ts";
export {
  DAdaptAdam,
  type DAdaptAdamHyper,
  type DAdaptAdamShared,
  type DAdaptAdamState,
  dAdaptAdamRule,
} from "./optimizers/dadapt-adam.ts";
export {
  DAdaptLion,
  type DAdaptLionHyper,
  type DAdaptLionShared,
  type DAdaptLionState,
  dAdaptLionRule,
} from "./optimizers/dadapt-lion.ts";
export {
  DAdaptSGD,
  type DAdaptSGDHyper,
  type DAdaptSGDShared,
  type DAdaptSGDState,
  dAdaptSGDRule,
} from "./optimizers/dadapt-sgd.ts";
export { LAMB, type LAMBHyper, type LAMBState, lambRule } from "./optimizers/lamb.ts";
export { LARS, type LARSHyper, larsRule } from "./optimizers/lars.ts";
export {
  LBFGS,
  type LBFGSHistory,
  type LBFGSHyper,
  type LBFGSState,
  lbfgsDirection,
  lbfgsRule,
} from "./optimizers/lbfgs.ts";
export { Lion, type LionHyper, type LionState, lionRule } from "./optimizers/lion.ts";
export { Lookahead, type LookaheadOptions, type LookaheadStateDict } from "./optimizers/lookahead.ts";
export { Muon, type MuonHyper, type MuonState, muonRule } from "./optimizers/muon.ts";
export { NAdam, type NAdamHyper, type NAdamState, nadamRule } from "./optimizers/nadam.ts";
export {
  Prodigy,
  type ProdigyHyper,
  type ProdigyShared,
  type ProdigyState,
  prodigyRule,
} from "./optimizers/prodigy.ts";
export { RAdam, type RAdamHyper, type RAdamState, radamRule } from "./optimizers/radam.ts";
export { RMSprop, type RMSpropHyper, type RMSpropState, rmspropRule } from "./optimizers/rmsprop.ts";
export { Rprop, type RpropHyper, type RpropState, rpropRule } from "./optimizers/rprop.ts";
export { type HalfStepOptions, SAM, type SAMOptions } from "./optimizers/sam.ts";
export type { ScheduleFreeHyper, ScheduleFreeState } from "./optimizers/schedule-free.ts";
export { type SearchHyper, SearchingOptimizer, type SearchState } from "./optimizers/searching.ts";
export { SGD, type SGDHyper, type SGDState, sgdRule } from "./optimizers/sgd.ts";
export { SGDScheduleFree, type SGDScheduleFreeHyper, sgdScheduleFreeRule } from "./optimizers/sgd-schedule-free.ts";
export { SLS, type SLSHyper, slsRule } from "./optimizers/sls.ts";
export { SlsAcc, type SlsAccHyper, type SlsAccSearches, type SlsAccState, slsAccRule } from "./optimizers/sls-acc.ts";
export { type Found, type Sample, type StrongWolfeOptions, strongWolfe } from "./optimizers/strong-wolfe.ts";
export type { AnnealStrategy } from "./schedulers/anneal.ts";
export { ChainedScheduler, chained } from "./schedulers/chained-scheduler.ts";
export { ConstantLR, type ConstantLROptions, constantFactor } from "./schedulers/constant-lr.ts";
export { CosineAnnealingLR, type CosineAnnealingLROptions, cosineAnnealing } from "./schedulers/cosine-annealing-lr.ts";
export {
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
  cosineWarmRestarts,
} from "./schedulers/cosine-annealing-warm-restarts.ts";
export { CyclicLR, type CyclicLROptions, type CyclicOptions, cyclic } from "./schedulers/cyclic-lr.ts";
export { ExponentialLR, type ExponentialLROptions, exponentialDecay } from "./schedulers/exponential-lr.ts";
export { FactorLR, type FactorLROptions, factorDecay } from "./schedulers/factor-lr.ts";
export { LambdaLR, type LambdaLROptions, type LrLambda, scaled } from "./schedulers/lambda-lr.ts";
export { LinearLR, type LinearLROptions, linearFactor } from "./schedulers/linear-lr.ts";
export { LRScheduler, type ScheduleStateDict } from "./schedulers/lr-scheduler.ts";
export { MultiStepLR, type MultiStepLROptions, multiStepDecay } from "./schedulers/multi-step-lr.ts";
export { MultiplicativeLR, multiplied } from "./schedulers/multiplicative-lr.ts";
export {
  OneCycleLR,
  type OneCycleLROptions,
  type OneCycleOptions,
  type OneCyclePhases,
  oneCycle,
} from "./schedulers/one-cycle-lr.ts";
export type { Listed, PerGroup } from "./schedulers/per-group.ts";
export { PolynomialLR, type PolynomialLROptions, polynomialDecay } from "./schedulers/polynomial-lr.ts";
export {
  type PlateauPlace,
  plateauStep,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
  reduced,
} from "./schedulers/reduce-lr-on-plateau.ts";
export { type Course, type Place, type Schedule, ScheduleLR } from "./schedulers/schedule.ts";
export { SequentialLR, type SequentialLROptions, sequential } from "./schedulers/sequential-lr.ts";
export { StepLR, type StepLROptions, stepDecay } from "./schedulers/step-lr.ts";
export { SWALR, type SWALROptions, type SwaAnnealingOptions, swaAnnealing } from "./schedulers/swa-lr.ts";
export { WarmupLR, type WarmupLROptions, type WarmupOptions, warmup } from "./schedulers/warmup-lr.ts";
export {
  AveragedParameters,
  type AveragedParametersOptions,
  type AveragedParametersStateDict,
  type AvgFn,
  type EmaOptions,
  getEmaAvgFn,
  getSwaAvgFn,
} from "./tools/averaged-parameters.ts";
export {
  type ClipGradAdaptiveOptions,
  type ClipGradNormOptions,
  clipGradAdaptive,
  clipGradNorm,
  clipGradsWithNorm,
  clipGradValue,
  getTotalNorm,
  type TotalNormOptions,
} from "./tools/clip.ts";
export { GradientAccumulator, type GradientAccumulatorOptions } from "./tools/gradient-accumulator.ts";
export {
  GradientReport,
  type GradientStatistics,
  type GradientThresholds,
  type GradientWarning,
} from "./tools/gradient-report.ts";
export {
  type GradientStatisticsOptions,
  gradientStatistics,
  gradientStatisticsAsync,
  type NamedParameters,
} from "./tools/gradient-statistics.ts";
export {
  type FindLearningRateOptions,
  findLearningRate,
  findLearningRateAsync,
  type LearningRateCurve,
  type LearningRateSuggestion,
} from "./tools/learning-rate-finder.ts";

/**
 * Optimizers, learning-rate schedules and tools of training.
 *
 * @module @descent/optim
 */

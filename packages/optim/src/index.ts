export { type Elements, type Elementwise } from "./base/elements.ts";
export * from "./base/joint-rule.ts";
export { Optimizer, type AnyRule, type Closure } from "./base/optimizer.ts";
export { type GroupOptions, type ParamGroup, type Params } from "./base/param-groups.ts";
export { averaged, decayed, penalized, type Modes, type PointwiseRule, type Rule, type RuleBase, type State, type StateValue } from "./base/rule.ts";
export { type OptimizerStateDict, type SavedGroup, type SavedState } from "./base/state-dict.ts";
export { type StepHook } from "./base/step-hooks.ts";
export { betas, finite, flag, fraction, nonNegative, oneOf, orNull, positive, type Check, type Checks } from "./checks.ts";
export { Adadelta, adadeltaRule, type AdadeltaHyper, type AdadeltaState } from "./optimizers/adadelta.ts";
export { Adagrad, adagradRule, type AdagradHyper, type AdagradState } from "./optimizers/adagrad.ts";
export { Adam, adamRule, type AdamHyper, type AdamState, type AdamWHyper } from "./optimizers/adam.ts";
export { Adamax, adamaxRule, type AdamaxHyper, type AdamaxState } from "./optimizers/adamax.ts";
export { AdamW, adamWRule } from "./optimizers/adamw.ts";
export { AdamWScheduleFree, adamWScheduleFreeRule, type AdamWScheduleFreeHyper, type AdamWScheduleFreeState } from "./optimizers/adamw-schedule-free.ts";
export { ASGD, asgdRule, type ASGDHyper, type ASGDState } from "./optimizers/asgd.ts";
export { COCOB, cocobRule, type COCOBHyper, type COCOBState } from "./optimizers/cocob.ts";
export { Lion, lionRule, type LionHyper, type LionState } from "./optimizers/lion.ts";
export { NAdam, nadamRule, type NAdamHyper, type NAdamState } from "./optimizers/nadam.ts";
export { RAdam, radamRule, type RAdamHyper, type RAdamState } from "./optimizers/radam.ts";
export { RMSprop, rmspropRule, type RMSpropHyper, type RMSpropState } from "./optimizers/rmsprop.ts";
export { Rprop, rpropRule, type RpropHyper, type RpropState } from "./optimizers/rprop.ts";
export { type ScheduleFreeHyper, type ScheduleFreeState } from "./optimizers/schedule-free.ts";
export { SGD, sgdRule, type SGDHyper, type SGDState } from "./optimizers/sgd.ts";
export { SGDScheduleFree, sgdScheduleFreeRule, type SGDScheduleFreeHyper } from "./optimizers/sgd-schedule-free.ts";
export { type AnnealStrategy } from "./schedulers/anneal.ts";
export { ChainedScheduler, chained } from "./schedulers/chained-scheduler.ts";
export { ConstantLR, constantFactor, type ConstantLROptions } from "./schedulers/constant-lr.ts";
export { CosineAnnealingLR, cosineAnnealing, type CosineAnnealingLROptions } from "./schedulers/cosine-annealing-lr.ts";
export { CosineAnnealingWarmRestarts, cosineWarmRestarts, type CosineAnnealingWarmRestartsOptions } from "./schedulers/cosine-annealing-warm-restarts.ts";
export { CyclicLR, cyclic, type CyclicLROptions, type CyclicOptions } from "./schedulers/cyclic-lr.ts";
export { ExponentialLR, exponentialDecay, type ExponentialLROptions } from "./schedulers/exponential-lr.ts";
export { FactorLR, factorDecay, type FactorLROptions } from "./schedulers/factor-lr.ts";
export { LambdaLR, scaled, type LambdaLROptions, type LrLambda } from "./schedulers/lambda-lr.ts";
export { LinearLR, linearFactor, type LinearLROptions } from "./schedulers/linear-lr.ts";
export { LRScheduler, type AnyOptimizer, type ScheduleStateDict, type ScheduledGroup } from "./schedulers/lr-scheduler.ts";
export { MultiStepLR, multiStepDecay, type MultiStepLROptions } from "./schedulers/multi-step-lr.ts";
export { MultiplicativeLR, multiplied } from "./schedulers/multiplicative-lr.ts";
export { OneCycleLR, oneCycle, type OneCycleLROptions, type OneCycleOptions, type OneCyclePhases } from "./schedulers/one-cycle-lr.ts";
export { type Listed, type PerGroup } from "./schedulers/per-group.ts";
export { PolynomialLR, polynomialDecay, type PolynomialLROptions } from "./schedulers/polynomial-lr.ts";
export { ReduceLROnPlateau, plateauStep, reduced, type PlateauPlace, type ReduceLROnPlateauOptions } from "./schedulers/reduce-lr-on-plateau.ts";
export { ScheduleLR, type Course, type Place, type Schedule } from "./schedulers/schedule.ts";
export { SequentialLR, sequential, type SequentialLROptions } from "./schedulers/sequential-lr.ts";
export { StepLR, stepDecay, type StepLROptions } from "./schedulers/step-lr.ts";
export { SWALR, swaAnnealing, type SWALROptions, type SwaAnnealingOptions } from "./schedulers/swa-lr.ts";
export { WarmupLR, type WarmupLROptions, type WarmupOptions, warmup } from "./schedulers/warmup-lr.ts";
export { AveragedParameters, getEmaAvgFn, getSwaAvgFn, type AveragedParametersOptions, type AveragedParametersStateDict, type AvgFn, type EmaOptions } from "./tools/averaged-parameters.ts";
export { clipGradAdaptive, clipGradNorm, clipGradValue, clipGradsWithNorm, getTotalNorm, type ClipGradAdaptiveOptions, type ClipGradNormOptions, type TotalNormOptions } from "./tools/clip.ts";
export { GradientAccumulator, type GradientAccumulatorOptions } from "./tools/gradient-accumulator.ts";
export { GradientReport, type GradientStatistics, type GradientThresholds, type GradientWarning } from "./tools/gradient-report.ts";
export { gradientStatistics, gradientStatisticsAsync, type GradientStatisticsOptions, type NamedParameters } from "./tools/gradient-statistics.ts";
export { findLearningRate, findLearningRateAsync, type FindLearningRateOptions, type LearningRateCurve, type LearningRateSuggestion } from "./tools/learning-rate-finder.ts";
export { armijo, goldstein, type BacktrackingOptions, type GoldsteinOptions, type LineSearch, type Settled } from "./optimizers/backtracking.ts";
export { LBFGS, lbfgsDirection, lbfgsRule, type LBFGSHistory, type LBFGSHyper, type LBFGSState } from "./optimizers/lbfgs.ts";
export { SearchingOptimizer, type SearchHyper, type SearchState } from "./optimizers/searching.ts";
export { SLS, slsRule, type SLSHyper } from "./optimizers/sls.ts";
export { SlsAcc, slsAccRule, type SlsAccHyper, type SlsAccSearches, type SlsAccState } from "./optimizers/sls-acc.ts";
export { strongWolfe, type Found, type Sample, type StrongWolfeOptions } from "./optimizers/strong-wolfe.ts";
export { pointwise } from "./base/pointwise.ts";
export { Adafactor, adafactorRule, type AdafactorHyper, type AdafactorState } from "./optimizers/adafactor.ts";
export { LAMB, lambRule, type LAMBHyper, type LAMBState } from "./optimizers/lamb.ts";
export { LARS, larsRule, type LARSHyper } from "./optimizers/lars.ts";
export { Muon, muonRule, type MuonHyper, type MuonState } from "./optimizers/muon.ts";
export { type DistanceHyper, type DistanceOptimizer } from "./base/learning-rate-free.ts";
export { DAdaptAdaGrad, dAdaptAdaGradRule, type DAdaptAdaGradHyper, type DAdaptAdaGradShared, type DAdaptAdaGradState } from "./optimizers/dadapt-adagrad.ts";
export { DAdaptAdam, dAdaptAdamRule, type DAdaptAdamHyper, type DAdaptAdamShared, type DAdaptAdamState } from "./optimizers/dadapt-adam.ts";
export { DAdaptLion, dAdaptLionRule, type DAdaptLionHyper, type DAdaptLionShared, type DAdaptLionState } from "./optimizers/dadapt-lion.ts";
export { DAdaptSGD, dAdaptSGDRule, type DAdaptSGDHyper, type DAdaptSGDShared, type DAdaptSGDState } from "./optimizers/dadapt-sgd.ts";
export { Prodigy, prodigyRule, type ProdigyHyper, type ProdigyShared, type ProdigyState } from "./optimizers/prodigy.ts";
export { type BaseStateDict, type Wrappable, type Wrapper } from "./base/wrapper.ts";
export { Lookahead, type LookaheadOptions, type LookaheadStateDict } from "./optimizers/lookahead.ts";
export { SAM, type HalfStepOptions, type SAMOptions } from "./optimizers/sam.ts";



/**
 * Optimizers, learning-rate schedules and tools of training.
 *
 * @module @descent/optim
 */

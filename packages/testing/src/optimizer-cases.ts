import {
  Adadelta,
  Adafactor,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  AdamWScheduleFree,
  type AnyOptimizer,
  type AnyRule,
  ASGD,
  adadeltaRule,
  adafactorRule,
  adagradRule,
  adamaxRule,
  adamRule,
  adamWRule,
  adamWScheduleFreeRule,
  asgdRule,
  COCOB,
  cocobRule,
  DAdaptAdaGrad,
  DAdaptAdam,
  DAdaptLion,
  DAdaptSGD,
  dAdaptAdaGradRule,
  dAdaptAdamRule,
  dAdaptLionRule,
  dAdaptSGDRule,
  LAMB,
  LARS,
  LBFGS,
  Lion,
  Lookahead,
  lambRule,
  larsRule,
  lbfgsRule,
  lionRule,
  Muon,
  muonRule,
  NAdam,
  nadamRule,
  type Optimizer,
  type Params,
  Prodigy,
  prodigyRule,
  RAdam,
  RMSprop,
  Rprop,
  radamRule,
  rmspropRule,
  rpropRule,
  SAM,
  SGD,
  SGDScheduleFree,
  SLS,
  SlsAcc,
  type State,
  type StateValue,
  sgdRule,
  sgdScheduleFreeRule,
  slsAccRule,
  slsRule,
} from "@descent/optim";
import fc from "fast-check";
import type { ProblemOptions } from "./training-problem.ts";

/** The options of an optimizer that any of them could be. */
export type Options = Readonly<Record<string, unknown>>;
/** An optimizer that any of them could be. */
export interface AnOptimizer extends AnyOptimizer {
  loadStateDict(dict: unknown): void;
}

/** An optimizer, and what it is tried with. */
export interface OptimizerCase extends ProblemOptions {
  /** Nothing for wrappers, which have none of their own. */
  readonly rule: AnyRule<Options, Record<string, StateValue>, Record<string, StateValue>> | null;
  readonly make: (params: Params<Options>, options?: Options) => AnOptimizer;
  /** All options, with values that matter at the size of the problems. */
  readonly options: fc.Arbitrary<Options>;
  /** What the closure does that a step needs; `null` where it goes along the gradients that there are. */
  readonly closure: "backward" | "loss" | null;
}

const lr = fc.constantFrom(0, 0.01, 0.125, 1);
// No share of a weight is the opposite of a gradient but for rounding.
const weightDecay = fc.constantFrom(0, 0.01, 0.23);
const flag = fc.boolean();
const maximize = flag;
const eps = fc.constantFrom(1e-8, 0.125);
const momentum = fc.constantFrom(0, 0.5, 0.9);
const halves = fc.constantFrom(0, 0.5);
const common = { lr, weightDecay, maximize };
const betas = fc.constantFrom([0.9, 0.999], [0, 0.5], [0.5, 0]);
// No sum of these shares is zero but for rounding, which would make a sign of it.
const lion = fc.constantFrom([0.9, 0.99], [0, 0.5], [0.5, 0.75]);
const adam = { ...common, betas, eps };
const decoupledWeightDecay = flag;
const sgd = { ...common, momentum, dampening: fc.constantFrom(0, 0.25), nesterov: flag };
const nesterovFits = (o: Options): Options => (o.momentum === 0 || o.dampening !== 0 ? { ...o, nesterov: false } : o);
const scheduleFree = {
  lr,
  weightDecay,
  warmupSteps: fc.constantFrom(0, 3),
  r: fc.constantFrom(0, 1),
  weightLrPower: fc.constantFrom(0, 2),
};

function optimizerCase<H extends object, S extends State<S>, C extends State<C>>(
  rule: AnyRule<H, S, C>,
  type: new (params: Params<H>, options?: Partial<H>) => Optimizer<H, S, C>,
  options: { readonly [K in keyof H]: fc.Arbitrary<unknown> },
  { fitting = (options) => options, ...problems }: ProblemOptions & { readonly fitting?: (o: Options) => Options } = {},
): OptimizerCase {
  return {
    rule: rule as unknown as OptimizerCase["rule"],
    make: (params, options) => new type(params as never, options as never) as unknown as AnOptimizer,
    options: fc.record(options as Record<string, fc.Arbitrary<unknown>>).map(fitting),
    closure: "closure" in rule ? (rule.closure ?? null) : null,
    ...problems,
  };
}

/** Those in which every element goes its own way. */
const POINTWISE: Readonly<Record<string, OptimizerCase>> = {
  SGD: optimizerCase(sgdRule, SGD, sgd, { fitting: nesterovFits }),
  Adagrad: optimizerCase(adagradRule, Adagrad, {
    ...common,
    eps,
    lrDecay: fc.constantFrom(0, 0.5),
    initialAccumulatorValue: fc.constantFrom(0, 0.5),
  }),
  Adadelta: optimizerCase(adadeltaRule, Adadelta, {
    ...common,
    rho: fc.constantFrom(0, 0.5, 0.9, 1),
    eps: fc.constantFrom(1e-6, 0.125),
  }),
  RMSprop: optimizerCase(rmspropRule, RMSprop, {
    ...common,
    alpha: fc.constantFrom(0.5, 0.99),
    eps,
    momentum,
    centered: flag,
  }),
  Rprop: optimizerCase(rpropRule, Rprop, {
    lr,
    maximize,
    etas: fc.constantFrom([0.5, 1.2], [0.25, 2]),
    stepSizes: fc.constantFrom([1e-6, 50], [0.125, 0.25]),
  }),
  Adam: optimizerCase(adamRule, Adam, { ...adam, amsgrad: flag, decoupledWeightDecay }),
  AdamW: optimizerCase(adamWRule, AdamW, { ...adam, amsgrad: flag }),
  Adamax: optimizerCase(adamaxRule, Adamax, adam),
  NAdam: optimizerCase(nadamRule, NAdam, { ...adam, decoupledWeightDecay, momentumDecay: fc.constantFrom(0, 4e-3, 1) }),
  RAdam: optimizerCase(radamRule, RAdam, {
    ...adam,
    decoupledWeightDecay,
    betas: fc.constantFrom([0.9, 0.999], [0.5, 0.9], [0, 0.5]),
  }),
  ASGD: optimizerCase(asgdRule, ASGD, {
    ...common,
    lambd: fc.constantFrom(0, 1e-4, 0.25),
    alpha: fc.constantFrom(0.75, 1),
    t0: fc.constantFrom(1e6, 0, 2),
  }),
  Lion: optimizerCase(lionRule, Lion, { ...common, betas: lion }),
  COCOB: optimizerCase(cocobRule, COCOB, { weightDecay, alpha: fc.constantFrom(100, 2, 0), eps }),
  SGDScheduleFree: optimizerCase(sgdScheduleFreeRule, SGDScheduleFree, {
    ...scheduleFree,
    momentum: fc.constantFrom(0.5, 0.9),
  }),
  AdamWScheduleFree: optimizerCase(adamWScheduleFreeRule, AdamWScheduleFree, {
    ...scheduleFree,
    betas: fc.constantFrom([0.9, 0.999], [0.5, 0]),
    eps,
  }),
};

/** Zeros, and sums that are zero but for rounding, would be divided by or into. */
const least = 0.25;

/** Those that see a whole tensor. */
const WHOLE: Readonly<Record<string, OptimizerCase>> = {
  Adafactor: optimizerCase(
    adafactorRule,
    Adafactor,
    {
      ...common,
      beta2Decay: fc.constantFrom(-0.8, 0),
      eps: fc.constantFrom([null, 1e-3], [0.125, 0.5]),
      d: fc.constantFrom(1, 4),
    },
    { least },
  ),
  Muon: optimizerCase(
    muonRule,
    Muon,
    {
      lr: fc.constantFrom(0, 0.01, 0.125),
      weightDecay,
      momentum: fc.constantFrom(0, 0.5, 0.95),
      nesterov: flag,
      nsCoefficients: fc.constantFrom([3.4445, -4.775, 2.0315], [1.5, -0.5, 0]),
      eps: fc.constantFrom(1e-7, 0.125),
      nsSteps: fc.constantFrom(0, 1, 3),
      adjustLrFn: fc.constantFrom("original", "match_rms_adamw", "spectral_unclamped"),
      // Where numbers are rounded coarsely, small differences become large ones.
      nsPrecision: fc.constant("full"),
    },
    {
      least,
      shapes: [
        [2, 2],
        [3, 2],
        [1, 3],
      ],
    },
  ),
  LAMB: optimizerCase(
    lambRule,
    LAMB,
    {
      ...common,
      betas,
      eps: fc.constantFrom(1e-6, 0.125),
      biasCorrection: flag,
      gradAveraging: flag,
      trustClip: flag,
      alwaysAdapt: flag,
      decoupledDecay: flag,
    },
    { least },
  ),
  LARS: optimizerCase(
    larsRule,
    LARS,
    { ...sgd, trustCoeff: fc.constantFrom(0.001, 1), eps, trustClip: flag, alwaysAdapt: flag },
    { least, fitting: nesterovFits },
  ),
};

const distance = {
  lr: fc.constantFrom(1, 0.5),
  d0: fc.constantFrom(1e-6, 0.125),
  growthRate: fc.constantFrom(1.25, 4, Number.POSITIVE_INFINITY),
  weightDecay,
};
const averages = fc.constantFrom([0.9, 0.999], [0, 0.5], [0.5, 0.25]);

/** Those that see all parameters at once. */
const JOINT: Readonly<Record<string, OptimizerCase>> = {
  Prodigy: optimizerCase(
    prodigyRule,
    Prodigy,
    {
      ...distance,
      betas: averages,
      beta3: fc.constantFrom(null, 0.5),
      eps,
      decouple: flag,
      useBiasCorrection: flag,
      safeguardWarmup: flag,
      dCoef: fc.constantFrom(0.5, 1),
      sliceP: fc.constantFrom(1, 2),
    },
    { least },
  ),
  DAdaptAdam: optimizerCase(
    dAdaptAdamRule,
    DAdaptAdam,
    { ...distance, betas: averages, eps, decouple: flag, useBiasCorrection: flag, layerScale: fc.constantFrom(1, 0.5) },
    { least },
  ),
  DAdaptSGD: optimizerCase(dAdaptSGDRule, DAdaptSGD, { ...distance, momentum: halves }, { least }),
  DAdaptAdaGrad: optimizerCase(dAdaptAdaGradRule, DAdaptAdaGrad, { ...distance, momentum: halves, eps }, { least }),
  DAdaptLion: optimizerCase(
    dAdaptLionRule,
    DAdaptLion,
    { lr: distance.lr, d0: distance.d0, weightDecay, betas: lion },
    { least },
  ),
};

/** Shapes with elements. */
const filled = [[], [1], [3], [2, 2]];
const search = {
  initStepSize: fc.constantFrom(1, 0.25),
  nBatchesPerEpoch: fc.constantFrom(500, 2),
  gamma: fc.constantFrom(2, 1.5),
  resetOption: fc.constantFrom(0, 1, 2),
  c: fc.constantFrom(0.1, 0.25),
  betaB: fc.constantFrom(0.9, 0.5),
};

/** Those that evaluate losses where they want. */
const SEARCHING: Readonly<Record<string, OptimizerCase>> = {
  LBFGS: optimizerCase(
    lbfgsRule,
    LBFGS,
    {
      lr: fc.constantFrom(0.125, 1),
      maxIter: fc.constantFrom(1, 2),
      maxEval: fc.constantFrom(null, 6),
      toleranceGrad: fc.constantFrom(1e-7, 0.5),
      toleranceChange: fc.constantFrom(1e-9, 0.5),
      historySize: fc.constantFrom(1, 2, 100),
      lineSearchFn: fc.constantFrom("strong_wolfe", null),
      maximize: fc.constant(false),
    },
    // A search that begins with short steps, or follows another one, makes much of the last digits of losses and slopes.
    { shapes: filled, fitting: (o) => (o.lineSearchFn === null ? o : { ...o, lr: 4, maxIter: 1, maxEval: 6 }) },
  ),
  SLS: optimizerCase(slsRule, SLS, {
    ...search,
    betaF: fc.constantFrom(2, 1.5),
    etaMax: fc.constantFrom(10, 1),
    boundStepSize: flag,
    lineSearchFn: fc.constantFrom("armijo", "goldstein"),
  }),
  SlsAcc: optimizerCase(slsAccRule, SlsAcc, {
    ...search,
    momentum: fc.constantFrom(0, 0.6),
    accelerationMethod: fc.constantFrom("polyak", "nesterov"),
  }),
};

/** What is wrapped. */
const BASES = {
  SGD: (params: Params<Options>) => POINTWISE.SGD!.make(params, { lr: 0.125, momentum: 0.5 }),
  Adam: (params: Params<Options>) => POINTWISE.Adam!.make(params, { lr: 0.125 }),
  Prodigy: (params: Params<Options>) => JOINT.Prodigy!.make(params, { d0: 0.01 }),
  Lookahead: (params: Params<Options>) => new Lookahead(BASES.SGD(params), { k: 2 }),
};

function wrapperCase<O extends object>(
  type: new (base: AnOptimizer, options?: O) => AnOptimizer,
  options: { readonly [K in keyof Required<NoInfer<O>>]: fc.Arbitrary<unknown> },
  closure: OptimizerCase["closure"],
): OptimizerCase {
  return {
    rule: null,
    make: (params, { base = "SGD", ...own } = {}) => new type(BASES[base as keyof typeof BASES](params), own as O),
    options: fc.record({ base: fc.constantFrom(...Object.keys(BASES)), ...options }),
    closure,
  };
}

/** Those around others, with one more option: the name of `base`. */
const WRAPPERS: Readonly<Record<string, OptimizerCase>> = {
  SAM: wrapperCase(SAM, { rho: fc.constantFrom(0.05, 0.5), adaptive: flag }, "backward"),
  Lookahead: wrapperCase(Lookahead, { k: fc.constantFrom(1, 2, 5), alpha: fc.constantFrom(0, 0.5, 1) }, null),
};

/** Every optimizer, by the name of its class. */
export const OPTIMIZER_CASES: Readonly<Record<string, OptimizerCase>> = {
  ...POINTWISE,
  ...WHOLE,
  ...JOINT,
  ...SEARCHING,
  ...WRAPPERS,
};

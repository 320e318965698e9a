import { type Backend, type DType, Parameter, type Shape, sizeOf, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  AdamWScheduleFree,
  type AnyRule,
  ASGD,
  adadeltaRule,
  adagradRule,
  adamaxRule,
  adamRule,
  adamWRule,
  adamWScheduleFreeRule,
  asgdRule,
  COCOB,
  cocobRule,
  Lion,
  lionRule,
  NAdam,
  nadamRule,
  type Optimizer,
  type Params,
  RAdam,
  RMSprop,
  Rprop,
  radamRule,
  rmspropRule,
  rpropRule,
  SGD,
  SGDScheduleFree,
  type State,
  type StateValue,
  sgdRule,
  sgdScheduleFreeRule,
} from "@descent/optim";
import fc from "fast-check";

/** The options of an optimizer that any of them could be. */
export type Options = Readonly<Record<string, unknown>>;
/** An optimizer that any of them could be. */
export type AnOptimizer = Optimizer<Options, Record<string, StateValue>>;

/** An optimizer, and what it is tried with. */
export interface OptimizerCase {
  readonly rule: AnyRule<Options, Record<string, StateValue>, Record<string, StateValue>>;
  readonly make: (params: Params<Options>, options?: Options) => AnOptimizer;
  /** All options, with values that matter at the size of the problems below. */
  readonly options: fc.Arbitrary<Options>;
}

const lr = fc.constantFrom(0, 0.01, 0.125, 1);
const weightDecay = fc.constantFrom(0, 0.01, 0.25);
const maximize = fc.boolean();
const eps = fc.constantFrom(1e-8, 0.125);
const momentum = fc.constantFrom(0, 0.5, 0.9);
const common = { lr, weightDecay, maximize };
const betas = fc.constantFrom([0.9, 0.999], [0, 0.5], [0.5, 0]);
const adam = { ...common, betas, eps };
const decoupledWeightDecay = fc.boolean();
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
  fitting: (options: Options) => Options = (options) => options,
): OptimizerCase {
  return {
    rule: rule as unknown as OptimizerCase["rule"],
    make: (params, options) => new type(params as never, options as never) as unknown as AnOptimizer,
    options: fc.record(options as Record<string, fc.Arbitrary<unknown>>).map(fitting),
  };
}

/** Every optimizer that moves parameters along gradients it is given, by the name of its class. */
export const OPTIMIZER_CASES: Readonly<Record<string, OptimizerCase>> = {
  SGD: optimizerCase(
    sgdRule,
    SGD,
    { ...common, momentum, dampening: fc.constantFrom(0, 0.25), nesterov: fc.boolean() },
    (o) => (o.momentum === 0 || o.dampening !== 0 ? { ...o, nesterov: false } : o),
  ),
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
    centered: fc.boolean(),
  }),
  Rprop: optimizerCase(rpropRule, Rprop, {
    lr,
    maximize,
    etas: fc.constantFrom([0.5, 1.2], [0.25, 2]),
    stepSizes: fc.constantFrom([1e-6, 50], [0.125, 0.25]),
  }),
  Adam: optimizerCase(adamRule, Adam, { ...adam, amsgrad: fc.boolean(), decoupledWeightDecay }),
  AdamW: optimizerCase(adamWRule, AdamW, { ...adam, amsgrad: fc.boolean() }),
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
  // No sum of these shares is zero but for rounding, which would make a sign of it.
  Lion: optimizerCase(lionRule, Lion, { ...common, betas: fc.constantFrom([0.9, 0.99], [0, 0.5], [0.5, 0.75]) }),
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

/** Parameters and their gradients, step by step. */
export interface TrainingProblem {
  readonly shapes: readonly Shape[];
  readonly start: readonly (readonly number[])[];
  /** `[step][parameter]`; `null` where there is no gradient. */
  readonly grads: readonly (readonly (readonly number[] | null)[])[];
}

/** Values on a coarse grid, without −0. */
export const coarse = (length: number): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -32, max: 32 }).map((i) => i / 8 || 0),
    { minLength: length, maxLength: length },
  );

/** One to seven steps of one to three parameters. */
export const trainingProblem: fc.Arbitrary<TrainingProblem> = fc
  .record({
    shapes: fc.array(fc.constantFrom<number[]>([], [1], [3], [2, 2], [0]), { minLength: 1, maxLength: 3 }),
    steps: fc.integer({ min: 1, max: 7 }),
  })
  .chain(({ shapes, steps }) => {
    const gradient = fc.tuple(...shapes.map((shape) => fc.option(coarse(sizeOf(shape)), { freq: 6 })));
    return fc.record({
      shapes: fc.constant(shapes),
      start: fc.tuple(...shapes.map((shape) => coarse(sizeOf(shape)))),
      grads: fc.array(gradient, { minLength: steps, maxLength: steps }),
    });
  });

/** Where the parameters of a problem are. */
export interface Place {
  readonly backend: Backend;
  readonly dtype: DType;
}

/** Parameters with values, on the default backend if no other is named. */
export const parametersOf = (
  shapes: readonly Shape[],
  values: readonly ArrayLike<number>[],
  place?: Place,
): Parameter[] => shapes.map((shape, i) => new Parameter(placed(values[i]!, shape, place)));

/** Gives gradients to parameters, beside which they live. */
export function give(parameters: readonly Parameter[], gradients: TrainingProblem["grads"][number]): void {
  for (const [i, p] of parameters.entries()) {
    const g = gradients[i] ?? null;
    p.grad = g === null ? null : placed(g, p.shape, p);
  }
}

/** A tensor of numbers. */
export const placed = (values: ArrayLike<number>, shape: Shape, { backend, dtype }: Partial<Place> = {}): Tensor =>
  tensor(Float64Array.from(values), { dtype: dtype ?? "float32", ...(backend && { backend }) }).reshape(shape);

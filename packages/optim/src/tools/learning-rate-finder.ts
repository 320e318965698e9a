import { ArgumentError, type Buffer, type Parameter, Tensor } from "@descent/core";
import "@descent/core/methods";
import { type AnyOptimizer, rejectNoOptimizer, rejectNoRates } from "../base/any-optimizer.ts";
import { atLeastTwo, callable, checked, decayRate, oneOf, positive, reject, shown } from "../checks.ts";
import { owned, settled, variablesIn } from "./arguments.ts";

/** Options of `findLearningRate`. */
export interface FindLearningRateOptions {
  /** The first rate. Default 1e-7. */
  readonly startLr?: number;
  /** The last rate. Default 10. */
  readonly endLr?: number;
  /** How many rates there are. Default 100. */
  readonly steps?: number;
  /** Whether equal factors or equal differences lie between rates. Default "exponential". */
  readonly mode?: "exponential" | "linear";
  /** The decay of the moving average of losses; 0 takes them as they are. Default 0.98. */
  readonly smoothing?: number;
  /** The search ends where the smoothed loss is this many times the least one. Default 4; `Infinity` goes on to the last rate. */
  readonly divergence?: number;
  /** What is restored beside the parameters of the optimizer, such as `model.buffers()`, which batch norms move. Default: nothing. */
  readonly restore?: Iterable<Parameter | Buffer>;
}

/** How the loss went as the learning rate rose. */
export interface LearningRateCurve {
  readonly lrs: readonly number[];
  /** The loss before the step with each rate; all are finite. */
  readonly losses: readonly number[];
  /** Their exponential moving average, without bias to its beginning. */
  readonly smoothed: readonly number[];
  /** Whether the loss diverged or was not finite before the last rate. */
  readonly diverged: boolean;
  readonly suggestion: LearningRateSuggestion;
}

/** Rates to train with. */
export interface LearningRateSuggestion {
  /** Where the smoothed loss falls most steeply over the logarithm of the rate; `null` where it never falls. */
  readonly steepest: number | null;
  /** A tenth of the rate at which the smoothed loss is least; `null` where there is no loss. */
  readonly minimumOverTen: number | null;
}

/**
 * Trains for some steps while the learning rate of all groups rises, to see where the loss falls and where it diverges (Smith 2017,
 * section 3.3; smoothing, limits and suggestions are fastai's).
 *
 * `evaluate` computes the loss of the next batch. Parameters and the optimizer are as before afterwards, also where something throws;
 * gradients are forgotten.
 */
export function findLearningRate(
  optimizer: AnyOptimizer,
  evaluate: (step: number) => Tensor,
  options: FindLearningRateOptions = {},
): LearningRateCurve {
  const search = searching("findLearningRate", optimizer, evaluate, options);
  try {
    let next = search.next();
    while (next.done !== true) {
      if (next.value === STEP) {
        optimizer.step();
        next = search.next();
        continue;
      }
      const loss = lossIn("findLearningRate", next.value);
      next = search.next({ loss, value: loss.item() });
    }
    return next.value;
  } finally {
    search.return(NEVER);
  }
}

/** `findLearningRate` on any backend, with an `evaluate` that may return a promise. */
export async function findLearningRateAsync(
  optimizer: AnyOptimizer,
  evaluate: (step: number) => Tensor | Promise<Tensor>,
  options: FindLearningRateOptions = {},
): Promise<LearningRateCurve> {
  const search = searching("findLearningRateAsync", optimizer, evaluate, options);
  try {
    let next = search.next();
    while (next.done !== true) {
      if (next.value === STEP) {
        await optimizer.stepAsync();
        next = search.next();
        continue;
      }
      const loss = lossIn("findLearningRateAsync", await next.value);
      next = search.next({ loss, value: (await loss.data())[0]! });
    }
    return next.value;
  } finally {
    search.return(NEVER);
  }
}

const NEVER = undefined as never;
/** Asks for a step of the optimizer. */
const STEP = Symbol("step");

interface Read {
  readonly loss: Tensor;
  readonly value: number;
}

/** The search itself, which leaves it to others to read losses and to make steps. Whatever ends it, it restores what it has changed. */
function* searching<L>(
  op: string,
  optimizer: AnyOptimizer,
  evaluate: (step: number) => L,
  given: FindLearningRateOptions,
): Generator<L | typeof STEP, LearningRateCurve, Read | undefined> {
  rejectNoOptimizer(op, optimizer);
  rejectNoRates(op, optimizer.paramGroups);
  checked(op, { evaluate }, { evaluate: callable });
  const options = settled(op, given, DEFAULTS, CHECKS);
  const { startLr, endLr, steps, smoothing, divergence, restore } = options;
  if (endLr <= startLr) reject(op, [`endLr is ${endLr}, expected more than startLr ${startLr}`]);
  const variables = [...optimizer.paramGroups.flatMap(({ params }) => params), ...variablesIn(op, restore)];
  const values = variables.map(owned);
  const state = optimizer.stateDict();
  const lrs: number[] = [];
  const losses: number[] = [];
  const smoothed: number[] = [];
  let [average, least, diverged] = [0, Number.POSITIVE_INFINITY, false];
  try {
    for (let i = 0; i < steps; i++) {
      const lr = rateAt(i / (steps - 1), options);
      for (const group of optimizer.paramGroups) group.lr = lr;
      optimizer.zeroGrad();
      const { loss, value } = (yield evaluate(i)) as Read;
      if (Number.isFinite(value)) {
        average = smoothing * average + (1 - smoothing) * value;
        const smooth = average / (1 - smoothing ** (i + 1));
        lrs.push(lr);
        losses.push(value);
        smoothed.push(smooth);
        // `divergence · least`, where that is above the least loss: also if it is negative.
        diverged = smooth > least + (divergence - 1) * Math.abs(least);
        least = Math.min(least, smooth);
      } else diverged = true;
      if (diverged) break;
      loss.backward();
      yield STEP;
    }
    return { lrs, losses, smoothed, diverged, suggestion: suggest(lrs, smoothed) };
  } finally {
    for (const [i, variable] of variables.entries()) variable.assign(values[i]!);
    optimizer.zeroGrad();
    optimizer.loadStateDict(state);
    disposeAll([values, state]);
  }
}

const DEFAULTS: Required<FindLearningRateOptions> = {
  startLr: 1e-7,
  endLr: 10,
  steps: 100,
  mode: "exponential",
  smoothing: 0.98,
  divergence: 4,
  restore: [],
};
const CHECKS = {
  startLr: positive,
  endLr: positive,
  steps: atLeastTwo,
  mode: oneOf("exponential", "linear"),
  smoothing: decayRate,
  divergence: { expected: "a number > 1", test: (x: unknown) => typeof x === "number" && x > 1 },
  restore: { expected: "an iterable of parameters and buffers", test: (x: unknown) => x instanceof Object },
};

const rateAt = (fraction: number, { startLr, endLr, mode }: Required<FindLearningRateOptions>): number =>
  mode === "linear" ? startLr + (endLr - startLr) * fraction : startLr * (endLr / startLr) ** fraction;

function suggest(lrs: readonly number[], smoothed: readonly number[]): LearningRateSuggestion {
  let [steepest, slope]: [number | null, number] = [null, 0];
  // The average of few losses is noisy, which is why the first tenth does not count.
  for (let i = Math.floor(lrs.length / 10); i < lrs.length - 1; i++) {
    const fall = (smoothed[i + 1]! - smoothed[i]!) / Math.log(lrs[i + 1]! / lrs[i]!);
    if (fall < slope) [steepest, slope] = [lrs[i]!, fall];
  }
  const lowest = lrs[smoothed.indexOf(Math.min(...smoothed))];
  return { steepest, minimumOverTen: lowest === undefined ? null : lowest / 10 };
}

function lossIn(op: string, loss: unknown): Tensor {
  if (loss instanceof Tensor && loss.numel() === 1) return loss;
  throw new ArgumentError(op, `evaluate returned ${shown(loss)}`, "return the loss, a tensor of one element");
}

/** Frees all tensors in arrays and objects. */
function disposeAll(value: unknown): void {
  if (value instanceof Tensor) value.dispose();
  else if (value instanceof Object) Object.values(value).forEach(disposeAll);
}

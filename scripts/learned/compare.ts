import { Generator, optim, type Parameter } from "descent";
import { runTask } from "descent/learned";
import type { Family } from "./recipes.ts";

/** Something that optimizes parameters, made anew for every problem. */
export type Contender = (parameters: readonly Parameter[]) => optim.AnyOptimizer;

/** Problems that nothing is trained or tuned on: their seeds are beyond those that training draws tasks with. */
const HELD_OUT = Array.from({ length: 20 }, (_, i) => -1 - i);
/** Problems that learning rates are chosen on. */
const TUNING = Array.from({ length: 20 }, (_, i) => -1001 - i);
/** 13 learning rates from 1e-4 to 1e2, two in a decade. */
const RATES = Array.from({ length: 13 }, (_, i) => Number((10 ** (i / 2 - 4)).toPrecision(3)));

/** How a contender did on problems. */
export interface Result {
  /** The loss after the last step, problem by problem. */
  readonly finals: readonly number[];
  /** The median loss before each step, and after the last. */
  readonly curve: readonly number[];
}

/** Optimizes the held-out problems of a family. */
export const onHeldOut = (family: Family, contender: Contender): Promise<Result> => run(family, contender, HELD_OUT);

/** The learning rate with the least median loss after the last step, on problems that are not held out. */
export async function tuned(
  family: Family,
  make: (parameters: readonly Parameter[], lr: number) => optim.AnyOptimizer,
) {
  let best = { lr: RATES[0]!, loss: Number.POSITIVE_INFINITY };
  for (const lr of RATES) {
    const { finals } = await run(family, (parameters) => make(parameters, lr), TUNING);
    const loss = median(finals);
    if (loss < best.loss) best = { lr, loss };
  }
  return best.lr;
}

async function run({ tasks, steps }: Family, contender: Contender, seeds: readonly number[]): Promise<Result> {
  const runs = [];
  for (const seed of seeds) runs.push(await runTask(tasks.sample(new Generator(seed)), contender, steps));
  const curves = runs.map(({ losses, finalLoss }) => [...losses, finalLoss]);
  return {
    finals: runs.map(({ finalLoss }) => finalLoss),
    curve: curves[0]!.map((_, t) => median(curves.map((curve) => curve[t]!))),
  };
}

/** What learned optimizers are compared with, each with the best of 13 learning rates. */
export const CLASSICS = {
  SGD: (parameters: readonly Parameter[], lr: number) => new optim.SGD(parameters, { lr }),
  "SGD, momentum 0.9": (parameters: readonly Parameter[], lr: number) =>
    new optim.SGD(parameters, { lr, momentum: 0.9 }),
  Adam: (parameters: readonly Parameter[], lr: number) => new optim.Adam(parameters, { lr }),
} as const;

/** The value at a share of the way through the sorted numbers; NaN counts as the worst. */
export function quantile(xs: readonly number[], share: number): number {
  const sorted = xs.map((x) => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x)).sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}

export const median = (xs: readonly number[]): number => quantile(xs, 0.5);

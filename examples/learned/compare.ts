import { Generator, optim, type Parameter } from "descent";
import { runTask, type TaskDistribution } from "descent/learned";

/** Problems of one kind. */
export interface Family {
  readonly title: string;
  readonly tasks: TaskDistribution;
  /** Steps that a problem is optimized for. */
  readonly steps: number;
}

/** Something that optimizes parameters, made anew for every problem. */
export type Contender = (parameters: readonly Parameter[]) => optim.AnyOptimizer;

/** A contender whose learning rate is to be chosen. */
export type Tunable = (parameters: readonly Parameter[], lr: number) => optim.AnyOptimizer;

/** Problems as the seeds that they are drawn with. Training draws with seeds that are not negative, so that it sees none of these. */
export type Problems = readonly number[];
/** Problems that nothing is trained or tuned on. */
export const heldOut = (count = 20): Problems => Array.from({ length: count }, (_, i) => -1 - i);
/** Problems that learning rates are chosen on. */
export const forTuning = (count = 20): Problems => Array.from({ length: count }, (_, i) => -1001 - i);

/** 13 learning rates from 1e-4 to 1e2, two in a decade. */
export const RATES: readonly number[] = Array.from({ length: 13 }, (_, i) =>
  Number((10 ** (i / 2 - 4)).toPrecision(3)),
);

/** What learned optimizers are compared with. */
export const CLASSICS: Readonly<Record<string, Tunable>> = {
  SGD: (parameters, lr) => new optim.SGD(parameters, { lr }),
  "SGD, momentum 0.9": (parameters, lr) => new optim.SGD(parameters, { lr, momentum: 0.9 }),
  Adam: (parameters, lr) => new optim.Adam(parameters, { lr }),
};

/** How a contender did. */
export interface Result {
  /** The loss after the last step, problem by problem. */
  readonly finals: readonly number[];
  /** The median loss before each step, and after the last. */
  readonly curve: readonly number[];
}

/** Lets a contender optimize problems of a family. */
export async function compete({ tasks, steps }: Family, contender: Contender, problems: Problems): Promise<Result> {
  const runs = [];
  for (const seed of problems) runs.push(await runTask(tasks.sample(new Generator(seed)), contender, steps));
  const curves = runs.map(({ losses, finalLoss }) => [...losses, finalLoss]);
  return {
    finals: runs.map(({ finalLoss }) => finalLoss),
    curve: Array.from({ length: steps + 1 }, (_, t) => median(curves.map((curve) => curve[t]!))),
  };
}

/** The learning rate with the least median loss after the last step. `onRate` hears of every rate that was tried. */
export async function tuned(
  family: Family,
  make: Tunable,
  problems: Problems,
  onRate: (lr: number) => void = () => {},
): Promise<number> {
  let best = { lr: RATES[0]!, loss: Number.POSITIVE_INFINITY };
  for (const lr of RATES) {
    const { finals } = await compete(family, (parameters) => make(parameters, lr), problems);
    const loss = median(finals);
    if (loss < best.loss) best = { lr, loss };
    onRate(lr);
  }
  return best.lr;
}

/** The value at a share of the way through the sorted numbers; NaN counts as the worst. */
export function quantile(xs: readonly number[], share: number): number {
  const sorted = xs.map(orWorst).sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}

export const median = (xs: readonly number[]): number => quantile(xs, 0.5);

const orWorst = (loss: number): number => (Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss);

/** On how many problems a contender's last loss is less than another's. */
export const wins = (a: Result, b: Result): number => a.finals.filter((loss, i) => loss < orWorst(b.finals[i]!)).length;

/** A loss in three digits. */
export function shown(loss: number): string {
  if (!Number.isFinite(loss)) return "diverges";
  return loss >= 1e5 || loss < 1e-3 ? loss.toExponential(1) : String(Number(loss.toPrecision(3)));
}

import type { Schedulable } from "../base/any-optimizer.ts";
import { type Check, callable, checked } from "../checks.ts";
import { LRScheduler } from "./lr-scheduler.ts";
import type { PerGroup } from "./per-group.ts";
import { courseOf, type Schedule } from "./schedule.ts";

/** Gives a factor at an epoch. */
export type LrLambda = (epoch: number) => number;

/** Options of `LambdaLR` and `MultiplicativeLR`. */
export interface LambdaLROptions {
  /** One function for all parameter groups, or one for each. */
  readonly lrLambda: PerGroup<LrLambda>;
}

const lambdas: Check = {
  expected: "a function or a list of functions",
  test: (value) => [value].flat().every(callable.test),
};

/** @internal */
export const checkedLambdas = (op: string, options: LambdaLROptions): LambdaLROptions =>
  checked(op, options, { lrLambda: lambdas });

/** The initial rate times any factor. */
export const scaled =
  (factor: LrLambda): Schedule =>
  (t, base) =>
    base * factor(t);

/** Multiplies the initial learning rate by a function of the epoch. */
export class LambdaLR extends LRScheduler {
  constructor(optimizer: Schedulable, options: LambdaLROptions) {
    const course = courseOf<{ lrLambda: LrLambda }, "lrLambda">(
      checkedLambdas("LambdaLR", options),
      ({ lrLambda }) => scaled(lrLambda),
      ["lrLambda"],
    );
    super(optimizer, { ...course, isAbsolute: true });
  }
}

import { type Check, checked } from "./checks.ts";
import { type AnyOptimizer, type Schedule, ScheduleLR } from "./schedule.ts";

/** Gives the factor of the initial learning rate at an epoch. */
export type LrLambda = (epoch: number) => number;

/** Options of `LambdaLR`. */
export interface LambdaLROptions {
  /** One function for all parameter groups, or one for each. */
  readonly lrLambda: LrLambda | readonly LrLambda[];
}

const lambdas: Check = {
  expected: "a function or a list of functions",
  test: (value) => [value].flat().every((fn) => typeof fn === "function"),
};

/** The initial rate times any factor. */
export const scaled =
  (factor: LrLambda): Schedule =>
  (t, base) =>
    base * factor(t);

/** Multiplies the initial learning rate by a function of the epoch. */
export class LambdaLR extends ScheduleLR {
  constructor(optimizer: AnyOptimizer, options: LambdaLROptions) {
    const { lrLambda } = checked("LambdaLR", options, { lrLambda: lambdas });
    super(optimizer, typeof lrLambda === "function" ? scaled(lrLambda) : lrLambda.map(scaled));
  }
}

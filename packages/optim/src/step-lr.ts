import { checked, nonNegative, optional, positiveInteger } from "./checks.ts";
import { type AnyOptimizer, type Schedule, ScheduleLR } from "./schedule.ts";

/** Options of `StepLR`. */
export interface StepLROptions {
  /** Steps between two drops. */
  readonly stepSize: number;
  /** Factor of every drop. Default 0.1. */
  readonly gamma?: number;
}

/** Drops by the factor `gamma` every `stepSize` steps. */
export const stepDecay =
  ({ stepSize, gamma = 0.1 }: StepLROptions): Schedule =>
  (t, base) =>
    base * gamma ** Math.floor(t / stepSize);

/** Multiplies the learning rate by `gamma` every `stepSize` steps. */
export class StepLR extends ScheduleLR {
  constructor(optimizer: AnyOptimizer, options: StepLROptions) {
    super(
      optimizer,
      stepDecay(checked("StepLR", options, { stepSize: positiveInteger, gamma: optional(nonNegative) })),
    );
  }
}

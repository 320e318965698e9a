import { ArgumentError, enableGrad, type Parameter, Tensor } from "@descent/core";
import { shown } from "../checks.ts";
import type { StepHook } from "./step-hooks.ts";

/** Computes the loss anew. */
export type Closure = () => Tensor;

/** The loss of a closure. Throws where it returns anything else, a promise for example. */
export const lossOf = (op: string, closure: () => unknown, mode = enableGrad): Tensor =>
  mode(() => {
    const loss = closure();
    if (loss instanceof Tensor && loss.numel() === 1) return loss;
    throw new ArgumentError(op, `the closure returned ${shown(loss)}`, "return the loss, a tensor with one element");
  });

/** What schedulers read and write of a parameter group. */
export interface ScheduledGroup {
  /** The learning rate, where there is one. */
  lr?: number;
  /** The learning rate before any schedule. */
  initialLr?: number;
  momentum?: number;
  betas?: readonly number[];
}

/** What schedulers need to know of an optimizer. */
export interface Schedulable {
  readonly paramGroups: readonly ScheduledGroup[];
}

/** A parameter group of any optimizer. */
export interface AnyParamGroup extends ScheduledGroup {
  readonly params: readonly Parameter[];
}

/** Any optimizer, and any wrapper of one: the type of lists and functions that are for all of them. */
export interface AnyOptimizer {
  readonly paramGroups: readonly AnyParamGroup[];
  /** Some need the closure: LBFGS, SLS, SAM. */
  step(closure?: Closure): Tensor | undefined;
  stepAsync(closure?: Closure): Promise<Tensor | undefined>;
  zeroGrad(): void;
  train(): void;
  eval(): void;
  addParamGroup(group: { readonly params: Parameter | Iterable<Parameter> }): void;
  registerStepPreHook(hook: StepHook<AnyOptimizer>): () => void;
  registerStepPostHook(hook: StepHook<AnyOptimizer>): () => void;
  stateDict(): object;
  loadStateDict(dict: object): void;
}

/** Throws where something else stands in the place of an optimizer. */
export function rejectNoOptimizer(op: string, value: Schedulable | undefined): void {
  if (!Array.isArray(value?.paramGroups))
    throw new ArgumentError(op, `expected an optimizer, got ${shown(value)}`, "pass one, such as new SGD(…)");
}

/** A group with a learning rate. */
export type RatedGroup = ScheduledGroup & { lr: number };

/** Throws where a group has no learning rate. */
export function rejectNoRates(op: string, groups: readonly ScheduledGroup[]): asserts groups is readonly RatedGroup[] {
  for (const [i, { lr }] of groups.entries())
    if (typeof lr !== "number")
      throw new ArgumentError(
        op,
        `paramGroups[${i}].lr is ${shown(lr)}, expected a number`,
        "an optimizer without learning rate, such as COCOB, needs no scheduler; others have lr in their groups",
      );
}

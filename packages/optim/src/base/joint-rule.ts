import type { Tensor } from "@descent/core";
import type { RuleBase, State } from "./rule.ts";

/** A parameter as a joint rule sees it. */
export interface Member<H extends object, S> {
  /** Its value before the step. */
  readonly p: Tensor;
  /** Its gradient; zeros where there is none, or where the rule asks for evaluations. */
  readonly g: Tensor;
  readonly state: S;
  readonly hyper: H;
  /** The number of the step: 1, 2, … */
  readonly t: number;
}

/** Asks for the loss, and for its gradients, with other values in the place of the parameters'. */
export interface Evaluate {
  readonly values: readonly Tensor[];
  readonly gradients: boolean;
}
/** What an evaluation gives; gradients are zeros where there are none, and left out where nobody asked for them. */
export interface Evaluation {
  readonly loss: number;
  readonly gradients: readonly Tensor[];
}

/** Lets everything go that the step has made so far, but some tensors. */
export interface Forget {
  readonly survivors: readonly Tensor[];
}

/** A computation that stops where it needs to know numbers, which some devices only give later. */
export type Steps<T> = Generator<Evaluate | Forget | readonly Tensor[], T, Evaluation | readonly number[]>;

/** The elements of scalars. */
export function* numbers(...scalars: Tensor[]): Steps<readonly number[]> {
  return (yield scalars) as readonly number[];
}

/** The loss with `values` in the place of the parameters'. */
export function* lossAt(values: readonly Tensor[]): Steps<number> {
  return ((yield { values, gradients: false }) as Evaluation).loss;
}

/** The loss and its gradients with `values` in the place of the parameters'. */
export function* gradientsAt(values: readonly Tensor[]): Steps<Evaluation> {
  return (yield { values, gradients: true }) as Evaluation;
}

/** Frees what the step has made so far, but some tensors: for steps that go around many times. */
export function* forgetAllBut(survivors: readonly Tensor[]): Steps<void> {
  yield { survivors };
}

/** What a joint rule has come to, member by member; a state that is left out is as before. */
export interface Outcome<S, C> {
  readonly values: readonly Tensor[];
  readonly states?: readonly S[];
  readonly shared: C;
}

/**
 * The mathematics of an optimizer that sees all parameters at once: pure, too. What it wants to know on the way (the loss elsewhere, the
 * value of a sum) it asks for, and gets from whoever drives it, at once or later.
 */
export interface JointRule<H extends object, S extends State<S>, C extends State<C>> extends RuleBase<H, S> {
  /**
   * What the closure that every step needs has to do: call `backward()` itself, or return the loss only, which is then evaluated with the
   * same randomness every time. Without it, a closure is as optional as elsewhere, and the rule asks for no evaluations.
   */
  readonly closure?: "backward" | "loss";
  /** Whether all parameters have the same options. */
  readonly oneGroup?: true;
  /** Whether parameters with these options take no part in steps. */
  readonly still?: (hyper: H) => boolean;
  /** What parameters share before the first step. */
  readonly begin: (hyper: H) => C;
  /** What is wrong with something saved that parameters are to share, in a sentence about it, or `null`. */
  readonly fits?: (shared: C, parameters: readonly Tensor[]) => string | null;
  /** One step of the members: of those with a gradient, or where the rule asks for evaluations, of all. */
  readonly step: (members: readonly Member<H, S>[], shared: C) => Steps<Outcome<S, C>>;
}

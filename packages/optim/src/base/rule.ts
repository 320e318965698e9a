import { detach, Tensor } from "@descent/core";
import type { Checks } from "../checks.ts";
import type { Elements, Elementwise } from "./elements.ts";

/** What state may be made of; `null` stands for "none yet". */
export type StateValue = Tensor | number | null | readonly Tensor[] | readonly number[];

/** The state of a parameter, or what all parameters share. Tensors have names that PyTorch gives them, in camelCase. */
export type State<S> = { readonly [K in keyof S]: StateValue };

/** What all rules have: the options of an optimizer, and what it remembers of a parameter. */
export interface RuleBase<H extends object, S extends State<S>> {
  /** The name of the optimizer, for messages. */
  readonly name: string;
  /** The options and what they are where nobody says otherwise. */
  readonly defaults: H;
  readonly checks: Checks<H>;
  /** What is wrong with options that are right on their own, or `null`. */
  readonly conflict?: (hyper: H) => string | null;
  /** What is wrong with a parameter (its shape, say), or `null`. */
  readonly accepts?: (p: Tensor) => string | null;
  /** The state before the first step. A saved state needs the same names, but those that are `null` here. */
  readonly init: (p: Tensor, hyper: H) => S;
  /** Where the weights to train with are not those to use: how to get from one to the other. */
  readonly modes?: Modes<H, S>;
}

/** The weights to use, from those to train with, and back. */
export interface Modes<H, S> {
  readonly evaluation: (p: Tensor, state: S, hyper: H) => Tensor;
  readonly training: (p: Tensor, state: S, hyper: H) => Tensor;
}

/**
 * The mathematics of an optimizer, for one parameter: pure, so that it can be read beside its paper.
 *
 * It may return tensors it was given. The Optimizer around it keeps what it returns and frees what it made on the way.
 */
export interface Rule<H extends object, S extends State<S>> extends RuleBase<H, S> {
  /** The value after step `t` (1, 2, …) along the gradient `g`. */
  readonly update: (p: Tensor, g: Tensor, state: S, hyper: H, t: number) => { readonly p: Tensor; readonly state: S };
}

/** A rule in which every element goes its own way: it is compiled into one kernel where the backend can. */
export interface PointwiseRule<H extends object, S extends State<S>> extends RuleBase<H, S> {
  readonly pointwise: true;
  readonly update: (
    p: Elements,
    g: Elements,
    state: Elementwise<S>,
    hyper: H,
    t: number,
  ) => { readonly p: Elements; readonly state: Elementwise<S> };
}

/** A state with every tensor replaced. */
export function mapTensors<S extends State<S>>(state: S, fn: (x: Tensor) => Tensor): S {
  const mapped: Record<string, StateValue> = { ...state };
  for (const name of Object.keys(mapped)) {
    const x = mapped[name]!;
    if (x instanceof Tensor) mapped[name] = fn(x);
    else if (isTensors(x)) mapped[name] = x.map(fn);
  }
  return mapped as S;
}

/** Value and state after a change, with the state's tensors an optimizer's own: aliases, but for a state that is as `before`. */
export function owned<S extends State<S>>(
  { p, state }: { readonly p: Tensor; readonly state: S },
  before: S | undefined,
): { readonly p: Tensor; readonly state: S } {
  return { p, state: state === before ? state : mapTensors(state, detach) };
}

/** The tensors of a state. */
export function tensorsOf<S extends State<S>>(state: S): Tensor[] {
  const tensors: Tensor[] = [];
  for (const x of Object.values<StateValue>(state))
    if (x instanceof Tensor) tensors.push(x);
    else if (isTensors(x)) tensors.push(...x);
  return tensors;
}

/** Whether a value is a list of tensors. */
const isTensors = (x: unknown): x is readonly Tensor[] => Array.isArray(x) && x[0] instanceof Tensor;

/** The gradient that is descended along: against `g` to maximize, and with that of the penalty `½ weightDecay ‖p‖²`. */
export function penalized<X extends Elements>(
  p: X,
  g: X,
  { maximize = false, weightDecay }: { readonly maximize?: boolean; readonly weightDecay: number },
): X {
  const downhill = maximize ? g.neg() : g;
  return (weightDecay === 0 ? downhill : downhill.add(p.mul(weightDecay))) as X;
}

/** The weights after a decay of their own, which no gradient sees: `p (1 − rate)`. */
export const decayed = <X extends Elements>(p: X, rate: number): X => (rate === 0 ? p : p.mul(1 - rate)) as X;

/** Weights and gradient with a decay: of the weights themselves where it is decoupled, or of the gradient, as a penalty. */
export function regularized<X extends Elements>(
  p: X,
  g: X,
  hyper: {
    readonly lr: number;
    readonly weightDecay: number;
    readonly decoupledWeightDecay: boolean;
    readonly maximize: boolean;
  },
): readonly [w: X, g: X] {
  const { lr, weightDecay, decoupledWeightDecay, maximize } = hyper;
  if (!decoupledWeightDecay) return [p, penalized(p, g, hyper)];
  return [decayed(p, lr * weightDecay), penalized(p, g, { weightDecay: 0, maximize })];
}

/** A moving average after `x`: `b average + (1 − b) x`. */
export const averaged = <X extends Elements>(average: X, x: X, b: number): X => average.mul(b).add(x.mul(1 - b)) as X;

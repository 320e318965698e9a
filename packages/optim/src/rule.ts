import { Tensor } from "@descent/core";
import type { Checks } from "./checks.ts";

/** What a parameter's state is made of; `null` stands for "none yet". Tensors have names that PyTorch gives them, in camelCase. */
export type State<S> = { readonly [K in keyof S]: Tensor | number | null };

/**
 * The mathematics of an optimizer, for one parameter: pure, so that it can be read beside its paper.
 *
 * It may return tensors it was given. The Optimizer around it keeps what it returns and frees what it made on the way.
 */
export interface Rule<H extends object, S extends State<S>> {
  /** The name of the optimizer, for messages. */
  readonly name: string;
  /** The options and what they are where nobody says otherwise. */
  readonly defaults: H;
  readonly checks: Checks<H>;
  /** What is wrong with options that are right on their own, or `null`. */
  readonly conflict?: (hyper: H) => string | null;
  /** The state before the first step. A saved state needs the same names, but those that are `null` here. */
  readonly init: (p: Tensor, hyper: H) => S;
  /** The value after step `t` (1, 2, …) along the gradient `g`. */
  readonly update: (p: Tensor, g: Tensor, state: S, hyper: H, t: number) => { readonly p: Tensor; readonly state: S };
}

/** A state with every tensor replaced. */
export function mapTensors<S extends State<S>>(state: S, fn: (x: Tensor) => Tensor): S {
  const mapped: Record<string, Tensor | number | null> = { ...state };
  for (const name of Object.keys(mapped)) {
    const x = mapped[name]!;
    if (x instanceof Tensor) mapped[name] = fn(x);
  }
  return mapped as S;
}

/** The tensors of a state. */
export const tensorsOf = <S extends State<S>>(state: S): Tensor[] =>
  Object.values(state).filter((x) => x instanceof Tensor);

/** The gradient that is descended along: against `g` to maximize, and with that of the penalty `½ weightDecay ‖p‖²`. */
export function penalized(
  p: Tensor,
  g: Tensor,
  { maximize, weightDecay }: { readonly maximize: boolean; readonly weightDecay: number },
): Tensor {
  const downhill = maximize ? g.neg() : g;
  return weightDecay === 0 ? downhill : downhill.add(p.mul(weightDecay));
}

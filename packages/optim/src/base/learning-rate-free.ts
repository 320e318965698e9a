import { ArgumentError, type Tensor } from "@descent/core";
import { atLeastOne, nonNegative, positive } from "../checks.ts";
import { type Member, numbers, type Outcome, type Steps } from "./joint-rule.ts";
import { Optimizer } from "./optimizer.ts";
import type { State } from "./rule.ts";

/** Options of methods that estimate how far the solution is, and take steps in its proportion. */
export interface DistanceHyper {
  /** Multiplies the estimate, for a schedule to change. Groups have the same one, or 0, which holds them still. Default 1. */
  readonly lr: number;
  /** The first estimate, which should be too small. Default 1e-6. */
  readonly d0: number;
  /** By how much the estimate may grow in a step. Default Infinity. */
  readonly growthRate: number;
}

/** @internal */
export const DISTANCE_DEFAULTS: DistanceHyper = { lr: 1, d0: 1e-6, growthRate: Number.POSITIVE_INFINITY };
/** @internal */
export const DISTANCE_CHECKS = { lr: nonNegative, d0: positive, growthRate: atLeastOne };

/** An optimizer without a learning rate to tune. It reads a few sums in every step. */
export class DistanceOptimizer<
  H extends { readonly d0: number },
  S extends State<S>,
  C extends State<C> & { readonly d: number },
> extends Optimizer<H, S, C> {
  /** The estimate of the distance between the weights that training began with and the solution. */
  get d(): number {
    return this.shared?.d ?? this.paramGroups[0]!.d0;
  }
}

/** @internal Groups with a learning rate of 0 take no part in steps. */
export const isStill = ({ lr }: { readonly lr: number }): boolean => lr === 0;

/** @internal The learning rate that all members have. */
export function commonLr<H extends { readonly lr: number }, S>(name: string, members: readonly Member<H, S>[]): number {
  const { lr } = members[0]!.hyper;
  const other = members.find(({ hyper }) => hyper.lr !== lr);
  if (other === undefined) return lr;
  throw new ArgumentError(
    `${name}.step`,
    `parameter groups have learning rates ${lr} and ${other.hyper.lr}`,
    "give all the same one, or 0 to hold a group still",
  );
}

/** @internal What makes the steps of averages that began at zero as long as Adam's, in step `t`. */
export const biasCorrection = ([b1, b2]: readonly [number, number], t: number): number =>
  Math.sqrt(1 - b2 ** t) / (1 - b1 ** t);

/** @internal What a step comes to that changes states alone. */
export const unmoved = <S, C>(
  members: readonly Member<object, S>[],
  states: readonly S[],
  shared: C,
): Outcome<S, C> => ({ values: members.map(({ p }) => p), states, shared });

/** @internal The sums of columns of scalars, in double precision. */
export function* totals<const K extends string>(
  names: readonly K[],
  rows: readonly Readonly<Record<K, Tensor>>[],
): Steps<Record<K, number>> {
  const values = yield* numbers(...rows.flatMap((row) => names.map((name) => row[name])));
  const sums = names.map((_, k) => values.reduce((sum, x, i) => (i % names.length === k ? sum + x : sum), 0));
  return Object.fromEntries(names.map((name, k) => [name, sums[k]])) as Record<K, number>;
}

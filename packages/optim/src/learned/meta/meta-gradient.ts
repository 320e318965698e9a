import {
  add,
  detach,
  enableGrad,
  type Generator,
  mul,
  noGrad,
  randn,
  sub,
  type Tensor,
  zerosLike,
} from "@descent/core";
import { positive, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { Weights } from "../base/learned-rule.ts";
import { gradientsOf, leaf } from "./unroll.ts";

/** A window of inner steps that was run with certain weights: its meta-loss, and where it ended. */
export interface Run<E> {
  readonly loss: Tensor;
  readonly end: E;
}

/** An estimate of the gradient of a window's meta-loss. */
export interface Estimate<E> extends Run<E> {
  /** By the names of the weights. */
  readonly gradients: Readonly<Record<string, Tensor>>;
}

/** A way to estimate gradients of meta-losses. `run` may be called with other weights, as often as it takes. */
export type MetaGradient = <E>(
  run: (weights: Weights) => Run<E>,
  weights: Weights,
  generator: Generator,
) => Estimate<E>;

/** Back-propagation through the unrolled steps: the exact gradient of the window. */
export const backpropagation: MetaGradient = (run, weights) => {
  const names = Object.keys(weights);
  const leaves = names.map((name) => leaf(weights[name]!));
  const { loss, end } = enableGrad(() => run(named(names, leaves)));
  const gradients = gradientsOf(loss, leaves);
  return { loss: detach(loss), end, gradients: named(names, gradients) };
};

/** Options of `evolutionStrategies`. */
export interface EvolutionStrategiesOptions {
  /** The standard deviation of perturbations. Default 0.01. */
  readonly sigma?: number;
  /** Pairs of opposite perturbations in an estimate. Default 1. */
  readonly pairs?: number;
}

/**
 * Antithetic evolution strategies (Salimans et al. 2017): `Σ (L(θ + σε) − L(θ − σε)) ε / 2σP` over P pairs, the gradient of the meta-loss
 * smoothed by a Gaussian. Takes `2P + 1` windows and no tape, and does not explode where back-propagation through chaotic steps does.
 */
export function evolutionStrategies(options: EvolutionStrategiesOptions = {}): MetaGradient {
  const checks = { sigma: positive, pairs: positiveInteger };
  const { sigma, pairs } = settled("evolutionStrategies", options, { sigma: 0.01, pairs: 1 }, checks);
  return (run, weights, generator) =>
    noGrad(() => {
      const names = Object.keys(weights);
      const means = names.map((name) => weights[name]!);
      const { loss, end } = run(weights);
      let gradients = means.map((w) => zerosLike(w));
      for (let k = 0; k < pairs; k++) {
        const noise = means.map(({ shape, dtype, backend }) => randn(shape, { dtype, backend, generator }));
        const lossAt = (sign: 1 | -1): Tensor =>
          run(
            named(
              names,
              means.map((w, i) => add(w, mul(noise[i]!, sign * sigma))),
            ),
          ).loss;
        const slope = mul(sub(lossAt(1), lossAt(-1)), 1 / (2 * sigma * pairs));
        gradients = gradients.map((g, i) => add(g, mul(noise[i]!, slope)));
      }
      return { loss, end, gradients: named(names, gradients) };
    });
}

const named = (names: readonly string[], tensors: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));

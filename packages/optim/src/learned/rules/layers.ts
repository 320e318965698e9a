import {
  add,
  cat,
  full,
  linear,
  matmul,
  mul,
  type RandomOptions,
  sigmoid,
  split,
  sub,
  type Tensor,
  tanh,
  uniform,
  zeros,
} from "@descent/core";
import type { Weights } from "../base/learned-rule.ts";

// Layers as functions of weights. Their names are PyTorch's, so that files of weights can be read there.

/** Weights of `y = x Wᵀ + b`, drawn as PyTorch draws them; the bias is zero. */
export function linearWeights(name: string, inputs: number, outputs: number, options: RandomOptions = {}): Weights {
  const bound = 1 / Math.sqrt(inputs);
  return {
    [`${name}.weight`]: uniform(-bound, bound, [outputs, inputs], options),
    [`${name}.bias`]: zeros([outputs], options),
  };
}

/** `x Wᵀ + b` over the last axis: `[N, in] → [N, out]`. */
export const applyLinear = (weights: Weights, name: string, x: Tensor): Tensor =>
  linear(x, weights[`${name}.weight`]!, weights[`${name}.bias`]!);

/** Weights of an LSTM cell, drawn as PyTorch draws them. */
export function lstmWeights(name: string, inputs: number, units: number, options: RandomOptions = {}): Weights {
  const bound = 1 / Math.sqrt(units);
  return {
    [`${name}.weight_ih`]: uniform(-bound, bound, [4 * units, inputs], options),
    [`${name}.weight_hh`]: uniform(-bound, bound, [4 * units, units], options),
    [`${name}.bias`]: uniform(-bound, bound, [4 * units], options),
  };
}

/** One step of an LSTM cell (Hochreiter & Schmidhuber 1997), its gates in PyTorch's order i, f, g, o: `[N, in]` and two `[N, units]`. */
export function lstmCell(weights: Weights, name: string, x: Tensor, h: Tensor, c: Tensor): { h: Tensor; c: Tensor } {
  const gates = add(
    linear(x, weights[`${name}.weight_ih`]!, weights[`${name}.bias`]!),
    matmul(h, weights[`${name}.weight_hh`]!, false, true),
  );
  const [i, f, g, o] = split(gates, h.shape[1]!, 1) as [Tensor, Tensor, Tensor, Tensor];
  const cell = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
  return { h: mul(sigmoid(o), tanh(cell)), c: cell };
}

/** Weights of a GRU cell: gates as PyTorch draws them, their biases at 2.2, so that the cell remembers at first. */
export function gruWeights(name: string, inputs: number, units: number, options: RandomOptions = {}): Weights {
  const bound = 1 / Math.sqrt(units);
  const gates = full([2 * units], GATE_BIAS, options);
  return {
    [`${name}.weight_ih`]: uniform(-bound, bound, [3 * units, inputs], options),
    [`${name}.weight_hh`]: uniform(-bound, bound, [3 * units, units], options),
    [`${name}.bias`]: cat([gates, zeros([units], options)]),
  };
}
const GATE_BIAS = 2.2;

/**
 * One step of a GRU cell (Cho et al. 2014): `[N, in]`, `[N, units]` and a bias from elsewhere, `[1, 3 units]`. The gates are r, z, n in
 * PyTorch's order; r acts on the state before the product, and not after it as in PyTorch.
 */
export function gruCell(weights: Weights, name: string, x: Tensor, h: Tensor, bias: Tensor | null): Tensor {
  const units = h.shape[1]!;
  const [gates, candidate] = split(weights[`${name}.weight_hh`]!, [2 * units, units]) as [Tensor, Tensor];
  const fed = linear(x, weights[`${name}.weight_ih`]!, weights[`${name}.bias`]!);
  const [rz, n] = split(bias === null ? fed : add(fed, bias), [2 * units, units], 1) as [Tensor, Tensor];
  const [r, z] = split(sigmoid(add(rz, matmul(h, gates, false, true))), units, 1) as [Tensor, Tensor];
  const next = tanh(add(n, matmul(mul(r, h), candidate, false, true)));
  return add(next, mul(z, sub(h, next)));
}

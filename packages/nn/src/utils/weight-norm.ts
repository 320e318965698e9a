import { normalizeAxis, type Tensor } from "@descent/core";
import { Module } from "../base.ts";
import { withDefaults } from "../options.ts";
import { type Parametrization, registerParametrization, remover } from "./parametrize.ts";

/** `w = g·v/‖v‖` of a length `g` and a direction `v`. */
class WeightNorm extends Module implements Parametrization {
  readonly #dim: number | null;

  constructor(dim: number | null) {
    super();
    this.#dim = dim;
  }

  forward(g: Tensor, v: Tensor): Tensor {
    return v.mul(g.div(this.#norm(v)));
  }

  rightInverse(weight: Tensor): readonly Tensor[] {
    return [this.#norm(weight), weight];
  }

  /** The norm over all axes but one. */
  #norm(v: Tensor): Tensor {
    if (this.#dim === null) return v.norm();
    const kept = normalizeAxis("weightNorm", this.#dim, v.ndim);
    return v.ndim === 1 ? v.abs() : v.norm(2, [...v.shape.keys()].toSpliced(kept, 1), { keepdim: true });
  }
}

/** Options of `weightNorm`. */
export interface WeightNormOptions {
  /** The field that holds the weight. Default `"weight"`. */
  readonly name?: string;
  /** The axis along which each slice has a length of its own; `null` for one length of the whole weight. Default 0. */
  readonly dim?: number | null;
}

/**
 * Separates length and direction of a weight (Salimans & Kingma 2016): `w = g·v/‖v‖`. The parameters are `parametrizations.weight.original0`,
 * which is `g`, and `original1`, which is `v`. Returns the module.
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  const { name, dim } = withDefaults<WeightNormOptions>("weightNorm", options, { name: "weight", dim: 0 });
  return registerParametrization(module, name as keyof M & string, new WeightNorm(dim));
}

/** Makes a weight with `weightNorm` an ordinary parameter of the same value. */
export const removeWeightNorm = remover("removeWeightNorm");

import { ArgumentError, type Buffer, movedim, noGrad, normalizeAxis, randn, scope, Tensor } from "@descent/core";
import { Module } from "../base.ts";
import { ConvTranspose } from "../conv-transpose.ts";
import { normalize } from "../distance.ts";
import { checkSizes, withDefaults } from "../options.ts";
import { buffer } from "../variables.ts";
import { type Parametrization, registerParametrization, remover } from "./parametrize.ts";

/** Options of `spectralNorm`. */
export interface SpectralNormOptions {
  /** The field that holds the weight. Default `"weight"`. */
  readonly name?: string;
  /** How often the power method goes back and forth in each call of the module in training. Default 1. */
  readonly nPowerIterations?: number;
  /** The least norm that is divided by. Default 1e-12. */
  readonly eps?: number;
  /** The axis of the outputs, along which the matrix has its rows. Default `null`: 1 of transposed convolutions, else 0. */
  readonly dim?: number | null;
}

/** `W / σ(W)` with the largest singular value `σ`, which the power method finds. */
class SpectralNorm extends Module implements Parametrization {
  /** The singular vectors of `σ`, under PyTorch's names; a vector needs none. */
  readonly _u: Buffer | null;
  readonly _v: Buffer | null;
  readonly #owner: Module;
  readonly #options: Required<SpectralNormOptions>;
  readonly #dim: number;

  constructor(owner: Module, weight: Tensor, options: Required<SpectralNormOptions>) {
    super();
    this.#owner = owner;
    this.#options = options;
    this.#dim = normalizeAxis("spectralNorm", options.dim ?? Number(owner instanceof ConvTranspose), weight.ndim);
    const { dtype, backend } = weight;
    const start = (length: number): Buffer =>
      buffer(() => normalize(randn([length], { dtype, backend }), { dim: 0, eps: options.eps }));
    [this._u, this._v] = weight.ndim === 1 ? [null, null] : (this.#matrix(weight).shape.map(start) as [Buffer, Buffer]);
    scope(() => this.#iterate(weight, 15));
  }

  forward(weight: Tensor): Tensor {
    const { eps, nPowerIterations } = this.#options;
    if (this._u === null || this._v === null) return normalize(weight, { dim: 0, eps });
    // Only a call of the module changes anything, and no look at its weight.
    if (this.training && this.#owner.isRunning) scope(() => this.#iterate(weight, nPowerIterations));
    return scope(() => weight.div(this.#matrix(weight).matmul(this._v!.detach()).mul(this._u!.detach()).sum()));
  }

  #matrix(weight: Tensor): Tensor {
    return movedim(weight, this.#dim, 0).flatten(1);
  }

  #iterate(weight: Tensor, times: number): void {
    const [u, v] = [this._u, this._v];
    if (u === null || v === null) return;
    const unit = { dim: 0, eps: this.#options.eps };
    noGrad(() => {
      const matrix = this.#matrix(weight.detach());
      for (let i = 0; i < times; i++) {
        u.assign(normalize(matrix.matmul(v), unit));
        v.assign(normalize(u.matmul(matrix), unit));
      }
    });
  }
}

/**
 * Divides a weight by its largest singular value (Miyato et al. 2018). The parameter is `parametrizations.weight.original`; the singular
 * vectors are buffers that each call of the module in training makes better, and that no look at the weight changes. Returns the
 * module.
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  const op = "spectralNorm";
  const all = withDefaults<SpectralNormOptions>(op, options, {
    name: "weight",
    nPowerIterations: 1,
    eps: 1e-12,
    dim: null,
  });
  checkSizes(op, { nPowerIterations: all.nPowerIterations });
  const name = all.name as keyof M & string;
  const weight = module[name];
  if (!(weight instanceof Tensor))
    throw new ArgumentError(op, `${module.constructor.name} has no parameter or buffer "${name}"`);
  return registerParametrization(module, name, new SpectralNorm(module, weight, all));
}

/** Makes a weight with `spectralNorm` an ordinary parameter of the same value. */
export const removeSpectralNorm = remover("removeSpectralNorm");

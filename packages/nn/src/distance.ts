import { broadcastShapes, scope, type Tensor, where } from "@descent/core";
import { Module } from "./base.ts";
import { withDefaults } from "./options.ts";

type Dim = number | readonly number[];

/** `y` where the total `y` is made of is not zero, without what a root's slope at 0 would make of the gradient: that is 0, as in PyTorch. */
const root = (total: Tensor, of: (total: Tensor) => Tensor): Tensor => {
  const isZero = total.eq(0);
  return where(isZero, 0, of(where(isZero, 1, total)));
};

/** `(Σ |x|ᵖ)^(1/p)` over `dim`, which stays as size 1. The gradient at 0 is 0. */
export function vectorNorm(x: Tensor, p: number, dim: Dim): Tensor {
  const keepdim = { keepdim: true };
  if (p === 2) return root(x.square().sum(dim, keepdim), (total) => total.sqrt());
  const size = x.abs();
  if (p === 1) return size.sum(dim, keepdim);
  if (p === 0) return x.ne(0).sum(dim, keepdim).to(x.dtype);
  if (Math.abs(p) === Number.POSITIVE_INFINITY) return p > 0 ? size.amax(dim, keepdim) : size.amin(dim, keepdim);
  const powers = where(x.eq(0), p > 0 ? 0 : Number.POSITIVE_INFINITY, where(x.eq(0), 1, size).pow(p));
  return root(powers.sum(dim, keepdim), (total) => total.pow(1 / p));
}

/** Options of `normalize`. */
export interface NormalizeOptions {
  /** The exponent of the norm. Default 2. */
  readonly p?: number;
  /** The axes over which the norm is taken. Default 1. */
  readonly dim?: Dim;
  /** The least norm that is divided by. Default 1e-12. */
  readonly eps?: number;
}

/** `x / max(‖x‖ₚ, eps)`: vectors along `dim` of norm 1. */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const { p, dim, eps } = withDefaults("normalize", options, { p: 2, dim: 1, eps: 1e-12 });
  return scope(() => x.div(vectorNorm(x, p, dim).clamp(eps)));
}

/** Options of `cosineSimilarity`. */
export interface CosineSimilarityOptions {
  /** The axis along which the vectors lie. Default 1. */
  readonly dim?: number;
  /** The least norm that is divided by. Default 1e-8. */
  readonly eps?: number;
}

const COSINE = { dim: 1, eps: 1e-8 };

/** The cosine of the angle between vectors along `dim`, of two tensors that broadcast. */
export function cosineSimilarity(x: Tensor, y: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  const { dim, eps } = withDefaults("cosineSimilarity", options, COSINE);
  return scope(() => {
    // Stretched first: the axis is one of the result.
    const shape = broadcastShapes("cosineSimilarity", x.shape, y.shape);
    return unit(x.expand(shape), dim, eps)
      .mul(unit(y.expand(shape), dim, eps))
      .sum(dim);
  });
}

/** A vector over its norm, which counts as `eps` below that; the gradient passes through the bound, as in PyTorch. */
function unit(x: Tensor, dim: number, eps: number): Tensor {
  const norm = vectorNorm(x, 2, dim);
  return x.div(where(norm.lt(eps), norm.sub(norm.detach()).add(eps), norm));
}

/** The cosine of the angle between vectors along `dim`, of two tensors that broadcast. */
export class CosineSimilarity extends Module {
  readonly #options: Required<CosineSimilarityOptions>;

  constructor(options: CosineSimilarityOptions = {}) {
    super();
    this.#options = withDefaults("CosineSimilarity", options, COSINE);
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return cosineSimilarity(x, y, this.#options);
  }
}

/** Options of `pairwiseDistance`. */
export interface PairwiseDistanceOptions {
  /** The exponent of the norm. Default 2. */
  readonly p?: number;
  /** What is added to the difference, so that the distance of equal vectors has a gradient. Default 1e-6. */
  readonly eps?: number;
  /** Whether the last axis stays as size 1. Default false. */
  readonly keepdim?: boolean;
}

const PAIRWISE = { p: 2, eps: 1e-6, keepdim: false };

/** `‖x − y + eps‖ₚ` along the last axis, of two tensors that broadcast. */
export function pairwiseDistance(x: Tensor, y: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  const { p, eps, keepdim } = withDefaults("pairwiseDistance", options, PAIRWISE);
  return scope(() => {
    const distance = vectorNorm(x.sub(y).add(eps), p, -1);
    return keepdim ? distance : distance.squeeze(-1);
  });
}

/** `‖x − y + eps‖ₚ` along the last axis, of two tensors that broadcast. */
export class PairwiseDistance extends Module {
  readonly #options: Required<PairwiseDistanceOptions>;

  constructor(options: PairwiseDistanceOptions = {}) {
    super();
    this.#options = withDefaults("PairwiseDistance", options, PAIRWISE);
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return pairwiseDistance(x, y, this.#options);
  }
}

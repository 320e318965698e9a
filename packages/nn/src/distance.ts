import { broadcastShapes, scope, type Tensor, where } from "@descent/core";
import { Module } from "./base.ts";
import { withDefaults } from "./options.ts";

type Dim = number | readonly number[];

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
  return scope(() => x.div(x.norm(p, dim, { keepdim: true }).clamp(eps)));
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
  const norm = x.norm(2, dim, { keepdim: true });
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
  return scope(() => x.sub(y).add(eps).norm(p, -1, { keepdim }));
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

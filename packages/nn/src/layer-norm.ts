import {
  ArgumentError,
  layerNorm as layerNormOp,
  type Parameter,
  rmsNorm as rmsNormOp,
  type Shape,
  type Tensor,
} from "@descent/core";
import { Module } from "./base.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { keywords, python } from "./repr.ts";
import { affineOf, checkEps } from "./running-norm.ts";

/** Options of `layerNorm`. */
export interface FunctionalLayerNormOptions {
  /** What the normalised elements are multiplied by, of the normalised shape. Default `null`: nothing. */
  readonly weight?: Tensor | null;
  /** What is added to them. Default `null`: nothing. */
  readonly bias?: Tensor | null;
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
}

/** Layer normalisation over the last axes, which have the shape `normalizedShape` (Ba et al. 2016). */
export function layerNorm(x: Tensor, normalizedShape: Shape, options: FunctionalLayerNormOptions = {}): Tensor {
  const { weight, bias, eps } = withDefaults("layerNorm", options, { weight: null, bias: null, eps: 1e-5 });
  return layerNormOp(x, normalizedShape, weight, bias, eps);
}

/** Options of `LayerNorm`. */
export interface LayerNormOptions {
  /** What is added to variances. Default 1e-5. */
  readonly eps?: number;
  /** Whether there is a weight, which starts as ones. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a bias too, which starts as zeros. Default true. */
  readonly bias?: boolean;
}

/** Normalises over the last axes, which have the shape `normalizedShape`, then scales and shifts each element (Ba et al. 2016). */
export class LayerNorm extends Module {
  /** @internal */
  static override readonly discreet: unknown = LayerNorm;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly #shape: Shape;
  readonly #eps: number;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    super();
    const { eps, elementwiseAffine, bias } = withDefaults("LayerNorm", options, {
      eps: 1e-5,
      elementwiseAffine: true,
      bias: true,
    });
    const shape = normalizedShapeOf("LayerNorm", normalizedShape);
    checkEps("LayerNorm", eps);
    ({ weight: this.weight, bias: this.bias } = affineOf(shape, elementwiseAffine, bias));
    this.#shape = shape;
    this.#eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.#shape, { weight: this.weight, bias: this.bias, eps: this.#eps });
  }

  protected override extraRepr(): string {
    const affine = { elementwiseAffine: this.weight !== null, bias: this.bias !== null };
    return `${python(this.#shape)}, ${keywords({ eps: this.#eps, ...affine })}`;
  }
}

/** Options of `rmsNorm`. */
export interface FunctionalRMSNormOptions {
  /** What the normalised elements are multiplied by, of the normalised shape. Default `null`: nothing. */
  readonly weight?: Tensor | null;
  /** What is added to the mean square. Default `null`: the distance from 1 to the next number of the dtype. */
  readonly eps?: number | null;
}

/** Divides by the root mean square over the last axes, which have the shape `normalizedShape` (Zhang & Sennrich 2019). */
export function rmsNorm(x: Tensor, normalizedShape: Shape, options: FunctionalRMSNormOptions = {}): Tensor {
  const { weight, eps } = withDefaults("rmsNorm", options, { weight: null, eps: null });
  return rmsNormOp(x, normalizedShape, weight, eps);
}

/** Options of `RMSNorm`. */
export interface RMSNormOptions {
  /** What is added to the mean square. Default `null`: the distance from 1 to the next number of the dtype. */
  readonly eps?: number | null;
  /** Whether there is a weight, which starts as ones. Default true. */
  readonly elementwiseAffine?: boolean;
}

/** Divides by the root mean square over the last axes, which have the shape `normalizedShape`, then scales each element (Zhang & Sennrich 2019). */
export class RMSNorm extends Module {
  /** @internal */
  static override readonly discreet: unknown = RMSNorm;
  readonly weight: Parameter | null;
  readonly #shape: Shape;
  readonly #eps: number | null;

  constructor(normalizedShape: number | Shape, options: RMSNormOptions = {}) {
    super();
    const { eps, elementwiseAffine } = withDefaults("RMSNorm", options, { eps: null, elementwiseAffine: true });
    const shape = normalizedShapeOf("RMSNorm", normalizedShape);
    if (eps !== null) checkEps("RMSNorm", eps);
    this.weight = affineOf(shape, elementwiseAffine, false).weight;
    this.#shape = shape;
    this.#eps = eps;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.#shape, { weight: this.weight, eps: this.#eps });
  }

  protected override extraRepr(): string {
    return `${python(this.#shape)}, ${keywords({ eps: this.#eps, elementwiseAffine: this.weight !== null })}`;
  }
}

function normalizedShapeOf(op: string, normalizedShape: number | Shape): Shape {
  const shape = [normalizedShape].flat();
  checkSizes(op, { normalizedShape });
  if (shape.length === 0) throw new ArgumentError(op, "normalizedShape names no axis");
  return shape;
}

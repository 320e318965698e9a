import { einsum, type Parameter, ShapeError, sameShape, scope, show, type Tensor, uniform } from "@descent/core";
import { Module } from "./base.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";
import { parameter } from "./variables.ts";

/** Options of `bilinear`. */
export interface FunctionalBilinearOptions {
  /** `[out]`, default `null`. */
  readonly bias?: Tensor | null;
}

/** `yₖ = x₁ᵀ · weightₖ · x₂ + biasₖ` over the last axes: `[…, in1]`, `[…, in2]`, `[out, in1, in2]`, `[out]` → `[…, out]`. */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, options: FunctionalBilinearOptions = {}): Tensor {
  const { bias } = withDefaults("bilinear", options, { bias: null });
  const [out, in1, in2] = weight.shape as [number, number, number];
  if (weight.ndim !== 3 || x1.shape.at(-1) !== in1 || !sameShape(x2.shape, x1.shape.with(-1, in2)))
    throw new ShapeError(
      "bilinear",
      `expected […,in1], […,in2] and a weight [out,in1,in2], got ${[x1, x2, weight].map((t) => show(t.shape)).join(", ")}`,
    );
  if (bias !== null && !sameShape(bias.shape, [out]))
    throw new ShapeError("bilinear", `the bias ${show(bias.shape)} must have the shape [${out}]`);
  return scope(() => {
    const y = einsum("...i,oij,...j->...o", x1, weight, x2);
    return bias === null ? y : y.add(bias);
  });
}

/** Options of `Bilinear`. */
export interface BilinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
}

/** `yₖ = x₁ᵀ · weightₖ · x₂ + biasₖ` over the last axes: `[…, in1]`, `[…, in2]` → `[…, out]`. Both start uniform over `±1/√in1`. */
export class Bilinear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options: BilinearOptions = {}) {
    super();
    const { bias } = withDefaults("Bilinear", options, { bias: true });
    checkSizes("Bilinear", { in1Features, in2Features, outFeatures });
    const bound = 1 / Math.sqrt(in1Features);
    this.weight = parameter(() => uniform(-bound, bound, [outFeatures, in1Features, in2Features]));
    this.bias = bias ? parameter(() => uniform(-bound, bound, [outFeatures])) : null;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, { bias: this.bias });
  }

  protected override extraRepr(): string {
    const [outFeatures, in1Features, in2Features] = this.weight.shape as [number, number, number];
    return keywords({ in1Features, in2Features, outFeatures, bias: this.bias !== null });
  }
}

import { linear as linearOp, linearRelu, type Parameter, type Tensor } from "@descent/core";
import { Module } from "./base.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";
import { weightAndBias } from "./variables.ts";

/** Options of `linear`. */
export interface FunctionalLinearOptions {
  /** `[out]`, default `null`. */
  readonly bias?: Tensor | null;
}

/** `x · weightᵀ + bias` over the last axis: `[…, in]`, `[out, in]`, `[out]` → `[…, out]`. */
export const linear = (x: Tensor, weight: Tensor, { bias = null }: FunctionalLinearOptions = {}): Tensor =>
  linearOp(x, weight, bias);

/** Options of `Linear`. */
export interface LinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
}

/** `y = x · weightᵀ + bias` over the last axis: `[…, in] → [… , out]`. Both start uniform over `±1/√in`. */
export class Linear extends Module {
  /** @internal */
  static override readonly discreet: unknown = Linear;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias } = withDefaults("Linear", options, { bias: true });
    checkSizes("Linear", { inFeatures, outFeatures });
    ({ weight: this.weight, bias: this.bias } = weightAndBias([outFeatures, inFeatures], bias));
  }

  /** With `relu`, a `Sequential` asks for what the ReLU behind the layer would make of the result. */
  forward(x: Tensor, activation: "none" | "relu" = "none"): Tensor {
    return activation === "relu" ? linearRelu(x, this.weight, this.bias) : linear(x, this.weight, this);
  }

  protected override extraRepr(): string {
    const [outFeatures, inFeatures] = this.weight.shape as [number, number];
    return keywords({ inFeatures, outFeatures, bias: this.bias !== null });
  }
}

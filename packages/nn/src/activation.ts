import { scope, type Tensor, tanhshrink } from "@descent/core";
import { elementwise, functionOf, layerOf, type Planner } from "./function-layer.ts";
import { oneOf, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** `max(x, 0)`, element by element. */
export class ReLU extends elementwise((x) => x.relu()) {}

/** The hyperbolic tangent, element by element. */
export class Tanh extends elementwise((x) => x.tanh()) {}

/** `1 / (1 + e⁻ˣ)`, element by element. */
export class Sigmoid extends elementwise((x) => x.sigmoid()) {}

/** `x · sigmoid(x)`, element by element, also called swish (Elfwing et al. 2018). */
export class SiLU extends elementwise((x) => x.silu()) {}

/** `min(max(x, 0), 6)`, element by element (Howard et al. 2017). */
export class ReLU6 extends elementwise((x) => x.relu6()) {}

/** A scaled ELU that keeps mean 0 and variance 1 from layer to layer (Klambauer et al. 2017). */
export class SELU extends elementwise((x) => x.selu()) {}

/** The logarithm of `1 / (1 + e⁻ˣ)`, element by element. */
export class LogSigmoid extends elementwise((x) => x.logSigmoid()) {}

/** `x / (1 + |x|)`, element by element (Bergstra et al. 2009). */
export class Softsign extends elementwise((x) => x.softsign()) {}

/** `min(max(x + 3, 0), 6) / 6`, element by element. */
export class Hardsigmoid extends elementwise((x) => x.hardsigmoid()) {}

/** `x · hardsigmoid(x)`, element by element (Howard et al. 2019). */
export class Hardswish extends elementwise((x) => x.hardswish()) {}

/** `x · tanh(softplus(x))`, element by element (Misra 2020). */
export class Mish extends elementwise((x) => x.mish()) {}

/** `x − tanh(x)`, element by element. */
export class Tanhshrink extends elementwise(tanhshrink) {}

/** Options of `gelu` and `GELU`. */
export interface GELUOptions {
  /** `"none"`, the default, is exact; `"tanh"` approximates Φ with a hyperbolic tangent. */
  readonly approximate?: "none" | "tanh";
}

const tanhGelu = (x: Tensor): Tensor =>
  scope(() => {
    const inner = x
      .mul(x)
      .mul(0.044715)
      .add(1)
      .mul(x)
      .mul(Math.sqrt(2 / Math.PI));
    return inner.tanh().add(1).mul(x).mul(0.5);
  });

const geluPlan: Planner<[options?: GELUOptions]> = (op, options = {}) => {
  const { approximate } = withDefaults<GELUOptions>(op, options, { approximate: "none" });
  oneOf(op, "approximate", approximate, ["none", "tanh"]);
  return [approximate === "tanh" ? tanhGelu : (x) => x.gelu(), () => keywords({ approximate })];
};

/** `x · Φ(x)` with the normal distribution function Φ (Hendrycks & Gimpel 2016). */
export const gelu = functionOf("gelu", geluPlan);

/** `x · Φ(x)`, element by element, with the normal distribution function Φ (Hendrycks & Gimpel 2016). */
export class GELU extends layerOf("GELU", geluPlan) {}

import type { Tensor } from "@descent/core";
import { scope } from "@descent/core";
import { Module } from "./base.ts";
import { oneOf, withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** `max(x, 0)`, element by element. */
export class ReLU extends Module {
  /** @internal */
  static override readonly discreet: unknown = ReLU;
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/** The hyperbolic tangent, element by element. */
export class Tanh extends Module {
  /** @internal */
  static override readonly discreet: unknown = Tanh;
  forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/** `1 / (1 + e⁻ˣ)`, element by element. */
export class Sigmoid extends Module {
  /** @internal */
  static override readonly discreet: unknown = Sigmoid;
  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

/** `x · sigmoid(x)`, element by element, also called swish (Elfwing et al. 2018). */
export class SiLU extends Module {
  /** @internal */
  static override readonly discreet: unknown = SiLU;
  forward(x: Tensor): Tensor {
    return x.silu();
  }
}

/** Options of `gelu` and `GELU`. */
export interface GELUOptions {
  /** `"none"`, the default, is exact; `"tanh"` approximates Φ with a hyperbolic tangent. */
  readonly approximate?: "none" | "tanh";
}

/** `x · Φ(x)` with the normal distribution function Φ (Hendrycks & Gimpel 2016). */
export function gelu(x: Tensor, { approximate = "none" }: GELUOptions = {}): Tensor {
  if (oneOf("gelu", "approximate", approximate, ["none", "tanh"]) === "none") return x.gelu();
  return scope(() => {
    const inner = x
      .mul(x)
      .mul(0.044715)
      .add(1)
      .mul(x)
      .mul(Math.sqrt(2 / Math.PI));
    return inner.tanh().add(1).mul(x).mul(0.5);
  });
}

/** `x · Φ(x)`, element by element, with the normal distribution function Φ (Hendrycks & Gimpel 2016). */
export class GELU extends Module {
  /** @internal */
  static override readonly discreet: unknown = GELU;
  readonly #options: Required<GELUOptions>;

  constructor(options: GELUOptions = {}) {
    super();
    this.#options = withDefaults("GELU", options, { approximate: "none" });
    oneOf("GELU", "approximate", this.#options.approximate, ["none", "tanh"]);
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.#options);
  }

  protected override extraRepr(): string {
    return keywords({ ...this.#options });
  }
}

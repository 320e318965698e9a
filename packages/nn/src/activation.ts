import { scope, type Tensor, tanhshrink } from "@descent/core";
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

/** `min(max(x, 0), 6)`, element by element (Howard et al. 2017). */
export class ReLU6 extends Module {
  /** @internal */
  static override readonly discreet: unknown = ReLU6;
  forward(x: Tensor): Tensor {
    return x.relu6();
  }
}

/** A scaled ELU that keeps mean 0 and variance 1 from layer to layer (Klambauer et al. 2017). */
export class SELU extends Module {
  /** @internal */
  static override readonly discreet: unknown = SELU;
  forward(x: Tensor): Tensor {
    return x.selu();
  }
}

/** The logarithm of `1 / (1 + e⁻ˣ)`, element by element. */
export class LogSigmoid extends Module {
  /** @internal */
  static override readonly discreet: unknown = LogSigmoid;
  forward(x: Tensor): Tensor {
    return x.logSigmoid();
  }
}

/** `x / (1 + |x|)`, element by element (Bergstra et al. 2009). */
export class Softsign extends Module {
  /** @internal */
  static override readonly discreet: unknown = Softsign;
  forward(x: Tensor): Tensor {
    return x.softsign();
  }
}

/** `min(max(x + 3, 0), 6) / 6`, element by element. */
export class Hardsigmoid extends Module {
  /** @internal */
  static override readonly discreet: unknown = Hardsigmoid;
  forward(x: Tensor): Tensor {
    return x.hardsigmoid();
  }
}

/** `x · hardsigmoid(x)`, element by element (Howard et al. 2019). */
export class Hardswish extends Module {
  /** @internal */
  static override readonly discreet: unknown = Hardswish;
  forward(x: Tensor): Tensor {
    return x.hardswish();
  }
}

/** `x · tanh(softplus(x))`, element by element (Misra 2020). */
export class Mish extends Module {
  /** @internal */
  static override readonly discreet: unknown = Mish;
  forward(x: Tensor): Tensor {
    return x.mish();
  }
}

/** `x − tanh(x)`, element by element. */
export class Tanhshrink extends Module {
  /** @internal */
  static override readonly discreet: unknown = Tanhshrink;
  forward(x: Tensor): Tensor {
    return tanhshrink(x);
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

import {
  ArgumentError,
  celu,
  defaultGenerator,
  type EluOptions,
  elu,
  full,
  type Generator,
  type GluOptions,
  glu,
  type HardtanhOptions,
  hardshrink,
  hardtanh,
  type LeakyReluOptions,
  le,
  leakyRelu,
  type Parameter,
  prelu,
  type ShrinkOptions,
  type SoftplusOptions,
  scope,
  softplus,
  softshrink,
  type Tensor,
  threshold,
  uniform,
  where,
} from "@descent/core";
import { Module } from "./base.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { keywords, python, pythonFloat, snakeCase } from "./repr.ts";
import { parameter } from "./variables.ts";

type Numbers<O> = { readonly [K in keyof O]: number };

/** A function with options that are numbers. One number stands for the first of them, as in `new LeakyReLU(0.2)`. */
abstract class Activation<O extends Numbers<O>> extends Module {
  readonly #options: Required<O>;
  readonly #of: (x: Tensor, options: Required<O>) => Tensor;

  protected constructor(
    name: string,
    of: (x: Tensor, options: Required<O>) => Tensor,
    given: O | number,
    defaults: Required<O>,
  ) {
    super();
    const options = typeof given === "number" ? ({ [Object.keys(defaults)[0]!]: given } as O) : given;
    this.#options = withDefaults(name, options, defaults);
    this.#of = of;
  }

  protected get options(): Required<O> {
    return this.#options;
  }

  forward(x: Tensor): Tensor {
    return this.#of(x, this.options);
  }

  protected override extraRepr(): string {
    return Object.entries<number>(this.options)
      .map(([name, value]) => `${snakeCase(name)}=${pythonFloat(value)}`)
      .join(", ");
  }
}

/** `x` above 0, `negativeSlope · x` elsewhere, by default 0.01 of it (Maas et al. 2013). */
export class LeakyReLU extends Activation<LeakyReluOptions> {
  /** @internal */
  static override readonly discreet: unknown = LeakyReLU;
  constructor(options: LeakyReluOptions | number = {}) {
    super("LeakyReLU", leakyRelu, options, { negativeSlope: 0.01 });
  }
}

/** `x` above 0, `alpha · (eˣ − 1)` elsewhere (Clevert et al. 2016). */
export class ELU extends Activation<EluOptions> {
  /** @internal */
  static override readonly discreet: unknown = ELU;
  constructor(options: EluOptions | number = {}) {
    super("ELU", elu, options, { alpha: 1 });
  }
}

/** `x` above 0, `alpha · (exp(x / alpha) − 1)` elsewhere (Barron 2017). */
export class CELU extends Activation<EluOptions> {
  /** @internal */
  static override readonly discreet: unknown = CELU;
  constructor(options: EluOptions | number = {}) {
    super("CELU", celu, options, { alpha: 1 });
  }
}

/** `log(1 + exp(beta · x)) / beta`, and `x` where `beta · x` is above the threshold, by default 20 (Dugas et al. 2001). */
export class Softplus extends Activation<SoftplusOptions> {
  /** @internal */
  static override readonly discreet: unknown = Softplus;
  constructor(options: SoftplusOptions | number = {}) {
    super("Softplus", softplus, options, { beta: 1, threshold: 20 });
  }
}

/** `x` limited to `[minVal, maxVal]`, by default `[−1, 1]`. */
export class Hardtanh extends Activation<HardtanhOptions> {
  /** @internal */
  static override readonly discreet: unknown = Hardtanh;
  constructor(options: HardtanhOptions = {}) {
    super("Hardtanh", hardtanh, options, { minVal: -1, maxVal: 1 });
    const { minVal, maxVal } = this.options;
    if (!(minVal < maxVal)) throw new ArgumentError("Hardtanh", `minVal ${minVal} is not below maxVal ${maxVal}`);
  }
}

/** `x` beyond `±lambd`, by default 0.5, and 0 between them. */
export class Hardshrink extends Activation<ShrinkOptions> {
  /** @internal */
  static override readonly discreet: unknown = Hardshrink;
  constructor(options: ShrinkOptions | number = {}) {
    super("Hardshrink", hardshrink, options, { lambd: 0.5 });
  }

  protected override extraRepr(): string {
    return pythonFloat(this.options.lambd);
  }
}

/** `x` moved towards 0 by `lambd`, by default 0.5, and 0 where that is near. */
export class Softshrink extends Activation<ShrinkOptions> {
  /** @internal */
  static override readonly discreet: unknown = Softshrink;
  constructor(options: ShrinkOptions | number = {}) {
    super("Softshrink", softshrink, options, { lambd: 0.5 });
  }

  protected override extraRepr(): string {
    return pythonFloat(this.options.lambd);
  }
}

/** `a · sigmoid(b)` of the halves `a` and `b` of the axis `dim`, by default the last one (Dauphin et al. 2017). */
export class GLU extends Activation<GluOptions> {
  /** @internal */
  static override readonly discreet: unknown = GLU;
  constructor(options: GluOptions | number = {}) {
    super("GLU", glu, options, { dim: -1 });
  }

  protected override extraRepr(): string {
    return keywords({ ...this.options });
  }
}

/** `x` where it is above the threshold, `value` elsewhere. */
export class Threshold extends Module {
  /** @internal */
  static override readonly discreet: unknown = Threshold;
  readonly #threshold: number;
  readonly #value: number;

  constructor(threshold: number, value: number) {
    super();
    this.#threshold = threshold;
    this.#value = value;
  }

  forward(x: Tensor): Tensor {
    return threshold(x, this.#threshold, this.#value);
  }

  protected override extraRepr(): string {
    return keywords({ threshold: this.#threshold, value: this.#value });
  }
}

/** Options of `PReLU`. */
export interface PReLUOptions {
  /** How many weights there are: 1 (default), or as many as there are channels. */
  readonly numParameters?: number;
  /** What they begin with. Default 0.25. */
  readonly init?: number;
}

/** `x` above 0, `weight · x` elsewhere, with one weight or one per channel of `[N, C, …]`, which are learned (He et al. 2015). */
export class PReLU extends Module {
  /** @internal */
  static override readonly discreet: unknown = PReLU;
  readonly weight: Parameter;

  constructor(options: PReLUOptions | number = {}) {
    super();
    const given = typeof options === "number" ? { numParameters: options } : options;
    const { numParameters, init } = withDefaults("PReLU", given, { numParameters: 1, init: 0.25 });
    checkSizes("PReLU", { numParameters });
    this.weight = parameter(() => full([numParameters], init));
  }

  forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  protected override extraRepr(): string {
    return `num_parameters=${python(this.weight.numel())}`;
  }
}

/** Options of `RReLU`. */
export interface RReLUOptions {
  /** The smallest slope below 0. Default 1/8. */
  readonly lower?: number;
  /** The largest one. Default 1/3. */
  readonly upper?: number;
  /** Where the random numbers come from. Default: the default generator. */
  readonly generator?: Generator;
}

/** Options of `rrelu`. */
export interface FunctionalRReLUOptions extends RReLUOptions {
  /** Whether slopes are drawn. Default false. */
  readonly training?: boolean;
}

/**
 * `x` above 0, `slope · x` elsewhere (Xu et al. 2015): in training every element draws its slope from `[lower, upper)`, else all have the
 * one in the middle.
 */
export function rrelu(
  x: Tensor,
  { lower = 1 / 8, upper = 1 / 3, training = false, generator = defaultGenerator }: FunctionalRReLUOptions = {},
): Tensor {
  if (!(lower <= upper)) throw new ArgumentError("rrelu", `lower ${lower} is greater than upper ${upper}`);
  if (!training) return leakyRelu(x, { negativeSlope: (lower + upper) / 2 });
  return scope(() => {
    const slopes = uniform(lower, upper, x.shape, { dtype: x.dtype, backend: x.backend, generator });
    return where(le(x, 0), x.mul(slopes), x);
  });
}

/** `rrelu`: a rectifier whose slope below 0 is random in training (Xu et al. 2015). */
export class RReLU extends Module {
  /** @internal */
  static override readonly discreet: unknown = RReLU;
  readonly #options: Required<RReLUOptions>;

  constructor(options: RReLUOptions = {}) {
    super();
    this.#options = withDefaults("RReLU", options, { lower: 1 / 8, upper: 1 / 3, generator: defaultGenerator });
  }

  forward(x: Tensor): Tensor {
    return rrelu(x, { ...this.#options, training: this.training });
  }

  protected override extraRepr(): string {
    const { lower, upper } = this.#options;
    return `lower=${pythonFloat(lower)}, upper=${pythonFloat(upper)}`;
  }
}

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
import { type FunctionLayer, layerOf } from "./function-layer.ts";
import { checkSizes, withDefaults } from "./options.ts";
import { keywords, pythonFloat, snakeCase } from "./repr.ts";
import { parameter } from "./variables.ts";

type Numbers<O> = { readonly [K in keyof O]: number };

/** Numbers as PyTorch shows its floats. */
const floats = (numbers: Readonly<Record<string, number>>): string =>
  Object.entries(numbers)
    .map(([name, value]) => `${snakeCase(name)}=${pythonFloat(value)}`)
    .join(", ");

/** The layer of a function with options that are numbers. One number stands for the first of them, as in `new LeakyReLU(0.2)`. */
const activation = <O extends Numbers<O>>(
  name: string,
  of: (x: Tensor, options: Required<O>) => Tensor,
  defaults: Required<O>,
  text: (options: Required<O>) => string = floats,
): (new (
  options?: O | number,
) => FunctionLayer) =>
  layerOf(name, (_, given: O | number = {} as O) => {
    const options = typeof given === "number" ? ({ [Object.keys(defaults)[0]!]: given } as O) : given;
    const all = withDefaults(name, options, defaults);
    return [(x) => of(x, all), () => text(all)];
  });

/** `x` above 0, `negativeSlope · x` elsewhere, by default 0.01 of it (Maas et al. 2013). */
export class LeakyReLU extends activation<LeakyReluOptions>("LeakyReLU", leakyRelu, { negativeSlope: 0.01 }) {}

/** `x` above 0, `alpha · (eˣ − 1)` elsewhere (Clevert et al. 2016). */
export class ELU extends activation<EluOptions>("ELU", elu, { alpha: 1 }) {}

/** `x` above 0, `alpha · (exp(x / alpha) − 1)` elsewhere (Barron 2017). */
export class CELU extends activation<EluOptions>("CELU", celu, { alpha: 1 }) {}

/** `log(1 + exp(beta · x)) / beta`, and `x` where `beta · x` is above the threshold, by default 20 (Dugas et al. 2001). */
export class Softplus extends activation<SoftplusOptions>("Softplus", softplus, { beta: 1, threshold: 20 }) {}

/** `x` limited to `[minVal, maxVal]`, by default `[−1, 1]`. */
export class Hardtanh extends activation<HardtanhOptions>("Hardtanh", hardtanh, { minVal: -1, maxVal: 1 }) {
  constructor(options: HardtanhOptions = {}) {
    super(options);
    const { minVal = -1, maxVal = 1 } = options;
    if (!(minVal < maxVal)) throw new ArgumentError("Hardtanh", `minVal ${minVal} is not below maxVal ${maxVal}`);
  }
}

/** `x` beyond `±lambd`, by default 0.5, and 0 between them. */
export class Hardshrink extends activation<ShrinkOptions>("Hardshrink", hardshrink, { lambd: 0.5 }, ({ lambd }) =>
  pythonFloat(lambd),
) {}

/** `x` moved towards 0 by `lambd`, by default 0.5, and 0 where that is near. */
export class Softshrink extends activation<ShrinkOptions>("Softshrink", softshrink, { lambd: 0.5 }, ({ lambd }) =>
  pythonFloat(lambd),
) {}

/** `a · sigmoid(b)` of the halves `a` and `b` of the axis `dim`, by default the last one (Dauphin et al. 2017). */
export class GLU extends activation<GluOptions>("GLU", glu, { dim: -1 }, (options) => keywords({ ...options })) {}

/** `x` where it is above the threshold, `value` elsewhere. */
export class Threshold extends layerOf("Threshold", (_, limit: number, value: number) => [
  (x) => threshold(x, limit, value),
  () => keywords({ threshold: limit, value }),
]) {}

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
    return keywords({ numParameters: this.weight.numel() });
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
export class RReLU extends layerOf("RReLU", (name, options: RReLUOptions = {}) => {
  const all = withDefaults(name, options, { lower: 1 / 8, upper: 1 / 3, generator: defaultGenerator });
  const { lower, upper } = all;
  return [(x, training = false) => rrelu(x, { ...all, training }), () => floats({ lower, upper })];
}) {}

import {
  ArgumentError,
  defaultGenerator,
  type Generator,
  logSoftmax as logSoftmaxOp,
  normalizeAxis,
  oneHot,
  ShapeError,
  scope,
  show,
  softmax as softmaxOp,
  type Tensor,
  uniform,
} from "@descent/core";
import { Module } from "./base.ts";
import { withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** The axis along which something is normalised, as a number or by name. */
export type Along = number | { readonly dim?: number };

const dimOf = (op: string, along: Along): number => {
  const { dim } = typeof along === "number" ? { dim: along } : withDefaults(op, along, { dim: Number.NaN });
  if (!Number.isInteger(dim)) throw new ArgumentError(op, "which axis is not said", "pass a number, or { dim }");
  return dim;
};

/** `eˣ / Σ eˣ` along an axis. */
export const softmax = (x: Tensor, dim: Along): Tensor => softmaxOp(x, dimOf("softmax", dim));
/** `log softmax(x)` along an axis, without overflow. */
export const logSoftmax = (x: Tensor, dim: Along): Tensor => logSoftmaxOp(x, dimOf("logSoftmax", dim));
/** `softmax(−x)` along an axis. */
export const softmin = (x: Tensor, dim: Along): Tensor => scope(() => softmaxOp(x.neg(), dimOf("softmin", dim)));

/** Options of `gumbelSoftmax`. */
export interface GumbelSoftmaxOptions {
  /** The temperature: the lower, the closer to one-hot. Default 1. */
  readonly tau?: number;
  /** Whether the result is one-hot, with the gradient of what it was before (Bengio et al. 2013). Default false. */
  readonly hard?: boolean;
  /** The axis of the classes. Default −1. */
  readonly dim?: number;
  /** Where the random numbers come from. Default: the default generator. */
  readonly generator?: Generator;
}

/** Samples of the distribution that `logits` describe, made differentiable (Jang et al. 2017): softmax of logits with Gumbel noise. */
export function gumbelSoftmax(
  logits: Tensor,
  { tau = 1, hard = false, dim = -1, generator = defaultGenerator }: GumbelSoftmaxOptions = {},
): Tensor {
  if (!(tau > 0)) throw new ArgumentError("gumbelSoftmax", `tau must be positive, got ${tau}`);
  const { shape, dtype, backend } = logits;
  return scope(() => {
    // Neither 0 nor 1, whose noise would be infinite.
    const u = uniform(2 ** -25, 1, shape, { dtype, backend, generator });
    const noise = u.log().neg().log().neg();
    const soft = softmaxOp(logits.add(noise).div(tau), dim);
    if (!hard) return soft;
    const axis = normalizeAxis("gumbelSoftmax", dim, logits.ndim);
    const last = shape.length - 1;
    const picked = oneHot(soft.argmax(axis), shape[axis]!, { dtype });
    const axes = Array.from({ length: last }, (_, i) => i);
    return picked
      .permute(axes.toSpliced(axis, 0, last))
      .sub(soft.detach())
      .add(soft);
  });
}

/** A function along an axis, which may be given as a number. */
abstract class AlongAxis extends Module {
  readonly #of: (x: Tensor, dim: number) => Tensor;
  readonly #dim: number;

  protected constructor(name: string, of: (x: Tensor, dim: number) => Tensor, along: Along) {
    super();
    this.#of = of;
    this.#dim = dimOf(name, along);
  }

  forward(x: Tensor): Tensor {
    return this.#of(x, this.#dim);
  }

  protected override extraRepr(): string {
    return keywords({ dim: this.#dim });
  }
}

/** `eˣ / Σ eˣ` along an axis. */
export class Softmax extends AlongAxis {
  /** @internal */
  static override readonly discreet: unknown = Softmax;
  constructor(dim: Along) {
    super("Softmax", softmax, dim);
  }
}

/** `log softmax(x)` along an axis. */
export class LogSoftmax extends AlongAxis {
  /** @internal */
  static override readonly discreet: unknown = LogSoftmax;
  constructor(dim: Along) {
    super("LogSoftmax", logSoftmax, dim);
  }
}

/** `softmax(−x)` along an axis. */
export class Softmin extends AlongAxis {
  /** @internal */
  static override readonly discreet: unknown = Softmin;
  constructor(dim: Along) {
    super("Softmin", softmin, dim);
  }
}

/** `softmax` over the channels of `[N, C, H, W]` or `[C, H, W]`. */
export class Softmax2d extends Module {
  /** @internal */
  static override readonly discreet: unknown = Softmax2d;
  forward(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4)
      throw new ShapeError("Softmax2d", `expected [N,C,H,W] or [C,H,W], got ${show(x.shape)}`);
    return x.softmax(-3);
  }
}

import {
  ArgumentError,
  defaultGenerator,
  type Generator,
  logSoftmax as logSoftmaxOp,
  ShapeError,
  scope,
  show,
  softmax as softmaxOp,
  type Tensor,
  uniform,
  zerosLike,
} from "@descent/core";
import { elementwise, functionOf, layerOf, type Planner } from "./function-layer.ts";
import { withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** The axis along which something is normalised, as a number or by name. */
export type Along = number | { readonly dim?: number };

const dimOf = (op: string, along: Along): number => {
  const { dim } = typeof along === "number" ? { dim: along } : withDefaults(op, along, { dim: Number.NaN });
  if (!Number.isInteger(dim)) throw new ArgumentError(op, "which axis is not said", "pass a number, or { dim }");
  return dim;
};

const along =
  (of: (x: Tensor, dim: number) => Tensor): Planner<[dim: Along]> =>
  (op, given) => {
    const dim = dimOf(op, given);
    return [(x) => of(x, dim), () => keywords({ dim })];
  };

const softmaxAlong = along(softmaxOp);
const logSoftmaxAlong = along(logSoftmaxOp);
const softminAlong = along((x, dim) => scope(() => softmaxOp(x.neg(), dim)));

/** `eˣ / Σ eˣ` along an axis. */
export const softmax = functionOf("softmax", softmaxAlong);
/** `log softmax(x)` along an axis, without overflow. */
export const logSoftmax = functionOf("logSoftmax", logSoftmaxAlong);
/** `softmax(−x)` along an axis. */
export const softmin = functionOf("softmin", softminAlong);

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
    const winner = soft.argmax(dim, { keepdim: true });
    return zerosLike(soft).scatter(dim, winner, 1).sub(soft.detach()).add(soft);
  });
}

/** `eˣ / Σ eˣ` along an axis. */
export class Softmax extends layerOf("Softmax", softmaxAlong) {}

/** `log softmax(x)` along an axis. */
export class LogSoftmax extends layerOf("LogSoftmax", logSoftmaxAlong) {}

/** `softmax(−x)` along an axis. */
export class Softmin extends layerOf("Softmin", softminAlong) {}

/** `softmax` over the channels of `[N, C, H, W]` or `[C, H, W]`. */
export class Softmax2d extends elementwise((x) => {
  if (x.ndim !== 3 && x.ndim !== 4)
    throw new ShapeError("Softmax2d", `expected [N,C,H,W] or [C,H,W], got ${show(x.shape)}`);
  return x.softmax(-3);
}) {}

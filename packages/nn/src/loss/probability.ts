import { fullLike, type Reduction, ShapeError, sameShape, show, type Tensor, where } from "@descent/core";
import { checkElements, type LossOptions, loss, lossClass } from "./loss.ts";

/** Options of `klDiv`. */
export interface KLDivLossOptions {
  /** `"mean"` (default) over all elements, `"batchmean"`, the sum over the size of axis 0 and the divergence as defined, `"sum"`, `"none"`. */
  readonly reduction?: Reduction | "batchmean";
  /** Whether the target holds log-probabilities too. Default false. */
  readonly logTarget?: boolean;
}

/** `t log t`, 0 at 0. */
const xlogx = (t: Tensor): Tensor => t.mul(where(t.eq(0), 1, t).log());

/** The Kullback–Leibler divergence `t (log t − x)` of targets `t` from log-probabilities `x`, element by element. */
export const klDiv = loss<KLDivLossOptions>(
  "klDiv",
  { logTarget: false },
  ({ reduction, logTarget }, x, target) => {
    const losses = logTarget ? target.exp().mul(target.sub(x)) : xlogx(target).sub(target.mul(x));
    return reduction === "batchmean" ? losses.sum().div(x.shape[0] ?? 1) : losses;
  },
  undefined,
  ["mean", "batchmean", "sum", "none"],
);

/** The Kullback–Leibler divergence `t (log t − x)` of targets `t` from log-probabilities `x`, element by element. */
export class KLDivLoss extends lossClass("KLDivLoss", klDiv) {}

/** Options of `poissonNllLoss`. */
export interface PoissonNLLLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate. Default true. */
  readonly logInput?: boolean;
  /** Whether Stirling's approximation of `log t!` is added, for targets above 1. Default false. */
  readonly full?: boolean;
  /** What is added to a rate before its logarithm is taken. Default 1e-8. */
  readonly eps?: number;
}

/** The negative log-likelihood `eˣ − t x` of counts `t` under Poisson distributions of log-rate `x`. */
export const poissonNllLoss = loss<PoissonNLLLossOptions>(
  "poissonNllLoss",
  { logInput: true, full: false, eps: 1e-8 },
  ({ logInput, full, eps }, x, target) => {
    const losses = logInput ? x.exp().sub(target.mul(x)) : x.sub(target.mul(x.add(eps).log()));
    return full ? losses.add(stirling(target)) : losses;
  },
);

/** `log t!`, near enough above 1. */
function stirling(target: Tensor): Tensor {
  const isAbove = target.gt(1);
  const t = where(isAbove, target, 1);
  const halfLog = t
    .mul(2 * Math.PI)
    .log()
    .mul(0.5);
  return where(isAbove, xlogx(t).sub(t).add(halfLog), 0);
}

/** The negative log-likelihood `eˣ − t x` of counts `t` under Poisson distributions of log-rate `x`. */
export class PoissonNLLLoss extends lossClass("PoissonNLLLoss", poissonNllLoss) {}

/** Options of `gaussianNllLoss`. */
export interface GaussianNLLLossOptions extends LossOptions {
  /** Whether `log(2π)/2` is added. Default false. */
  readonly full?: boolean;
  /** The least variance. Default 1e-6. */
  readonly eps?: number;
}

/**
 * The negative log-likelihood `(log v + (x − t)²/v) / 2` of targets `t` under normal distributions of mean `x` and variance `v`, which is a
 * number, or has the shape of `x`, with or without a last axis of size 1, or an axis of size 1 elsewhere.
 *
 * A variance below `eps` counts as `eps`; its gradient is that at `eps`, as in PyTorch. Throws for negative ones, where they can be read.
 */
export const gaussianNllLoss = loss<GaussianNLLLossOptions, [x: Tensor, target: Tensor, variance: Tensor | number]>(
  "gaussianNllLoss",
  { full: false, eps: 1e-6 },
  ({ full, eps }, x, target, variance) => {
    const given = fitted(typeof variance === "number" ? fullLike(x, variance) : variance, x);
    const v = where(given.lt(eps), given.sub(given.detach()).add(eps), given);
    const losses = v.log().add(x.sub(target).square().div(v)).mul(0.5);
    return full ? losses.add(Math.log(2 * Math.PI) / 2) : losses;
  },
);

/** A variance that broadcasts to the input. */
function fitted(variance: Tensor, x: Tensor): Tensor {
  const op = "gaussianNllLoss";
  checkElements(op, variance, (v) => !(v < 0), "the variance must not be negative", "apply exp() to it");
  if (sameShape([...variance.shape, x.shape.at(-1)!], x.shape)) return variance.unsqueeze(-1);
  const short = variance.shape.filter((size, i) => size !== x.shape[i]);
  if (variance.ndim !== x.ndim || short.length > 1 || (short[0] ?? 1) !== 1)
    throw new ShapeError(
      op,
      `a variance ${show(variance.shape)} for an input ${show(x.shape)}`,
      "give it the same shape, or one axis of size 1",
    );
  return variance;
}

/** The negative log-likelihood `(log v + (x − t)²/v) / 2` of targets `t` under normal distributions of mean `x` and variance `v`. */
export class GaussianNLLLoss extends lossClass("GaussianNLLLoss", gaussianNllLoss) {}

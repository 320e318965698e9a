import { fullLike, type Reduction, ShapeError, sameShape, scope, show, type Tensor, where } from "@descent/core";
import { checkElements, Loss, type LossOptions, reader, reduce } from "./loss.ts";

/** Options of `klDiv`. */
export interface KLDivLossOptions {
  /** `"mean"` (default) over all elements, `"batchmean"`, the sum over the size of axis 0 and the divergence as defined, `"sum"`, `"none"`. */
  readonly reduction?: Reduction | "batchmean";
  /** Whether the target holds log-probabilities too. Default false. */
  readonly logTarget?: boolean;
}

const readKLDiv = reader<KLDivLossOptions>({ reduction: "mean", logTarget: false }, undefined, [
  "mean",
  "batchmean",
  "sum",
  "none",
]);

/** `t log t`, 0 at 0. */
const xlogx = (t: Tensor): Tensor => t.mul(where(t.eq(0), 1, t).log());

/** The Kullback–Leibler divergence `t (log t − x)` of targets `t` from log-probabilities `x`, element by element. */
export function klDiv(x: Tensor, target: Tensor, options?: KLDivLossOptions): Tensor {
  const { reduction, logTarget } = readKLDiv("klDiv", options);
  return scope(() => {
    const losses = logTarget ? target.exp().mul(target.sub(x)) : xlogx(target).sub(target.mul(x));
    return reduction === "batchmean" ? losses.sum().div(x.shape[0] ?? 1) : reduce(losses, reduction);
  });
}

/** The Kullback–Leibler divergence `t (log t − x)` of targets `t` from log-probabilities `x`, element by element. */
export class KLDivLoss extends Loss<KLDivLossOptions> {
  constructor(options: KLDivLossOptions = {}) {
    super(klDiv, readKLDiv("KLDivLoss", options));
  }
}

/** Options of `poissonNllLoss`. */
export interface PoissonNLLLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate. Default true. */
  readonly logInput?: boolean;
  /** Whether Stirling's approximation of `log t!` is added, for targets above 1. Default false. */
  readonly full?: boolean;
  /** What is added to a rate before its logarithm is taken. Default 1e-8. */
  readonly eps?: number;
}

const readPoisson = reader<PoissonNLLLossOptions>({ reduction: "mean", logInput: true, full: false, eps: 1e-8 });

/** The negative log-likelihood `eˣ − t x` of counts `t` under Poisson distributions of log-rate `x`. */
export function poissonNllLoss(x: Tensor, target: Tensor, options?: PoissonNLLLossOptions): Tensor {
  const { reduction, logInput, full, eps } = readPoisson("poissonNllLoss", options);
  return scope(() => {
    const losses = logInput ? x.exp().sub(target.mul(x)) : x.sub(target.mul(x.add(eps).log()));
    return reduce(full ? losses.add(stirling(target)) : losses, reduction);
  });
}

function stirling(target: Tensor): Tensor {
  const t = where(target.gt(1), target, 1);
  const logFactorial = xlogx(t)
    .sub(t)
    .add(
      t
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return where(target.gt(1), logFactorial, 0);
}

/** The negative log-likelihood `eˣ − t x` of counts `t` under Poisson distributions of log-rate `x`. */
export class PoissonNLLLoss extends Loss<PoissonNLLLossOptions> {
  constructor(options: PoissonNLLLossOptions = {}) {
    super(poissonNllLoss, readPoisson("PoissonNLLLoss", options));
  }
}

/** Options of `gaussianNllLoss`. */
export interface GaussianNLLLossOptions extends LossOptions {
  /** Whether `log(2π)/2` is added. Default false. */
  readonly full?: boolean;
  /** The least variance. Default 1e-6. */
  readonly eps?: number;
}

const readGaussian = reader<GaussianNLLLossOptions>({ reduction: "mean", full: false, eps: 1e-6 });

/**
 * The negative log-likelihood `(log v + (x − t)²/v) / 2` of targets `t` under normal distributions of mean `x` and variance `v`, which is a
 * number, or has the shape of `x`, with or without a last axis of size 1, or an axis of size 1 elsewhere.
 *
 * A variance below `eps` counts as `eps`; its gradient is that at `eps`, as in PyTorch. Throws for negative ones, where they can be read.
 */
export function gaussianNllLoss(
  x: Tensor,
  target: Tensor,
  variance: Tensor | number,
  options?: GaussianNLLLossOptions,
): Tensor {
  const op = "gaussianNllLoss";
  const { reduction, full, eps } = readGaussian(op, options);
  return scope(() => {
    const given = fitted(op, typeof variance === "number" ? fullLike(x, variance) : variance, x);
    const v = where(given.lt(eps), given.sub(given.detach()).add(eps), given);
    const losses = v.log().add(x.sub(target).square().div(v)).mul(0.5);
    return reduce(full ? losses.add(Math.log(2 * Math.PI) / 2) : losses, reduction);
  });
}

/** A variance that broadcasts to the input. */
function fitted(op: string, variance: Tensor, x: Tensor): Tensor {
  checkElements(op, variance, (v) => !(v < 0), "the variance must not be negative", "apply exp() to it");
  if (sameShape(variance.shape, x.shape)) return variance;
  if (sameShape(variance.shape, x.shape.slice(0, -1))) return variance.unsqueeze(-1);
  const short = variance.shape.filter((size, i) => size !== x.shape[i]);
  if (variance.ndim !== x.ndim || short.length !== 1 || short[0] !== 1)
    throw new ShapeError(
      op,
      `a variance ${show(variance.shape)} for an input ${show(x.shape)}`,
      "give it the same shape, or one axis of size 1",
    );
  return variance;
}

/** The negative log-likelihood `(log v + (x − t)²/v) / 2` of targets `t` under normal distributions of mean `x` and variance `v`. */
export class GaussianNLLLoss extends Loss<
  GaussianNLLLossOptions,
  [x: Tensor, target: Tensor, variance: Tensor | number]
> {
  constructor(options: GaussianNLLLossOptions = {}) {
    super(gaussianNllLoss, readGaussian("GaussianNLLLoss", options));
  }
}

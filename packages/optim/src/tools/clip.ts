import { div, GradientError, maximum, noGrad, peekGrad, replaceGrad, scope, Tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { type Check, checked, flag, nonNegative, positive, shown } from "../checks.ts";
import { settled, tensorsIn } from "./arguments.ts";

/** Options of `getTotalNorm` and `clipGradNorm`. */
export interface TotalNormOptions {
  /** Which norm: 2 (default), 1, any other positive p, or `Infinity` for the largest absolute value. */
  readonly normType?: number;
  /** Throws where the norm is NaN or infinite. Needs a backend that can be read synchronously. Default false. */
  readonly errorIfNonfinite?: boolean;
}

/** Options of `clipGradNorm`. */
export type ClipGradNormOptions = TotalNormOptions;

const bound: Check = { expected: "a number ≥ 0", test: (value) => typeof value === "number" && value >= 0 };
const order: Check = { expected: "a number > 0", test: (value) => typeof value === "number" && value > 0 };

/** The norm `(Σ |x|ᵖ)^(1/p)` over the elements of all tensors together, as a scalar tensor; 0 where there are none. */
export const getTotalNorm = (tensors: Tensor | Iterable<Tensor>, options: TotalNormOptions = {}): Tensor =>
  totalNorm("getTotalNorm", tensorsIn("getTotalNorm", tensors), options);

/**
 * Scales the gradients so that their norm, taken over all of them together, is at most `maxNorm`, and returns the norm they had.
 *
 * Nothing is read from the device, unless `errorIfNonfinite`: the norm is a scalar tensor, and a norm that is not finite makes the
 * gradients NaN or 0. The gradients are replaced; a gradient that was looked at before keeps its values.
 */
export function clipGradNorm(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormOptions = {},
): Tensor {
  checked("clipGradNorm", { maxNorm }, { maxNorm: bound });
  const graded = withGradient("clipGradNorm", parameters);
  const total = totalNorm("clipGradNorm", graded.map(peekGrad) as Tensor[], options);
  scaleToNorm(graded, maxNorm, total);
  return total;
}

/** Scales the gradients as `clipGradNorm` does where their norm is `totalNorm`, which `getTotalNorm` may have taken over others as well. */
export function clipGradsWithNorm(parameters: Tensor | Iterable<Tensor>, maxNorm: number, totalNorm: Tensor): void {
  checked("clipGradsWithNorm", { maxNorm, totalNorm }, { maxNorm: bound, totalNorm: scalar });
  scaleToNorm(withGradient("clipGradsWithNorm", parameters), maxNorm, totalNorm);
}

const scalar: Check = {
  expected: "a tensor of shape [], which getTotalNorm() gives",
  test: (value) => value instanceof Tensor && value.ndim === 0,
};

/** Limits every element of the gradients to `[−clipValue, clipValue]`. The gradients are replaced. */
export function clipGradValue(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  checked("clipGradValue", { clipValue }, { clipValue: bound });
  replaceAll(withGradient("clipGradValue", parameters), (g) => g.clamp(-clipValue, clipValue));
}

/** Options of `clipGradAdaptive`. */
export interface ClipGradAdaptiveOptions {
  /** The most that the norm of a gradient may be of that of its weight. Default 0.01. */
  readonly clipFactor?: number;
  /** What smaller norms of weights count as, so that weights of 0 can move. Default 1e-3. */
  readonly eps?: number;
}

/**
 * Scales the gradient of every unit so that its norm is at most `clipFactor` times that of the unit's weights (Brock et al. 2021, eq. 3).
 *
 * Units are the outputs of a layer: what lies along the first axis of `[out, in, …]`, and all of a vector. The gradients are replaced.
 */
export function clipGradAdaptive(parameters: Tensor | Iterable<Tensor>, options: ClipGradAdaptiveOptions = {}): void {
  const { clipFactor, eps } = settled("clipGradAdaptive", options, ADAPTIVE, {
    clipFactor: nonNegative,
    eps: positive,
  });
  replaceAll(withGradient("clipGradAdaptive", parameters), (g, w) => {
    const limit = unitNorm(w).clamp(eps).mul(clipFactor);
    const size = unitNorm(g);
    return g.mul(limit.div(size.clamp(1e-6))).where(size.gt(limit), g);
  });
}

const ADAPTIVE: Required<ClipGradAdaptiveOptions> = { clipFactor: 0.01, eps: 1e-3 };

const unitNorm = (x: Tensor): Tensor =>
  x.ndim < 2
    ? x.norm()
    : x.norm(
        2,
        x.shape.slice(1).map((_, i) => i + 1),
        { keepdim: true },
      );

/** The leaves that have a gradient with elements. */
const withGradient = (op: string, parameters: Tensor | Iterable<Tensor>): Tensor[] =>
  tensorsIn(op, parameters).filter((leaf) => (peekGrad(leaf)?.numel() ?? 0) > 0);

function replaceAll(leaves: readonly Tensor[], fn: (g: Tensor, leaf: Tensor) => Tensor): void {
  noGrad(() =>
    scope(() => {
      const clipped = leaves.map((leaf) => fn(peekGrad(leaf)!, leaf));
      for (const [i, leaf] of leaves.entries()) replaceGrad(leaf, clipped[i]!);
    }),
  );
}

function scaleToNorm(leaves: readonly Tensor[], maxNorm: number, total: Tensor): void {
  noGrad(() =>
    scope(() => {
      const scale = div(maxNorm, total.add(1e-6)).clamp(0, 1);
      replaceAll(leaves, (g) => g.mul(scale.to(g.dtype)));
    }),
  );
}

function totalNorm(op: string, tensors: readonly Tensor[], options: TotalNormOptions): Tensor {
  const { normType, errorIfNonfinite } = settled(op, options, NORM, { normType: order, errorIfNonfinite: flag });
  const total = noGrad(() => scope(() => normOfAll(tensors, normType)));
  if (errorIfNonfinite && !Number.isFinite(total.item()))
    throw new GradientError(
      op,
      `the norm is ${shown(total.item())}`,
      "look for what made it, or leave errorIfNonfinite out",
    );
  return total;
}

const NORM: Required<TotalNormOptions> = { normType: 2, errorIfNonfinite: false };

function normOfAll(tensors: readonly Tensor[], p: number): Tensor {
  const filled = tensors.filter((x) => x.numel() > 0);
  // That of nothing lives where the tensors do.
  if (filled.length === 0) return tensors[0]?.sum() ?? zeros([]);
  if (p === Number.POSITIVE_INFINITY) return filled.map((x) => x.abs().amax()).reduce((a, b) => maximum(a, b));
  const power = (x: Tensor): Tensor => (p === 2 ? x.square() : p === 1 ? x.abs() : x.abs().pow(p));
  const total = filled.map((x) => power(x).sum()).reduce((a, b) => a.add(b));
  return p === 2 ? total.sqrt() : p === 1 ? total : total.pow(1 / p);
}

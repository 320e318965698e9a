import { ArgumentError, div, maximum, noGrad, peekGrad, replaceGrad, scope, Tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { listed } from "./base/param-groups.ts";
import { type Check, checked, shown } from "./checks.ts";

/** Options of `clipGradNorm`. */
export interface ClipGradNormOptions {
  /** Which norm: 2 (default), 1, any other positive p, or `Infinity` for the largest absolute value. */
  readonly normType?: number;
}

const bound: Check = { expected: "a number ≥ 0", test: (value) => typeof value === "number" && value >= 0 };
const order: Check = { expected: "a number > 0", test: (value) => typeof value === "number" && value > 0 };

/**
 * Scales the gradients so that their norm, taken over all of them together, is at most `maxNorm`, and returns the norm they had.
 *
 * Nothing is read from the device: the norm is a scalar tensor, and a norm that is not finite makes the gradients NaN or 0. The
 * gradients are replaced; a gradient that was looked at before keeps its values.
 */
export function clipGradNorm(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  { normType = 2 }: ClipGradNormOptions = {},
): Tensor {
  checked("clipGradNorm", { maxNorm, normType }, { maxNorm: bound, normType: order });
  const graded = withGradient("clipGradNorm", parameters);
  if (graded.length === 0) return zeros([]);
  return noGrad(() =>
    scope(() => {
      const total = totalNorm(graded.map(peekGrad) as Tensor[], normType);
      const scale = div(maxNorm, total.add(1e-6)).clamp(0, 1);
      replaceAll(graded, (g) => g.mul(scale.to(g.dtype)));
      return total;
    }),
  );
}

/** Limits every element of the gradients to `[−clipValue, clipValue]`. The gradients are replaced. */
export function clipGradValue(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  checked("clipGradValue", { clipValue }, { clipValue: bound });
  const graded = withGradient("clipGradValue", parameters);
  noGrad(() => scope(() => replaceAll(graded, (g) => g.clamp(-clipValue, clipValue))));
}

/** The leaves that have a gradient with elements. */
function withGradient(op: string, parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const leaves = parameters instanceof Tensor ? [parameters] : listed(op, parameters);
  for (const [i, leaf] of leaves.entries())
    if (!(leaf instanceof Tensor))
      throw new ArgumentError(op, `item ${i} of the parameters is ${shown(leaf)}`, "pass module.parameters()");
  return (leaves as Tensor[]).filter((leaf) => (peekGrad(leaf)?.numel() ?? 0) > 0);
}

function replaceAll(leaves: readonly Tensor[], fn: (g: Tensor) => Tensor): void {
  const clipped = leaves.map((leaf) => fn(peekGrad(leaf)!));
  for (const [i, leaf] of leaves.entries()) replaceGrad(leaf, clipped[i]!);
}

/** `(Σ |g|ᵖ)^(1/p)` over the elements of all tensors. */
function totalNorm(grads: readonly Tensor[], p: number): Tensor {
  if (p === Number.POSITIVE_INFINITY) return grads.map((g) => g.abs().amax()).reduce((a, b) => maximum(a, b));
  const power = (x: Tensor): Tensor => (p === 2 ? x.square() : p === 1 ? x.abs() : x.abs().pow(p));
  const total = grads.map((g) => power(g).sum()).reduce((a, b) => a.add(b));
  return p === 2 ? total.sqrt() : p === 1 ? total : total.pow(1 / p);
}

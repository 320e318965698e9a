import {
  ArgumentError,
  cat,
  fromTypedArray,
  full,
  hostArray,
  type Reduction,
  ShapeError,
  show,
  stack,
  Tensor,
  where,
} from "@descent/core";
import { checkInt32, type LossOptions, loss, lossClass } from "./loss.ts";

/** Options of `ctcLoss`. */
export interface CTCLossOptions extends LossOptions {
  /** `"mean"` (default) divides each loss by the length of its target first. */
  readonly reduction?: Reduction;
  /** The class of the blank. Default 0. */
  readonly blank?: number;
  /** Whether a target that is too long for its input costs 0 instead of ∞. Default false. */
  readonly zeroInfinity?: boolean;
}

/** One length per sample: numbers, an int32 tensor, or one number for a sample without a batch. */
export type Lengths = Tensor | readonly number[] | number;

const OP = "ctcLoss";

/** Stands for the logarithm of 0: small enough to vanish beside every path, and finite, so that no difference of two is NaN. */
const NEVER = -1e30;

/**
 * Connectionist temporal classification (Graves et al. 2006): the negative logarithm of the probability of all alignments of a target with
 * the rows of `logProbs` `[T, N, C]` (or `[T, C]`), which `logSoftmax` has made.
 *
 * The int32 targets are `[N, S]`, padded with anything, or one after the other in one axis; lengths count what is valid of them and of
 * the rows. The gradient is that of `logSoftmax` included, as in PyTorch: `exp(logProbs)` minus the share of each class. Where a
 * target does not fit the loss is ∞, and the gradient tells nothing.
 */
export const ctcLoss = loss<
  CTCLossOptions,
  [logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths]
>(
  OP,
  { blank: 0, zeroInfinity: false },
  ({ reduction, blank, zeroInfinity }, logProbs, targets, inputLengths, targetLengths) => {
    if (logProbs.ndim !== 2 && logProbs.ndim !== 3)
      throw new ShapeError(OP, `log-probabilities of shape ${show(logProbs.shape)}`, "expected [T,N,C] or [T,C]");
    checkInt32(OP, targets);
    const isBatch = logProbs.ndim === 3;
    const rows = isBatch ? logProbs : logProbs.unsqueeze(1);
    const [T, N, C] = rows.shape as [number, number, number];
    if (!(Number.isInteger(blank) && blank >= 0 && blank < C))
      throw new ArgumentError(OP, `blank ${blank} is no class`, `use 0 to ${C - 1}`);
    const inputs = lengthsOf("inputLengths", inputLengths, N, T);
    const sizes = lengthsOf("targetLengths", targetLengths, N);
    const labels = padded(isBatch ? targets : targets.unsqueeze(0), sizes, blank);
    const losses = pathCosts(rows, labels, inputs, sizes, blank);
    const isPossible = losses.lt(-NEVER / 2);
    const costs = where(isPossible, losses.add(slack(rows, inputs)), zeroInfinity ? 0 : Number.POSITIVE_INFINITY);
    if (reduction !== "mean") return isBatch ? costs : costs.squeeze(0);
    const lengths = sizes.map((n) => Math.max(1, n));
    return costs.div(vector(rows, lengths));
  },
);

/** Lengths as numbers, each of which lies in `[0, most]`. */
function lengthsOf(name: string, given: Lengths, N: number, most = Number.POSITIVE_INFINITY): number[] {
  const lengths = given instanceof Tensor ? [...hostArray(OP, given).values] : [given].flat();
  if (lengths.length !== N) throw new ShapeError(OP, `${lengths.length} ${name} for a batch of ${N}`, "give one each");
  for (const n of lengths)
    if (!(Number.isInteger(n) && n >= 0 && n <= most))
      throw new ArgumentError(OP, `${name} must be integers from 0 to ${most}, got ${n}`);
  return lengths;
}

/** The targets as `[N, S]`, blank where they end. */
function padded(targets: Tensor, sizes: readonly number[], blank: number): Tensor {
  const [N, S] = [sizes.length, Math.max(0, ...sizes)];
  const total = sizes.reduce((sum, n) => sum + n, 0);
  const { backend } = targets;
  if (
    targets.ndim > 2 ||
    (targets.ndim === 2 ? targets.shape[0] !== N || targets.shape[1]! < S : targets.shape[0] !== total)
  )
    throw new ShapeError(
      OP,
      `targets ${show(targets.shape)} of lengths ${show(sizes)}`,
      `expected [${N},${S}] or [${total}]`,
    );
  const width = targets.ndim === 2 ? targets.shape[1]! : null;
  // Where each label stands among all targets; one behind them, where none does.
  const places = new Int32Array(N * S);
  let start = 0;
  for (const [n, size] of sizes.entries()) {
    for (let s = 0; s < S; s++) places[n * S + s] = s < size ? start + s : targets.numel();
    start += width ?? size;
  }
  const all = cat([targets.flatten(), full([1], blank, { dtype: "int32", backend })]);
  return all.indexSelect(0, fromTypedArray(places, [N * S], "int32", { backend })).reshape([N, S]);
}

/** `−log Σ p(path)` per sample, by the forward recursion in logarithms. */
function pathCosts(
  rows: Tensor,
  labels: Tensor,
  inputs: readonly number[],
  sizes: readonly number[],
  blank: number,
): Tensor {
  const [T, N] = rows.shape as [number, number, number];
  const like = { backend: rows.backend, dtype: rows.dtype };
  const gap = full([N, 1], blank, { dtype: "int32", backend: rows.backend });
  // A blank before, between and behind all labels: l′ of length L = 2S + 1.
  const states = cat([gap, stack([labels, gap.expand(labels.shape)], -1).flatten(1)], 1);
  const L = states.shape[1]!;
  const never = full([N, 2], NEVER, like);
  // A path may go past a blank, unless the labels on both sides are one: never from blank to blank.
  const before = cat([gap, gap, states], 1).narrow(1, 0, L);
  const maySkip = states.ne(before);
  const emitted = rows
    .gather(2, states.unsqueeze(0).expand([T, N, L]))
    .maximum(NEVER)
    .unbind(0);
  // Before the first row, the only path stands at the first blank: it may stay there, or go on to the first label.
  let alpha = cat([full([N, 1], 0, like), full([N, L - 1], NEVER, like)], 1);
  emitted.forEach((row, t) => {
    const wide = cat([never, alpha], 1);
    const skipped = where(maySkip, wide.narrow(1, 0, L), NEVER);
    const next = stack([alpha, wide.narrow(1, 1, L), skipped])
      .logsumexp(0)
      .add(row);
    alpha = inputs.every((length) => t < length) ? next : where(mask(rows, inputs, t), next, alpha);
  });
  // A path ends at the last label or the blank behind it.
  const ends = fromTypedArray(Int32Array.from(sizes.flatMap((n) => [2 * n, Math.max(0, 2 * n - 1)])), [N, 2], "int32", {
    backend: rows.backend,
  });
  const isEnd = vector(
    rows,
    sizes.flatMap((n) => [1, Number(n > 0)]),
  ).reshape([N, 2]);
  return where(isEnd.ne(0), alpha.gather(1, ends), NEVER).logsumexp(1).neg();
}

/** 0, with the gradient that makes that of `logSoftmax` part of the loss: `exp(logProbs)` in every valid row. */
function slack(rows: Tensor, inputs: readonly number[]): Tensor {
  const T = rows.shape[0]!;
  const valid = Float64Array.from({ length: T * inputs.length }, (_, i) =>
    Number(Math.floor(i / inputs.length) < inputs[i % inputs.length]!),
  );
  const total = where(vector(rows, valid).reshape([T, -1]).ne(0), rows.exp().sum(2), 0).sum(0);
  return total.sub(total.detach());
}

const vector = (like: Tensor, values: ArrayLike<number>): Tensor =>
  fromTypedArray(Float32Array.from(values), [values.length], "float32", { backend: like.backend }).to(like.dtype);

const mask = (like: Tensor, inputs: readonly number[], t: number): Tensor =>
  vector(
    like,
    inputs.map((length) => Number(t < length)),
  )
    .ne(0)
    .unsqueeze(1);

/** Connectionist temporal classification (Graves et al. 2006) of the rows of `logProbs` `[T, N, C]`, as `ctcLoss`. */
export class CTCLoss extends lossClass("CTCLoss", ctcLoss) {}

import { ShapeError } from "../errors.ts";
import { composite, floating } from "../op.ts";
import { normalizeAxis, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkDType } from "./checks.ts";
import { div, exp, log, mul, neg, sub } from "./elementwise.ts";
import { checkIndex, gather, oneHot } from "./indexing.ts";
import { squeeze, unsqueeze } from "./movement.ts";
import { amax } from "./reduce.ts";
import { sum } from "./sum.ts";

const keepdim = { keepdim: true };

const softmaxOp = composite<[x: Tensor], number>({
  name: "softmax",
  shape: ([x]) => x,
  dtype: floating("softmax"),
  decompose: ([x], axis) => {
    const e = exp(sub(x, amax(x, axis, keepdim)));
    return div(e, sum(e, axis, keepdim));
  },
  saves: ["output"],
  vjp: [(g, { output: y, attrs: axis }) => softmaxGrad([g, y], axis)],
});

const softmaxGrad = composite<[g: Tensor, y: Tensor], number>({
  name: "softmaxGrad",
  shape: ([g]) => g,
  decompose: ([g, y], axis) => mul(y, sub(g, sum(mul(g, y), axis, keepdim))),
});

/** `eˣ / Σ eˣ` along an axis. */
export const softmax = (x: Tensor, dim: number): Tensor =>
  x.numel() === 0 ? x : softmaxOp([x], normalizeAxis("softmax", dim, x.ndim));

const logSoftmaxOp = composite<[x: Tensor], number>({
  name: "logSoftmax",
  shape: ([x]) => x,
  dtype: floating("logSoftmax"),
  decompose: ([x], axis) => {
    const shifted = sub(x, amax(x, axis, keepdim));
    return sub(shifted, log(sum(exp(shifted), axis, keepdim)));
  },
  saves: ["output"],
  vjp: [(g, { output: y, attrs: axis }) => logSoftmaxGrad([g, y], axis)],
});

const logSoftmaxGrad = composite<[g: Tensor, y: Tensor], number>({
  name: "logSoftmaxGrad",
  shape: ([g]) => g,
  decompose: ([g, y], axis) => sub(g, mul(exp(y), sum(g, axis, keepdim))),
});

/** `log softmax(x)` along an axis, without overflow. */
export const logSoftmax = (x: Tensor, dim: number): Tensor =>
  x.numel() === 0 ? x : logSoftmaxOp([x], normalizeAxis("logSoftmax", dim, x.ndim));

const softmaxCrossEntropyOp = composite<[logits: Tensor, target: Tensor]>({
  name: "softmaxCrossEntropy",
  shape: ([logits, target]) => {
    if (logits.length !== 2 || target.length !== 1 || logits[0] !== target[0])
      throw new ShapeError(
        "softmaxCrossEntropy",
        `expected logits [N,C] and classes [N], got ${show(logits)} and ${show(target)}`,
        "give every row of logits one class",
      );
    return target;
  },
  dtype: ([logits, target]) => {
    checkDType("softmaxCrossEntropy", "classes", target, "int32");
    return floating("softmaxCrossEntropy")([logits]);
  },
  decompose: ([logits, target]) => neg(squeeze(gather(logSoftmax(logits, 1), 1, unsqueeze(target, 1)), 1)),
  saves: ["inputs"],
  vjp: [(g, { inputs: [logits, target] }) => softmaxCrossEntropyGrad([g, logits, target]), null],
});

const softmaxCrossEntropyGrad = composite<[g: Tensor, logits: Tensor, target: Tensor]>({
  name: "softmaxCrossEntropyGrad",
  shape: ([, logits]) => logits,
  dtype: ([, logits]) => logits,
  decompose: ([g, logits, target]) =>
    mul(sub(softmax(logits, 1), oneHot(target, logits.shape[1]!, { dtype: logits.dtype })), unsqueeze(g, 1)),
});

/**
 * The cross-entropy of `softmax(logits)` `[N, C]` against int32 classes `[N]`, one loss per row: `[N]`. Classes are looked at first, unless
 * they have been `checked`.
 */
export function softmaxCrossEntropy(logits: Tensor, target: Tensor, checked = false): Tensor {
  // A fused kernel cannot be asked to look.
  if (!checked && logits.ndim === 2 && target.dtype === "int32")
    checkIndex("softmaxCrossEntropy", target, logits.shape[1]!, 1);
  return softmaxCrossEntropyOp([logits, target]);
}

import { ShapeError } from "../errors.ts";
import { composite, floating } from "../op.ts";
import { normalizeAxis, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkDType } from "./checks.ts";
import { div, exp, log, mul, neg, sub } from "./elementwise.ts";
import { checkIndex, gather, oneHot } from "./indexing.ts";
import { squeeze, unsqueeze } from "./movement.ts";
import { gradientOp } from "./pointwise.ts";
import { amax } from "./reduce.ts";
import { sum } from "./sum.ts";

const keepdim = { keepdim: true };

/** A function along an axis whose gradient reads the result alone. */
function alongAll(
  name: string,
  decompose: (x: Tensor, axis: number) => Tensor,
  gradient: (g: Tensor, y: Tensor, axis: number) => Tensor,
) {
  const grad = gradientOp<number>(name, gradient);
  const op = composite<[x: Tensor], number>({
    name,
    shape: ([x]) => x,
    dtype: floating(name),
    decompose: ([x], axis) => decompose(x, axis),
    saves: ["output"],
    vjp: [(g, { output, attrs }) => grad(g, output, attrs)],
  });
  return (x: Tensor, dim: number): Tensor => (x.numel() === 0 ? x : op([x], normalizeAxis(name, dim, x.ndim)));
}

/** `eˣ / Σ eˣ` along an axis. */
export const softmax = alongAll(
  "softmax",
  (x, axis) => {
    const e = exp(sub(x, amax(x, axis, keepdim)));
    return div(e, sum(e, axis, keepdim));
  },
  (g, y, axis) => mul(y, sub(g, sum(mul(g, y), axis, keepdim))),
);

/** `log softmax(x)` along an axis, without overflow. */
export const logSoftmax = alongAll(
  "logSoftmax",
  (x, axis) => {
    const shifted = sub(x, amax(x, axis, keepdim));
    return sub(shifted, log(sum(exp(shifted), axis, keepdim)));
  },
  (g, y, axis) => sub(g, mul(exp(y), sum(g, axis, keepdim))),
);

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

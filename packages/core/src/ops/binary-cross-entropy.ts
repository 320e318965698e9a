import { composite, floating } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkSame } from "./checks.ts";
import { abs, add, div, exp, gt, log, log1p, maximum, mul, neg, sigmoid, sub } from "./elementwise.ts";

const shapeOf =
  (op: string) =>
  ([x, target]: readonly [Shape, Shape]): Shape => {
    checkSame(op, "target", target, x);
    return x;
  };

/** As PyTorch bounds it, so that a probability of 0 costs much, but not everything. */
const boundedLog = (log: Tensor): Tensor => maximum(log, -100);

const probabilities = composite<[p: Tensor, target: Tensor]>({
  name: "binaryCrossEntropy",
  shape: shapeOf("binaryCrossEntropy"),
  dtype: floating("binaryCrossEntropy"),
  decompose: ([p, target]) => neg(add(mul(target, boundedLog(log(p))), mul(sub(1, target), boundedLog(log1p(neg(p)))))),
  saves: ["inputs"],
  vjp: [
    (g, { inputs: [p, target] }) => div(mul(g, sub(p, target)), maximum(mul(sub(1, p), p), 1e-12)),
    (g, { inputs: [p] }) => mul(g, sub(log1p(neg(p)), log(p))),
  ],
});

/** `−t log p − (1 − t) log(1 − p)`, element by element, where no logarithm falls below −100. */
export const binaryCrossEntropy = (p: Tensor, target: Tensor): Tensor => probabilities([p, target]);

const logits = composite<[x: Tensor, target: Tensor]>({
  name: "binaryCrossEntropyWithLogits",
  shape: shapeOf("binaryCrossEntropyWithLogits"),
  dtype: floating("binaryCrossEntropyWithLogits"),
  // log(1 + eˣ) − t x, whose exponential cannot overflow.
  decompose: ([x, target]) => add(mul(x, sub(gt(x, 0), target)), log1p(exp(neg(abs(x))))),
  saves: ["inputs"],
  vjp: [(g, { inputs: [x, target] }) => mul(g, sub(sigmoid(x), target)), (g, { inputs: [x] }) => neg(mul(g, x))],
});

/** The binary cross-entropy of `p = sigmoid(x)`, element by element, without overflow: `log(1 + eˣ) − t x`. */
export const binaryCrossEntropyWithLogits = (x: Tensor, target: Tensor): Tensor => logits([x, target]);

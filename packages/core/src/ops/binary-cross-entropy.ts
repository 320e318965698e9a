import type { Vjp } from "../apply.ts";
import { composite, floating } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { checkSame } from "./checks.ts";
import { abs, add, div, exp, gt, log, log1p, maximum, mul, neg, sigmoid, sub } from "./elementwise.ts";

/** A loss of each element and its target. */
function elementLoss(
  name: string,
  decompose: (x: Tensor, target: Tensor) => Tensor,
  ...vjp: [x: Vjp<Pair>, target: Vjp<Pair>]
): (x: Tensor, target: Tensor) => Tensor {
  const op = composite<Pair>({
    name,
    shape: ([x, target]) => {
      checkSame(name, "target", target, x);
      return x;
    },
    dtype: floating(name),
    decompose: ([x, target]) => decompose(x, target),
    saves: ["inputs"],
    vjp: vjp as [Vjp<Pair, void>, Vjp<Pair, void>],
  });
  return (x, target) => op([x, target]);
}

type Pair = [x: Tensor, target: Tensor];

/** As PyTorch bounds it, so that a probability of 0 costs much, but not everything. */
const boundedLog = (log: Tensor): Tensor => maximum(log, -100);

/** `−t log p − (1 − t) log(1 − p)`, element by element, where no logarithm falls below −100. */
export const binaryCrossEntropy = elementLoss(
  "binaryCrossEntropy",
  (p, target) => neg(add(mul(target, boundedLog(log(p))), mul(sub(1, target), boundedLog(log1p(neg(p)))))),
  (g, { inputs: [p, target] }) => div(mul(g, sub(p, target)), maximum(mul(sub(1, p), p), 1e-12)),
  (g, { inputs: [p] }) => mul(g, sub(log1p(neg(p)), log(p))),
);

/** The binary cross-entropy of `p = sigmoid(x)`, element by element, without overflow: `log(1 + eˣ) − t x`. */
export const binaryCrossEntropyWithLogits = elementLoss(
  "binaryCrossEntropyWithLogits",
  // log(1 + eˣ) − t x, whose exponential cannot overflow.
  (x, target) => add(mul(x, sub(gt(x, 0), target)), log1p(exp(neg(abs(x))))),
  (g, { inputs: [x, target] }) => mul(g, sub(sigmoid(x), target)),
  (g, { inputs: [x] }) => neg(mul(g, x)),
);

import { promote } from "../dtype.ts";
import { scope } from "../memory.ts";
import { composite, floating } from "../op.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { checkSame } from "./checks.ts";
import { div, mul, square, sub } from "./elementwise.ts";
import { sum } from "./sum.ts";

/** How a loss per element or row becomes the result. */
export type Reduction = "none" | "mean" | "sum";

const mseLossOp = composite<[x: Tensor, target: Tensor], Reduction>({
  name: "mseLoss",
  shape: ([x, target], reduction) => {
    checkSame("mseLoss", "target", target, x);
    return reduction === "none" ? x : [];
  },
  dtype: floating("mseLoss"),
  decompose: ([x, target], reduction) => {
    const losses = square(sub(x, target));
    if (reduction === "none") return losses;
    return reduction === "sum" ? sum(losses) : div(sum(losses), sizeOf(x.shape));
  },
  saves: ["inputs"],
  vjp: [
    (g, { inputs: [x, target], attrs }) => mseLossGrad([g, x, target], attrs),
    (g, { inputs: [x, target], attrs }) => mseLossGrad([g, target, x], attrs),
  ],
});

/** The gradient in `x`; that in the target is the same with both exchanged. */
const mseLossGrad = composite<[g: Tensor, x: Tensor, target: Tensor], Reduction>({
  name: "mseLossGrad",
  shape: ([, x]) => x,
  decompose: ([g, x, target], reduction) => mul(mul(g, reduction === "mean" ? 2 / sizeOf(x.shape) : 2), sub(x, target)),
});

/** The squared differences of two tensors of one shape: their mean, their sum, or all of them. */
export function mseLoss(x: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor {
  if (x.dtype === target.dtype) return mseLossOp([x, target], reduction);
  const dtype = promote(x.dtype, target.dtype);
  return scope(() => mseLossOp([cast(x, dtype), cast(target, dtype)], reduction));
}

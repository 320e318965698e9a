import { type Block, type Operand, type Spec, sizeOf } from "@descent/core";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { lazy } from "./lazy.ts";
import { COLUMNS } from "./reduce/kernels.ts";
import { type AxisOperation, defineColumns, defineCrossEntropy, defineRows } from "./softmax/kernels.ts";

type X = Operand<Block>;

/** Nanoseconds that an element takes. */
const COST = 0.8;

/** Softmax and its logarithm along any axis, cross-entropy of logits, and the gradients of them, in float32. */
export function softmax(runtime: Runtime) {
  const { pager } = runtime;
  const rows = lazy(() => runtime.compile(defineRows));
  const columns = lazy(() => runtime.compile(defineColumns));
  const crossEntropy = lazy(() => runtime.compile(defineCrossEntropy));

  /** An operation of one or two operands along an axis. */
  const alongAxis =
    (name: AxisOperation) =>
    (operands: readonly X[], axis: number, out: readonly Spec[]): Block[] | null => {
      const { shape, dtype } = operands[0]!;
      if (dtype !== "float32") return null;
      pager.begin(name);
      for (const { handle } of operands) pager.use(handle);
      const y = pager.allocate(bytesOf(out[0]!));
      const addresses = [operands[0]!.handle, operands.at(-1)!.handle, y].map((block) => pager.address(block));
      const size = shape[axis]!;
      const inner = sizeOf(shape.slice(axis + 1));
      const outer = sizeOf(shape.slice(0, axis));
      if (inner === 1) runtime.launch(rows()[name], outer, COST * size, [...addresses, 4 * size]);
      else {
        const items = outer * Math.ceil(inner / COLUMNS);
        const cost = COST * size * Math.min(inner, COLUMNS);
        runtime.launch(columns()[name], items, cost, [...addresses, size, 4 * inner]);
      }
      return [y];
    };

  /** A kernel on the rows of `logits`. */
  function onLogits(kernel: "loss" | "gradient", operands: readonly X[], logits: X, out: readonly Spec[]) {
    if (logits.dtype !== "float32") return null;
    pager.begin("softmaxCrossEntropy");
    for (const { handle } of operands) pager.use(handle);
    const y = pager.allocate(bytesOf(out[0]!));
    const addresses = [...operands.map(({ handle }) => handle), y].map((block) => pager.address(block));
    const [n, classes] = logits.shape as readonly [number, number];
    runtime.launch(crossEntropy()[kernel], n, COST * classes, [...addresses, 4 * classes]);
    return [y];
  }

  return {
    softmax: alongAxis("softmax"),
    softmaxGrad: alongAxis("softmaxGrad"),
    logSoftmax: alongAxis("logSoftmax"),
    logSoftmaxGrad: alongAxis("logSoftmaxGrad"),
    softmaxCrossEntropy: (operands: readonly [logits: X, target: X], _: undefined, out: readonly Spec[]) =>
      onLogits("loss", operands, operands[0], out),
    softmaxCrossEntropyGrad: (operands: readonly [g: X, logits: X, target: X], _: undefined, out: readonly Spec[]) =>
      onLogits("gradient", operands, operands[1], out),
  } satisfies FusedKernels;
}

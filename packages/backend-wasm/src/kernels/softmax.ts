import type { Block, Operand, Spec } from "@descent/core";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { lazy } from "./lazy.ts";
import { launchAlong } from "./reduce/columns.ts";
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

  /** Runs `launch` with the addresses of operands and result. */
  function run(name: string, operands: readonly X[], [out]: readonly Spec[], launch: (addresses: number[]) => void) {
    pager.begin(name);
    for (const { handle } of operands) pager.use(handle);
    const y = pager.allocate(bytesOf(out!));
    launch([...operands.map(({ handle }) => handle), y].map((block) => pager.address(block)));
    return [y];
  }

  /** An operation of one or two operands along an axis. */
  const alongAxis =
    (name: AxisOperation) =>
    (operands: readonly X[], axis: number, out: readonly Spec[]): Block[] | null => {
      const { shape, dtype } = operands[0]!;
      if (dtype !== "float32") return null;
      return run(name, [operands[0]!, operands.at(-1)!], out, (addresses) =>
        launchAlong(
          runtime,
          shape,
          axis,
          () => rows()[name],
          () => columns()[name],
          addresses,
          COST,
        ),
      );
    };

  /** A kernel on the rows of `logits`. */
  function onLogits(kernel: "loss" | "gradient", operands: readonly X[], logits: X, out: readonly Spec[]) {
    if (logits.dtype !== "float32") return null;
    const [n, classes] = logits.shape as readonly [number, number];
    return run("softmaxCrossEntropy", operands, out, (addresses) =>
      runtime.launch(crossEntropy()[kernel], n, COST * classes, [...addresses, 4 * classes]),
    );
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

import { CustomFunction, type FunctionContext, GradientError, Tensor } from "@descent/core";

/** Gradients of the positional inputs, or of the outputs; `null` where there is none. */
export type Gradients = readonly (Tensor | null)[];
type See = (gradients: Gradients) => Gradients;

/** Hands tensors on, and shows their gradients, all at once. */
class BackwardHook extends CustomFunction {
  static forward(ctx: FunctionContext & { see?: See }, see: See, ...xs: Tensor[]): readonly Tensor[] {
    ctx.see = see;
    ctx.setMaterializeGrads(false);
    return xs;
  }

  static backward(ctx: FunctionContext & { see: See }, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    return [null, ...ctx.see(gradients)];
  }
}

/** The values with their tensors watched. `see` gets gradients in the places of the values. */
function watch(values: readonly unknown[], see: See): readonly unknown[] {
  const places = values.flatMap((value, i) => (value instanceof Tensor && value.requiresGrad ? i : []));
  if (places.length === 0) return values;
  const tensors = BackwardHook.apply(
    (gradients) => {
      const all = see(values.map((_, i) => gradients[places.indexOf(i)] ?? null));
      return places.map((i) => all[i] ?? null);
    },
    ...places.map((i) => values[i] as Tensor),
  );
  return values.map((value, i) => tensors[places.indexOf(i)] ?? value);
}

/** What hooks make of gradients: `undefined` keeps them. */
export type Answer = Gradients | Tensor | null | undefined;

export function answered(op: string, answer: Answer, gradients: Gradients): Gradients {
  if (answer == null) return gradients;
  const replaced = answer instanceof Tensor ? [answer] : answer;
  if (replaced.length !== gradients.length)
    throw new GradientError(
      op,
      `the hook returned ${replaced.length} gradients in place of ${gradients.length}`,
      "return one for each, or nothing",
    );
  return replaced;
}

/**
 * Runs `forward` so that `onOutput` sees the gradients of its outputs, and `onInput` those of its inputs with them, once both are known;
 * where no input has one, at once.
 */
export function watched(
  op: string,
  inputs: readonly unknown[],
  forward: (inputs: readonly unknown[]) => unknown,
  onOutput: (outputs: Gradients) => Gradients,
  onInput: (inputs: Gradients, outputs: Gradients) => Gradients,
): unknown {
  let outputGradients: Gradients = [];
  const watchedInputs = watch(inputs, (gradients) => onInput(gradients, outputGradients));
  const output = forward(watchedInputs);
  if (!(output instanceof Tensor || Array.isArray(output)))
    throw new GradientError(
      op,
      "forward() returned neither a tensor nor an array",
      "register the hook on a module that does",
    );
  const outputs = watch(output instanceof Tensor ? [output] : output, (gradients) => {
    outputGradients = onOutput(gradients);
    if (watchedInputs === inputs)
      onInput(
        inputs.map(() => null),
        outputGradients,
      );
    return outputGradients;
  });
  return output instanceof Tensor ? outputs[0] : outputs;
}

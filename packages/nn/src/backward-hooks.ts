import { CustomFunction, type FunctionContext, Tensor } from "@descent/core";

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
export function watch(values: readonly unknown[], see: See): readonly unknown[] {
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

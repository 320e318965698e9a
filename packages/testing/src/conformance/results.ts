import { type Backend, grad, scope, sizeOf, type Tensor, tensor, withBackend } from "@descent/core";
import type { Elements } from "../expect-close.ts";
import { leavesOf, type OpCall, outputsOf } from "../op-case.ts";
import type { Suite } from "./suite.ts";

/** Values by what they are. */
export type Results = ReadonlyMap<string, Elements>;

/** A gradient for an output that differs from element to element. */
const gradientFor = ({ shape, dtype, backend }: Tensor): Tensor =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => (((i * 7) % 11) - 4) / 8),
    { dtype, backend },
  ).reshape(shape);

/** Values and first-order gradients of a call. */
export async function resultsOf(call: OpCall, backend: Backend, dtype: "float32" | "float64"): Promise<Results> {
  const tensors = withBackend(backend, () =>
    scope(() => {
      const inputs = leavesOf(call, { dtype, backend });
      const outputs = outputsOf(call.call(...inputs));
      const ends = outputs.filter((y) => y.requiresGrad);
      const wanted = inputs.filter((x) => x.requiresGrad);
      const gradients =
        ends.length === 0 ? [] : grad(ends, wanted, { gradOutputs: ends.map(gradientFor), allowUnused: true });
      return [
        ...outputs.map((y, i) => [`output ${i}`, y] as const),
        ...gradients.flatMap((g, i) =>
          g === null ? [] : [[`gradient of input ${inputs.indexOf(wanted[i]!)}`, g] as const],
        ),
      ];
    }),
  );
  const results = new Map<string, Elements>();
  for (const [name, t] of tensors) {
    results.set(name, { shape: t.shape, dtype: t.dtype, data: await t.data() });
    t.dispose();
  }
  return results;
}

/** Compares all results of a call, which has to give the same ones. */
export function expectSameResults(suite: Suite, actual: Results, expected: Results): void {
  const [got, want] = [[...actual.keys()], [...expected.keys()]];
  if (got.join() !== want.join()) throw new Error(`got ${got.join(", ")}, expected ${want.join(", ")}`);
  for (const [name, y] of actual) suite.compare(y, expected.get(name)!, name);
}

import { grad, withBackend } from "@descent/core";
import { type Elements, expectClose } from "../expect-close.ts";
import { type FunctionCase, goldenCases, goldenTensor, titleOf } from "../golden.ts";
import { DEVIATIONS, GOLDEN_FUNCTIONS } from "../golden-functions.ts";
import type { Suite } from "./suite.ts";

/** PyTorch's values and gradients, of every op that is there. */
export function goldenConformance(suite: Suite): void {
  const { backend } = suite;
  for (const file of ["functions", "edges"] as const)
    for (const c of goldenCases<FunctionCase>(file)) {
      const call = GOLDEN_FUNCTIONS[c.op];
      if (call === undefined) continue;
      suite.test(`golden: ${file} ${titleOf(c)}`, async () => {
        const wanted = Object.keys(c.grads ?? {});
        const [y, gradients] = withBackend(backend, () => {
          const inputs = Object.fromEntries(
            Object.entries(c.inputs).map(([name, x]) => [
              name,
              goldenTensor(x, { requiresGrad: wanted.includes(name) }),
            ]),
          );
          const y = call(inputs, c.args as never);
          const xs = wanted.map((name) => inputs[name]!);
          return [y, wanted.length === 0 ? [] : grad(y, xs, { gradOutputs: goldenTensor(c.gradOutput!) })] as const;
        });
        const read = async (x: typeof y): Promise<Elements> => ({
          shape: x.shape,
          dtype: x.dtype,
          data: await x.data(),
        });
        const { output } = { ...c, ...DEVIATIONS[titleOf(c)] };
        expectClose(await read(y), { dtype: "float32", ...output }, suite.golden, "output");
        for (const [i, name] of wanted.entries())
          expectClose(await read(gradients[i]!), c.grads![name]!, suite.golden, `gradient of ${name}`);
      });
    }
}

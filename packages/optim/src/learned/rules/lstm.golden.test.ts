import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { expectClose } from "@descent/testing";
import { expect, test } from "vitest";
import { LearnedOptimizer, type LSTMArchitecture, lstmRule } from "../index.ts";

interface Golden {
  readonly architecture: Required<LSTMArchitecture>;
  readonly lr: number;
  readonly weights: Readonly<Record<string, number[]>>;
  readonly start: number[];
  readonly grads: readonly number[][];
  readonly trajectory: readonly number[][];
}
const url = new URL("../../../../testing/golden/lstm-optimizer.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(url, "utf8")) as { readonly cases: readonly Golden[] };
const dtype = "float64";

test.each(cases.map((golden) => [golden.architecture, golden] as const))(
  "the LSTM of %j makes the steps of PyTorch's cells",
  (architecture, { lr, weights, start, grads, trajectory }) => {
    setBackend(cpu());
    const tensors = Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, tensor(w, { dtype })]));
    const p = new Parameter(tensor(start, { dtype }));
    const optimizer = new LearnedOptimizer(lstmRule(architecture), tensors, [p], { lr });
    for (const [t, g] of grads.entries()) {
      p.grad = tensor(g, { dtype });
      optimizer.step();
      expectClose(p, tensor(trajectory[t]!, { dtype }), 1e-12, `step ${t + 1}`);
    }
    expect(grads).toHaveLength(4);
  },
);

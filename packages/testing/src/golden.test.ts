import { cpu } from "@descent/backend-cpu";
import * as core from "@descent/core";
import { type Backend, grad, withBackend } from "@descent/core";
import { functional } from "@descent/nn";
import { describe, expect, test } from "vitest";
import { expectClose } from "./expect-close.ts";
import { type FunctionCase, goldenCases, goldenTensor, titleOf } from "./golden.ts";
import { GOLDEN_FUNCTIONS } from "./golden-functions.ts";

const CASES = [...goldenCases<FunctionCase>("functions"), ...goldenCases<FunctionCase>("edges")];
const PENDING = [];
test.each(CASES.filter((c) => c.op in GOLDEN_FUNCTIONS))("$op $args", (c) => {
  withBackend(cpu(), () => {
    const inputs = Object.fromEntries(
      Object.entries(c.inputs).map(([name, x]) => [
        name,
        goldenTensor(x, { requiresGrad: c.grads !== undefined && name in c.grads }),
      ]),
    );
    const y = GOLDEN_FUNCTIONS[c.op]!(inputs, c.args as never);
    const errs: string[] = [];
    const tr = (f: () => void) => {
      try {
        f();
      } catch (e) {
        errs.push((e as Error).message);
      }
    };
    tr(() => expectClose(y, { dtype: "float32", ...c.output }, {}, "output"));
    if (c.grads) {
      const names = Object.keys(c.grads);
      const gs = grad(
        y,
        names.map((n) => inputs[n]!),
        { gradOutputs: goldenTensor(c.gradOutput!) },
      );
      names.forEach((n, i) => tr(() => expectClose(gs[i]!, c.grads![n]!, {}, "grad " + n)));
    }
    if (errs.length) throw new Error(errs.join(" | "));
  });
});
console.log([...new Set(CASES.map((c) => c.op).filter((o) => !(o in GOLDEN_FUNCTIONS)))].join(" "));

import fc from "fast-check";
import { withoutFused } from "../members.ts";
import { OP_CASES } from "../op-cases.ts";
import { expectSameResults, resultsOf } from "./results.ts";
import type { Suite } from "./suite.ts";

/** Every fused kernel that the backend has: values and gradients equal those of the decomposition, on the same device. */
export function fusedConformance(suite: Suite): void {
  const plain = withoutFused(suite.backend);
  const { draws = 40 } = suite.options;
  for (const name of Object.keys(suite.backend.fused ?? {})) {
    suite.test(`fused: ${name}`, () =>
      fc.assert(
        fc.asyncProperty(OP_CASES[name]!, fc.constantFrom(...suite.floats), async (call, dtype) => {
          const expected = await resultsOf(call, plain, dtype);
          expectSameResults(suite, await resultsOf(call, suite.backend, dtype), expected);
        }),
        { numRuns: 1.5 * draws },
      ),
    );
  }
}

import fc from "fast-check";
import { OP_CASES } from "../op-cases.ts";
import { expectSameResults, resultsOf } from "./results.ts";
import type { Suite } from "./suite.ts";

/** Every op, through its public function: values and gradients equal the reference's. */
export function opConformance(suite: Suite): void {
  for (const [name, c] of Object.entries(OP_CASES)) {
    // Moving elements to another backend waits for them.
    if (name === "transfer" && !suite.backend.synchronous) continue;
    suite.test(`op: ${name}`, () =>
      fc.assert(
        fc.asyncProperty(c, fc.constantFrom(...suite.floats), async (call, dtype) => {
          const expected = await resultsOf(call, suite.reference, dtype);
          expectSameResults(suite, await resultsOf(call, suite.backend, dtype), expected);
        }),
        { numRuns: 40 },
      ),
    );
  }
}

import { registry } from "@descent/core";
import fc from "fast-check";
import { FUNCTION_CASES, HOST_FUNCTIONS } from "../function-cases.ts";
import { OP_CASES } from "../op-cases.ts";
import { expectSameResults, resultsOf } from "./results.ts";
import type { Suite } from "./suite.ts";

/** Whether an op or function reads values, as one does that moves elements to another backend. Not every device can be waited for. */
export const waits = (name: string): boolean =>
  name === "transfer" || HOST_FUNCTIONS.has(name) || registry.get(name)?.host === true;

/** Every op, through its public function, and the functions made of them: values and gradients equal the reference's. */
export function opConformance(suite: Suite): void {
  const { draws = 40 } = suite.options;
  for (const [name, c] of Object.entries({ ...FUNCTION_CASES, ...OP_CASES })) {
    if (!suite.backend.synchronous && waits(name)) continue;
    suite.test(`op: ${name}`, () =>
      fc.assert(
        fc.asyncProperty(c, fc.constantFrom(...suite.floats), async (call, dtype) => {
          const expected = await resultsOf(call, suite.reference, dtype);
          expectSameResults(suite, await resultsOf(call, suite.backend, dtype), expected);
        }),
        { numRuns: name in OP_CASES ? draws : draws / 2 },
      ),
    );
  }
}

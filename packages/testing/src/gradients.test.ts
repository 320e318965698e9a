import { cpu } from "@descent/backend-cpu";
import { gradcheck, gradgradcheck, registry, type Tensor } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leavesOf, type OpCall, outputsOf } from "./op-case.ts";
import { OP_CASES } from "./op-cases.ts";

// Central differences of doubles are good to about nine digits; what is off by more than this is wrong.
const TOLERANCE = { atol: 1e-6, rtol: 1e-5 };
const RUNS = 20;

const backend = cpu();
const checked = { gradient: new Set<string>(), second: new Set<string>() };
for (const [name, c] of Object.entries(OP_CASES)) {
  describe(name, () => {
    test("gradient", () => {
      fc.assert(fc.property(c, (call) => {
        const xs = leavesOf(call, { dtype: "float64", backend });
        if (!xs.some(x => x.requiresGrad)) return;
        gradcheck(call.call, xs, { ...TOLERANCE, ...(call.eps && { eps: call.eps }) });
      }), { numRuns: RUNS });
    });
    test("gradient of the gradient", () => {
      fc.assert(fc.property(c, (call) => {
        const xs = leavesOf(call, { dtype: "float64", backend });
        if (!xs.some(x => x.requiresGrad)) return;
        gradgradcheck(call.call, xs, { ...TOLERANCE, ...(call.eps && { eps: call.eps }) });
      }), { numRuns: RUNS / 2 });
    });
  });
}
test("all", () => { expect(Object.keys(OP_CASES).sort()).toEqual([...registry.keys()].sort()); });

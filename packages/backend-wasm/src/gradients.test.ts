import { type Backend, gradcheck, type Tensor } from "@descent/core";
import "@descent/core/methods";
import { FUNCTION_CASES, leavesOf, OP_CASES, type OpCall, outputsOf } from "@descent/testing";
import fc from "fast-check";
import { describe, test } from "vitest";
import { wasm } from "./index.ts";
import { hostileBackend } from "./testing/hostile-backend.ts";

/** Rounding to float32 moves a difference by 1e-7 / eps, the third derivative by eps². */
const TOLERANCE = { eps: 2 ** -6, atol: 2e-2, rtol: 2e-2 };

/** A call that computes in float32 between inputs and outputs of float64, which `gradcheck` wants for its differences. */
const inFloat32 =
  ({ call }: OpCall) =>
  (...xs: Tensor[]): Tensor[] =>
    outputsOf(call(...xs.map((x) => (x.dtype === "float64" ? x.to("float32") : x)))).map((y) =>
      y.dtype === "float32" ? y.to("float64") : y,
    );

/** Kinks that may lie within a step as wide as ours; the conformance suite compares these gradients. */
const KINKED = ["marginRankingLoss"];
const CASES = { ...FUNCTION_CASES, ...OP_CASES };
const NAMES = Object.keys(CASES).filter((name) => !KINKED.includes(name));

function checkAll(backend: Backend): void {
  test.each(NAMES)("%s", (name) => {
    const run = (call: OpCall): void => {
      const xs = leavesOf(call, { dtype: "float64", backend });
      if (xs.some((x) => x.requiresGrad)) gradcheck(inFloat32(call), xs, TOLERANCE);
    };
    fc.assert(fc.property(CASES[name]!, run), { numRuns: 8 });
  });
}

describe("gradients in float32 equal central differences", () => {
  checkAll(wasm({ threads: 1 }));
});

describe("gradients in float32 equal central differences, with two threads", () => {
  checkAll(hostileBackend());
});

import * as core from "@descent/core";
import { functional } from "@descent/nn";
import { expect, test } from "vitest";
import { type FunctionCase, goldenCases, titleOf } from "./golden.ts";
import { DEVIATIONS, GOLDEN_FUNCTIONS } from "./golden-functions.ts";

// The values are compared in the conformance suite, on every backend. Here: nothing is forgotten.

/** Ops of the golden files that do not exist yet. They move to GOLDEN_FUNCTIONS with their function. */
const PENDING = [
  "tan atan atan2 asin acos sinh cosh atanh log2 prod norm einsum pad tril",
  "softplus elu leakyRelu selu hardswish hardsigmoid mish relu6 logSigmoid softsign",
].flatMap((names) => names.split(" "));

const cases = [...goldenCases<FunctionCase>("functions"), ...goldenCases<FunctionCase>("edges")];
const names = (values: Iterable<string>): string[] => [...new Set(values)].sort();

test("every op of the golden files is called or pending", () => {
  expect(names([...Object.keys(GOLDEN_FUNCTIONS), ...PENDING])).toEqual(names(cases.map(({ op }) => op)));
  expect(PENDING.filter((name) => name in GOLDEN_FUNCTIONS)).toEqual([]);
});

test("what is pending has no function yet", () => {
  expect(PENDING.filter((name) => name in core || name in core.Tensor.prototype || name in functional)).toEqual([]);
});

test("every deviation is one of a case", () => {
  const titles = new Set(cases.map(titleOf));
  expect(Object.keys(DEVIATIONS).filter((title) => !titles.has(title))).toEqual([]);
});

test("NaN and the infinities of the files are numbers", () => {
  const all = cases.flatMap(({ inputs, output, gradOutput, grads }) =>
    [...Object.values({ ...inputs, ...grads }), output, ...(gradOutput === undefined ? [] : [gradOutput])].flatMap(
      ({ data }) => data,
    ),
  );
  expect(all.every((value) => typeof value === "number")).toBe(true);
  expect(all.some(Number.isNaN)).toBe(true);
  expect(all).toContain(Number.NEGATIVE_INFINITY);
});

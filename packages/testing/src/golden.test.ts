import { expect, test } from "vitest";
import { type FunctionCase, goldenCases, titleOf } from "./golden.ts";
import { DEVIATIONS, GOLDEN_FUNCTIONS } from "./golden-functions.ts";
import { GOLDEN_LOSSES, GOLDEN_MODULES, type LossCase, type ModuleCase } from "./golden-modules.ts";

// The values are compared in the conformance suite, on every backend. Here: nothing is forgotten.

const cases = [...goldenCases<FunctionCase>("functions"), ...goldenCases<FunctionCase>("edges")];
const names = (values: Iterable<string>): string[] => [...new Set(values)].sort();

test("every op of the golden files is called", () => {
  expect(names(Object.keys(GOLDEN_FUNCTIONS))).toEqual(names(cases.map(({ op }) => op)));
});

test("every module and loss of the golden files is made", () => {
  const classes = [
    ...goldenCases<ModuleCase>("modules").map((c) => c.module),
    ...(["losses", "loss-edges", "loss-options"] as const).flatMap((file) =>
      goldenCases<LossCase>(file).map((c) => c.loss),
    ),
  ];
  expect(names(Object.keys({ ...GOLDEN_MODULES, ...GOLDEN_LOSSES }))).toEqual(names(classes));
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

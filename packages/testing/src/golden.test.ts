import * as core from "@descent/core";
import * as nn from "@descent/nn";
import { expect, test } from "vitest";
import { type FunctionCase, goldenCases, titleOf } from "./golden.ts";
import { DEVIATIONS, GOLDEN_FUNCTIONS } from "./golden-functions.ts";
import { GOLDEN_LOSSES, GOLDEN_MODULES, type LossCase, type ModuleCase } from "./golden-modules.ts";

// The values are compared in the conformance suite, on every backend. Here: nothing is forgotten.

/** Ops of the golden files that do not exist yet. They move to GOLDEN_FUNCTIONS with their function. */
const PENDING = [
  "tan atan atan2 asin acos sinh cosh atanh log2 prod norm einsum pad",
  "softplus elu leakyRelu selu hardswish hardsigmoid mish relu6 logSigmoid softsign",
].flatMap((names) => names.split(" "));

const cases = [...goldenCases<FunctionCase>("functions"), ...goldenCases<FunctionCase>("edges")];
const names = (values: Iterable<string>): string[] => [...new Set(values)].sort();

test("every op of the golden files is called or pending", () => {
  expect(names([...Object.keys(GOLDEN_FUNCTIONS), ...PENDING])).toEqual(names(cases.map(({ op }) => op)));
  expect(PENDING.filter((name) => name in GOLDEN_FUNCTIONS)).toEqual([]);
});

test("what is pending has no function yet", () => {
  expect(PENDING.filter((name) => name in core || name in core.Tensor.prototype || name in nn.functional)).toEqual([]);
});

/** Modules and losses of the golden files that do not exist yet. */
const PENDING_CLASSES = [
  "AdaptiveMaxPool2d",
  "Bilinear",
  "Conv1d",
  "Conv3d",
  "ConvTranspose2d",
  "GLU",
  "GroupNorm",
  "InstanceNorm2d",
  "LocalResponseNorm",
  "MultiheadAttention",
  "PReLU",
  "PixelShuffle",
  "RMSNorm",
  "ReflectionPad2d",
  "TransformerEncoderLayer",
  "Unfold",
  "Upsample",
];

test("every module and loss of the golden files is made or pending, and what is pending is not there", () => {
  const classes = [
    ...goldenCases<ModuleCase>("modules").map((c) => c.module),
    ...(["losses", "loss-edges", "loss-options"] as const)
      .flatMap((file) => goldenCases<LossCase>(file))
      .map((c) => c.loss),
  ];
  expect(names([...Object.keys({ ...GOLDEN_MODULES, ...GOLDEN_LOSSES }), ...PENDING_CLASSES])).toEqual(names(classes));
  expect(PENDING_CLASSES.filter((name) => name in nn)).toEqual([]);
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

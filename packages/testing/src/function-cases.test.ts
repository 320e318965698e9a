import { readdirSync, readFileSync } from "node:fs";
import * as core from "@descent/core";
import { functional } from "@descent/nn";
import { expect, test } from "vitest";

const folder = new URL("cases/", import.meta.url);
const sources = [
  new URL("function-cases.ts", import.meta.url),
  ...readdirSync(folder).map((name) => new URL(name, folder)),
]
  .map((file) => readFileSync(file, "utf8"))
  .join("\n");
const called = new Set(sources.match(/\w+/g));

/** What makes and keeps tensors, sets modes, takes functions, or serves those who make ops and backends; all of it has tests of its own. */
const NO_FUNCTIONS_OF_ELEMENTS = `
  tensor fromTypedArray full fullLike empty emptyLike zerosLike onesLike arange linspace logspace eye trilIndices triuIndices
  uniform rand randn randint randLike randnLike randintLike randperm standardNormal manualSeed getRngState setRngState
  detectAnomaly isAnomalyEnabled setDetectAnomaly setLocator noGrad inferenceMode isGradEnabled isInferenceModeEnabled setGradEnabled
  checkpoint checkpointSequential hessian hvp jacobian jvp vhp vjp gradcheck gradgradcheck retainGrad peekGrad replaceGrad
  getBackend setBackend withBackend setPrintOptions scope composite primitive hostArray sameDType checkIndex
  broadcastStrides normalizeAxes normalizeAxis reducedShape sameShape show stridesOf threefry uniform24 uniform53
  allocate isArrayOf bytesPerElement isFloat promote promoteNumber toFloat dtypeOf allclose maxPoolIndices
`;

const exempt = new Set(NO_FUNCTIONS_OF_ELEMENTS.split(/\s+/));

test.each(Object.entries({ core, functional }))("every function of tensors in %s has a case", (_, space) => {
  const names = Object.entries(space).flatMap(([name, value]) =>
    typeof value === "function" && /^[a-z]/.test(name) && !exempt.has(name) ? [name] : [],
  );
  expect(names.filter((name) => !called.has(name))).toEqual([]);
});

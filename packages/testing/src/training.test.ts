import { cpu } from "@descent/backend-cpu";
import { withBackend } from "@descent/core";
import { expect, test } from "vitest";
import { u } from "./formula.ts";
import { fusedBackend } from "./fused-backend.ts";
import { goldenCases } from "./golden.ts";
import { batch, describeTraining, type TrainingCase } from "./golden-training.ts";

test("the formula gives the numbers that PyTorch was given", () => {
  const digits = (values: readonly number[]): number[] => values.map((value) => Number(value.toPrecision(8)));
  expect(digits([0, 1, 2, 3].map((i) => u(i, 0)))).toEqual([0.2354551, 0.30327284, 0.95834535, 0.82835883]);
  const [lenet] = goldenCases<TrainingCase>("training");
  const [, labels] = withBackend(cpu(), () => batch(lenet!, 0));
  expect([...labels.dataSync()]).toEqual([9, 9, 9, 9, 9, 8, 4, 8, 8, 2, 1, 2, 8, 0, 1, 2]);
});

describeTraining("cpu", cpu);
describeTraining("a backend with fused kernels", fusedBackend, ["convbn"]);

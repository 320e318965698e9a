import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { setBackend } from "@descent/core";
import { lenet } from "@descent/testing";
import { describe, expect, test } from "vitest";
import * as nn from "./index.ts";

// Values and gradients of modules and losses are compared in the conformance suite, on every backend.

setBackend(cpu());

describe("architectures printed as in PyTorch", () => {
  const convbn = (): nn.Layer[] => [
    new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3, { padding: 1, groups: 2 }),
    new nn.BatchNorm2d(16),
    new nn.SiLU(),
    new nn.AvgPool2d(2),
    new nn.Flatten(),
    new nn.Linear(256, 5),
  ];
  const models: Record<string, () => nn.Layer[]> = { lenet: () => [...lenet()], convbn };
  const file = new URL("../../testing/golden/training.json", import.meta.url);
  const cases: { model: string; layers: string[]; finalSums: Record<string, number> }[] = JSON.parse(
    readFileSync(file, "utf8"),
  ).cases;

  test.each(cases.map((c) => [c.model, c] as const))("%s", (name, c) => {
    const model = new nn.Sequential(models[name]!());
    expect([...model].map(String)).toEqual(c.layers);
    const floats = Object.entries(model.stateDict()).filter(([, t]) => t.dtype === "float32");
    expect(floats.map(([key]) => key)).toEqual(Object.keys(c.finalSums));
  });
});

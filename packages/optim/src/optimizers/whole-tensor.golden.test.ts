import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";

// What PyTorch, timm, prodigyopt and dadaptation answer in float64, with every option.

interface Problem {
  readonly shapes: readonly number[][];
  readonly params: readonly number[][];
  readonly grads: readonly (readonly (number[] | null)[])[];
}
interface Case {
  readonly optimizer: string;
  readonly options: object;
  readonly problem: string;
  readonly trajectory: readonly (readonly number[][])[];
  readonly d?: readonly number[];
}
const url = new URL("../../../testing/golden/optimizers-whole-tensor.json", import.meta.url);
const golden = JSON.parse(readFileSync(url, "utf8")) as {
  readonly problems: Readonly<Record<string, Problem>>;
  readonly cases: readonly Case[];
};

const CLASSES: Record<string, unknown> = {
  Adafactor: optim.Adafactor,
  Muon: optim.Muon,
  LAMB: optim.LAMB,
  LARS: optim.LARS,
  Prodigy: optim.Prodigy,
  DAdaptAdam: optim.DAdaptAdam,
  DAdaptSGD: optim.DAdaptSGD,
  DAdaptAdaGrad: optim.DAdaptAdaGrad,
  DAdaptLion: optim.DAdaptLion,
};
/** The references compute in float64 throughout. */
const make = (name: string, parameters: readonly Parameter[], options: object): optim.Prodigy =>
  new (CLASSES[name] as typeof optim.Prodigy)(
    parameters,
    name === "Muon" ? { ...options, nsPrecision: "full" } : options,
  );

beforeEach(() => setBackend(cpu()));

const close = (x: number, expected: number, tolerance: number): void =>
  expect(Math.abs(x - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));

describe("optimizers over whole tensors follow their references", () => {
  test.each(golden.cases.map((c) => [`${c.optimizer} ${JSON.stringify(c.options)}`, c] as const))("%s", (_, c) => {
    const { shapes, params, grads } = golden.problems[c.problem]!;
    const placed = (x: readonly number[], i: number) => tensor([...x], { dtype: "float64" }).reshape(shapes[i]!);
    const parameters = params.map((x, i) => new Parameter(placed(x, i)));
    const optimizer = make(c.optimizer, parameters, c.options);
    // timm counts the steps of a group, and so its cases leave out where a gradient is missing.
    const given = c.trajectory.length === grads.length ? grads : grads.filter((gs) => gs.every((g) => g !== null));
    for (const [t, gradients] of given.entries()) {
      for (const [i, p] of parameters.entries()) {
        const g = gradients[i] ?? null;
        p.grad = g === null ? null : placed(g, i);
      }
      optimizer.step();
      for (const [i, p] of parameters.entries())
        for (const [k, x] of p.dataSync().entries()) close(x, c.trajectory[t]![i]![k]!, 1e-12);
      const d = c.d?.[t];
      if (d !== undefined) close(optimizer.d / d, 1, 1e-8);
    }
  });

  test("there are cases of all of them", () => {
    expect([...new Set(golden.cases.map(({ optimizer }) => optimizer))].sort()).toEqual(Object.keys(CLASSES).sort());
  });
});

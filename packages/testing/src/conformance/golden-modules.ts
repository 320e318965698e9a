import { grad, type Tensor, withBackend } from "@descent/core";
import { expect } from "vitest";
import { type Elements, expectClose } from "../expect-close.ts";
import { type GoldenTensor, goldenCases, goldenTensor } from "../golden.ts";
import { GOLDEN_LOSSES, GOLDEN_MODULES, type LossCase, type ModuleCase } from "../golden-modules.ts";
import type { Suite } from "./suite.ts";

/** What a test compares: a name, what came out, and what PyTorch says. */
type Comparison = readonly [name: string, actual: Tensor | null | undefined, expected: GoldenTensor];

const isFloating = ({ dtype = "float32" }: GoldenTensor): boolean => dtype === "float32";

/** PyTorch's modules and losses, of every class that is there: results, gradients and buffers. */
export function goldenModuleConformance(suite: Suite): void {
  // How a module sums up decides the signs of zeros.
  const tolerance = { ...suite.golden, signedZero: false };
  const compare = async (comparisons: readonly Comparison[]): Promise<void> => {
    for (const [name, actual, expected] of comparisons) {
      if (actual == null) throw new Error(`${name} is missing`);
      const read: Elements = { shape: actual.shape, dtype: actual.dtype, data: await actual.data() };
      expectClose(read, { dtype: "float32", ...expected }, tolerance, name);
    }
  };
  const test = (name: string, run: () => readonly Comparison[]): void =>
    suite.test(`golden: ${name}`, () => compare(withBackend(suite.backend, run)));

  for (const [i, c] of goldenCases<ModuleCase>("modules").entries()) {
    const make = GOLDEN_MODULES[c.module];
    if (make !== undefined) test(`module ${i} ${c.module} ${JSON.stringify(c.args)}`, () => runModule(make, c));
  }
  for (const file of ["losses", "loss-edges", "loss-options"] as const)
    for (const [i, c] of goldenCases<LossCase>(file).entries()) {
      const make = GOLDEN_LOSSES[c.loss];
      if (make !== undefined)
        test(`${file} ${i} ${c.loss} ${JSON.stringify(c.args).slice(0, 80)}`, () => {
          const input = goldenTensor(c.input, { requiresGrad: true });
          const y = make(c.args)(
            input,
            c.extra.map((x) => goldenTensor(x)),
            goldenTensor(c.target),
          );
          return [
            ["output", y, c.output],
            ["gradient of the input", grad(y, input, { gradOutputs: goldenTensor(c.gradOutput) }), c.inputGrad],
          ];
        });
    }
}

function runModule(make: (typeof GOLDEN_MODULES)[string], c: ModuleCase): readonly Comparison[] {
  const module = make(c.args).train(c.train);
  expect(Object.keys(module.stateDict())).toEqual(Object.keys(c.stateDict));
  module.loadStateDict(Object.entries(c.stateDict).map(([name, value]) => [name, goldenTensor(value)]));
  const inputs = c.inputs.map((x) => goldenTensor(x, { requiresGrad: isFloating(x) }));
  // Recurrent layers and attention return a list that begins with the output.
  const result = module.call(...(inputs as never[])) as Tensor | readonly Tensor[];
  const y = "shape" in result ? result : result[0]!;
  y.backward(goldenTensor(c.gradOutput));
  const [grads, buffers] = [new Map(module.namedParameters()), new Map(module.namedBuffers())];
  expect([...grads.keys()]).toEqual(Object.keys(c.paramGrads));
  expect([...buffers.keys()]).toEqual(Object.keys(c.buffersAfter));
  return [
    ["output", y, c.output],
    ...c.inputGrads.flatMap((g, i): Comparison[] =>
      g === null ? [] : [[`gradient of input ${i}`, inputs[i]!.grad, g]],
    ),
    ...Object.entries(c.paramGrads).map(([name, g]): Comparison => [`gradient of ${name}`, grads.get(name)!.grad, g]),
    ...Object.entries(c.buffersAfter).map(([name, b]): Comparison => [name, buffers.get(name), b]),
  ];
}

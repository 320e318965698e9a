import { type Parameter, Tensor } from "@descent/core";
import fc from "fast-check";
import { expect } from "vitest";
import { type Elements, expectClose } from "../expect-close.ts";
import {
  type AnOptimizer,
  give,
  OPTIMIZER_CASES,
  type Place,
  parametersOf,
  placed,
  trainingProblem,
} from "../optimizer-cases.ts";
import type { Suite } from "./suite.ts";

type Dict = ReturnType<AnOptimizer["stateDict"]>;

/** Every optimizer: one step from the same state, which the reference has come to, gives the same values and the same state. */
export function optimizerConformance(suite: Suite): void {
  const { draws = 40 } = suite.options;
  for (const [name, { make, options }] of Object.entries(OPTIMIZER_CASES)) {
    const cases = fc.record({ options, problem: trainingProblem, dtype: fc.constantFrom(...suite.floats) });
    suite.test(`optimizer: ${name}`, () =>
      fc.assert(
        fc.asyncProperty(cases, async ({ options, problem: { shapes, start, grads }, dtype }) => {
          const place = { backend: suite.backend, dtype };
          const parameters = parametersOf(shapes, start, { backend: suite.reference, dtype });
          const optimizer = make(parameters, options);
          const last = grads.length - 1;
          for (const gradients of grads.slice(0, last)) {
            give(parameters, gradients);
            optimizer.step();
          }
          const values = await Promise.all(parameters.map((p) => p.data()));
          const tested = parametersOf(shapes, values, place);
          const resumed = make(tested, options);
          resumed.loadStateDict(await moved(optimizer.stateDict(), place));

          give(parameters, grads[last]!);
          optimizer.step();
          give(tested, grads[last]!);
          await resumed.stepAsync();
          const [actual, expected] = [await results(tested, resumed), await results(parameters, optimizer)];
          expect([...actual.keys()]).toEqual([...expected.keys()]);
          for (const [what, x] of expected)
            if (typeof x === "object") expectClose(actual.get(what) as Elements, x, suite.tolerance(dtype), what);
            else expect(actual.get(what), what).toBe(x);
        }),
        { numRuns: draws / 2 },
      ),
    );
  }
}

/** A state dict with its tensors in another place. */
async function moved(dict: Dict, place: Place): Promise<Dict> {
  const state: Record<string, object> = {};
  for (const [i, entry] of Object.entries(dict.state)) {
    const values = Object.entries<unknown>(entry).map(async ([name, x]) => [
      name,
      x instanceof Tensor ? placed(await x.data(), x.shape, place) : x,
    ]);
    state[i] = Object.fromEntries(await Promise.all(values)) as object;
  }
  return { ...dict, state: state as Dict["state"] };
}

/** Values and state after a step, by what they are. */
async function results(
  parameters: readonly Parameter[],
  optimizer: AnOptimizer,
): Promise<Map<string, Elements | number>> {
  const all: [string, unknown][] = parameters.map((p, i) => [`parameter ${i}`, p]);
  for (const [i, entry] of Object.entries(optimizer.stateDict().state))
    for (const [name, x] of Object.entries<unknown>(entry)) all.push([`${name} of parameter ${i}`, x]);
  const read = all.map(async ([what, x]) => {
    const value = x instanceof Tensor ? { shape: x.shape, dtype: x.dtype, data: await x.data() } : (x as number);
    return [what, value] as const;
  });
  return new Map(await Promise.all(read));
}

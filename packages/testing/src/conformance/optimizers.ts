import { type DType, noGrad, type Parameter, Tensor } from "@descent/core";
import type { PointwiseRule, StateValue } from "@descent/optim";
import fc from "fast-check";
import { expect } from "vitest";
import { type Elements, expectClose } from "../expect-close.ts";
import { OPTIMIZER_CASES, type Options } from "../optimizer-cases.ts";
import { type Place, parametersOf, placed, prepared, trainingProblem } from "../training-problem.ts";
import type { Suite } from "./suite.ts";

/** A state dict that any optimizer with a rule of its own could have. */
interface Dict {
  readonly state: Readonly<Record<number, { readonly step: number } & Record<string, StateValue>>>;
  readonly paramGroups: readonly Options[];
}

/**
 * Every optimizer: one step from the same state, which the reference has come to, gives the same values and the same state. Where it is a
 * program, so does its rule, op by op on the same device.
 */
export function optimizerConformance(suite: Suite): void {
  const { draws = 40 } = suite.options;
  for (const [name, kind] of Object.entries(OPTIMIZER_CASES)) {
    const { rule, make, options, closure } = kind;
    const cases = fc.record({ options, problem: trainingProblem(kind), dtype: fc.constantFrom(...suite.floats) });
    suite.test(`optimizer: ${name}`, () =>
      fc.assert(
        fc.asyncProperty(cases, async ({ options, problem: { shapes, start, grads }, dtype }) => {
          const place = { backend: suite.backend, dtype };
          const parameters = parametersOf(shapes, start, { backend: suite.reference, dtype });
          const optimizer = make(parameters, options);
          for (const gradients of grads.slice(0, -1)) optimizer.step(prepared(closure, parameters, gradients));
          const tested = parametersOf(shapes, await Promise.all(parameters.map((p) => p.data())), place);
          const resumed = make(tested, options);
          const saved = await moved(optimizer.stateDict(), place);
          resumed.loadStateDict(saved);

          const last = grads.at(-1)!;
          optimizer.step(prepared(closure, parameters, last));
          const again = prepared(closure, tested, last);
          const said = rule !== null && "pointwise" in rule ? byRule(rule, tested, saved as Dict) : null;
          await resumed.stepAsync(again);
          const actual = { parameters: tested, dict: resumed.stateDict() };
          await expectAlike(suite, dtype, actual, { parameters, dict: optimizer.stateDict() });
          if (said !== null) await expectAlike(suite, dtype, actual, said);
        }),
        { numRuns: draws / 2 },
      ),
    );
  }
}

/** Something nested with its tensors in another place. */
async function moved(x: unknown, place: Place): Promise<unknown> {
  if (x instanceof Tensor) return placed(await x.data(), x.shape, place);
  if (typeof x !== "object" || x === null) return x;
  if (Array.isArray(x)) return Promise.all(x.map((item) => moved(item, place)));
  const entries = Object.entries(x).map(async ([name, item]) => [name, await moved(item, place)]);
  return Object.fromEntries(await Promise.all(entries)) as unknown;
}

/** What a step comes to, by a pointwise rule, op by op. */
function byRule(
  { init, update }: PointwiseRule<Options, Record<string, StateValue>>,
  parameters: readonly Parameter[],
  dict: Dict,
): { readonly parameters: readonly Tensor[]; readonly dict: Dict } {
  const [hyper] = dict.paramGroups as [Options];
  const state = { ...dict.state };
  const values = parameters.map((p, i) => {
    if (p.grad === null) return p.detach();
    const { step, ...saved } = state[i] ?? { step: 0 };
    const t = step + 1;
    const next = noGrad(() => update(p, p.grad!, { ...init(p, hyper), ...saved } as never, hyper, t));
    const present = Object.entries<StateValue>(next.state as Record<string, StateValue>).filter(([, x]) => x !== null);
    state[i] = { ...Object.fromEntries(present), step: t };
    return next.p as Tensor;
  });
  return { parameters: values, dict: { ...dict, state } };
}

/** Compares all tensors and numbers in something nested. */
async function expectAlike(suite: Suite, dtype: DType, actual: unknown, expected: unknown): Promise<void> {
  const [got, want] = [await leavesOf(actual), await leavesOf(expected)];
  expect([...got.keys()].sort()).toEqual([...want.keys()].sort());
  for (const [where, x] of want)
    if (typeof x === "object" && x !== null)
      expectClose(got.get(where) as Elements, x as Elements, suite.tolerance(dtype), where);
    else expect(got.get(where), where).toBe(x);
}

/** What is in something nested, by where it is: the elements of its tensors, and numbers as those of a scalar. */
async function leavesOf(x: unknown, where = ""): Promise<Map<string, unknown>> {
  if (x instanceof Tensor) return new Map([[where, { shape: x.shape, dtype: x.dtype, data: await x.data() }]]);
  if (typeof x === "number") return new Map([[where, { shape: [], data: [x] }]]);
  if (typeof x !== "object" || x === null) return new Map([[where, x]]);
  const parts = Object.entries(x).map(async ([name, item]) => [...(await leavesOf(item, `${where}.${name}`))]);
  return new Map((await Promise.all(parts)).flat());
}

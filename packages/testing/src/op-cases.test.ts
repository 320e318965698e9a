import { cpu } from "@descent/backend-cpu";
import { isFloat, registry, type Tensor, withBackend } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { NEVER_TWICE, TWICE } from "./cases/twice.ts";
import { fusedBackend } from "./fused-backend.ts";
import { differentiableInputs, leavesOf, type OpCase, outputsOf } from "./op-case.ts";
import { OP_CASES } from "./op-cases.ts";

type Edge = NonNullable<Tensor["edge"]>;
type Call = Extract<Edge["node"], { outputs: unknown }>;

const SAMPLES = 40;
const backend = cpu();
// A composite that is differentiated through its decomposition leaves a call on the tape only where a kernel answers it.
const fused = fusedBackend();
const names = (values: Iterable<string>): string[] => [...values].sort();

/** The calls of an op on the tape behind some outputs. */
function recorded(name: string, outputs: readonly Tensor[]): Call[] {
  const found = new Set<Call>();
  const stack = outputs.map(({ edge }) => edge);
  for (let edge = stack.pop(); edge !== undefined; edge = stack.pop()) {
    if (edge === null || edge.node.op === null || found.has(edge.node)) continue;
    found.add(edge.node);
    stack.push(...edge.node.inputs);
  }
  return [...found].filter(({ op }) => op.name === name);
}

/** The recorded calls of an op in a sample of its case. */
const sampled = (name: string, c: OpCase): Call[] =>
  withBackend(fused, () =>
    fc.sample(c, SAMPLES).flatMap((drawn) => {
      const xs = leavesOf(drawn, { dtype: "float64", backend: fused });
      return recorded(name, outputsOf(drawn.call(...xs)));
    }),
  );

/** Inputs by number; of ops with any number of them, those that a sample has. */
const reachedInputs = (calls: readonly Call[]): Set<number> =>
  new Set(calls.flatMap(({ inputs }) => inputs.flatMap((edge, i) => (edge === null ? [] : [i]))));

/** Whether an input was a number or an index in all calls that had it, which never have a gradient. */
const isDiscrete = (calls: readonly Call[], input: number): boolean =>
  calls.every(({ inputs, savedInputs }) => {
    const x = savedInputs[input];
    return input >= inputs.length || typeof x === "number" || (x != null && !isFloat(x.dtype));
  });

describe("the gate", () => {
  test("every op of the registry has a case, and every case an op", () => {
    expect(names(Object.keys(OP_CASES))).toEqual(names(registry.keys()));
  });

  test("every op that is differentiable in two inputs has a case in which one tensor is both", () => {
    const several = [...registry.values()].filter((op) => differentiableInputs(op).length > 1);
    expect(names(Object.keys({ ...TWICE, ...NEVER_TWICE }))).toEqual(names(several.map(({ name }) => name)));
  });
});

describe.each(Object.entries(OP_CASES))("the case of %s", (name, c) => {
  const op = registry.get(name)!;

  test("calls it", () => {
    const run = vi.spyOn(op, "run");
    try {
      for (const call of fc.sample(c, SAMPLES)) {
        const xs = leavesOf(call, { dtype: "float64", backend });
        withBackend(backend, () => call.call(...xs));
      }
      expect(run).toHaveBeenCalled();
    } finally {
      run.mockRestore();
    }
  });

  test("asks for the gradient of every input that has one", () => {
    const calls = sampled(name, c);
    const most = Math.max(0, ...calls.map(({ inputs }) => inputs.length));
    expect(names([...reachedInputs(calls)].map(String))).toEqual(
      names(
        differentiableInputs(op)
          .filter((i) => i < most && !isDiscrete(calls, i))
          .map(String),
      ),
    );
    expect(calls.length > 0).toBe(differentiableInputs(op).length > 0);
  });
});

describe.each(Object.entries(TWICE))("the case of %s with one tensor twice", (name, c) => {
  test("passes it twice", () => {
    const twice = sampled(name, c).some(({ inputs }) =>
      inputs.some((edge, i) => edge !== null && inputs.indexOf(edge) < i),
    );
    expect(twice).toBe(true);
  });
});

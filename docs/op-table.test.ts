import { cpu } from "@descent/backend-cpu";
import { type Backend, type Definition, grad, isFloat, Pager, registry, type Tensor, withBackend } from "@descent/core";
import { FUNCTION_CASES, leavesOf, OP_CASES, type OpCall, type OpCase, outputsOf } from "@descent/testing";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { wasm } from "../packages/backend-wasm/src/index.ts";
import { Runtime } from "../packages/backend-wasm/src/runtime.ts";

// The table of ops in docs/ops.md is found out by running every op, and this test fails where the page says something else.
// `npx vitest run docs/op-table.test.ts -u` writes it anew.

const SAMPLES = 20;
/** How often an op is differentiated to see whether it can be done again. */
const ORDERS = 3;

const reference = cpu();
const fast = wasm({ threads: 1 });

const sample = (c: OpCase): readonly OpCall[] => fc.sample(c, { numRuns: SAMPLES, seed: 1 });

const run = (call: OpCall, backend: Backend, dtype: "float32" | "float64"): [xs: Tensor[], ys: readonly Tensor[]] =>
  withBackend(backend, () => {
    const xs = leavesOf(call, { dtype, backend });
    return [xs, outputsOf(call.call(...xs))];
  });

/** How often the result can be differentiated: 0, or without end. That a gradient has none of its own because it is constant does not end it. */
function orderOf(c: OpCase): string {
  let differentiable = false;
  for (const call of sample(c))
    withBackend(reference, () => {
      const [xs, ys] = run(call, reference, "float64");
      const wanted = xs.filter((x) => x.requiresGrad);
      let ends = ys.filter((y) => y.requiresGrad && isFloat(y.dtype));
      for (let order = 1; order <= ORDERS && ends.length > 0; order++) {
        const gradients = grad(ends, wanted, { gradOutputs: ends, createGraph: true, allowUnused: true });
        differentiable = true;
        ends = gradients.filter((g): g is Tensor => g?.requiresGrad === true);
      }
    });
  return differentiable ? "any" : "–";
}

/** What computes most calls on the fast backend. Only kernels that are lent by the reference run without the runtime's doing. */
function fastPath(c: OpCase, op: Definition | undefined): string {
  if (op?.host) return "host";
  if (op !== undefined && Object.hasOwn(fast.fused ?? {}, op.name)) return "fused SIMD kernel";
  const [all, own] = [vi.spyOn(Pager.prototype, "run"), vi.spyOn(Runtime.prototype, "run")];
  try {
    const lent = sample(c).filter((call) => {
      all.mockClear();
      own.mockClear();
      run(call, fast, "float32");
      return all.mock.calls.length > own.mock.calls.length;
    });
    return lent.length > SAMPLES / 2 ? "loops of the reference" : "SIMD kernels";
  } finally {
    all.mockRestore();
    own.mockRestore();
  }
}

const kindOf = (op: Definition): string => (op.host ? "host" : op.fused === null ? "primitive" : "composite");

test("docs/ops.md says what there is", async () => {
  const rows = (cases: Readonly<Record<string, OpCase>>, kind: (op: Definition | undefined) => readonly string[]) =>
    Object.entries(cases)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, c]) => {
        const op = registry.get(name);
        return `| ${[`\`${name}\``, ...kind(op), orderOf(c), "yes", fastPath(c, op)].join(" | ")} |`;
      });
  const page = [
    "# Ops",
    "",
    "Found out by running every op (`docs/op-table.test.ts`). An op of which gradients exist has them to any order, because they are written in",
    "ops; first and second ones are compared with differences in every test run. A *composite* is made of other ops and may have a fused kernel;",
    "*host* ops compute on the host and need a backend that can be waited for. Everything is there in float32 and float64, unless it is about",
    "integers or bools.",
    "",
    "| op | kind | order of gradients | `backend-cpu` | `backend-wasm` (float32) |",
    "|---|---|---|---|---|",
    ...rows(OP_CASES, (op) => [kindOf(op!)]),
    "",
    "## Functions made of ops",
    "",
    "They are compared and differentiated in the same tests. Some lines stand for several functions of one kind.",
    "",
    "| function | order of gradients | `backend-cpu` | `backend-wasm` (float32) |",
    "|---|---|---|---|",
    ...rows(FUNCTION_CASES, () => []),
    "",
  ].join("\n");
  await expect(page).toMatchFileSnapshot("ops.md");
}, 120_000);

import { cpu } from "@descent/backend-cpu";
import { type Backend, grad, scope, sizeOf, type Tensor, tensor, withBackend } from "@descent/core";
import "@descent/core/methods";
import {
  describeBackend,
  type Elements,
  expectClose,
  FUNCTION_CASES,
  leavesOf,
  OP_CASES,
  type OpCall,
  outputsOf,
  waits,
} from "@descent/testing";
import fc from "fast-check";
import { beforeAll, describe, test } from "vitest";
import { type GpuBackend, gpu } from "./index.ts";
import { CONFORMANCE } from "./testing/deviations.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

await provideWebGpu();

describeBackend("gpu (webgpu), many draws", () => gpu({ mode: "webgpu" }), { ...CONFORMANCE, draws: 16, report: true });

/** A gradient that differs from element to element. */
const seedFor = ({ shape, dtype, backend }: Tensor): Tensor =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => (((i * 5) % 7) - 2) / 4),
    { dtype, backend },
  ).reshape(shape);

/** The gradients of the gradients of a call, where there are any. */
async function secondOrder(call: OpCall, backend: Backend): Promise<(Elements | null)[]> {
  const gradients = withBackend(backend, () =>
    scope(() => {
      const inputs = leavesOf(call, { dtype: "float32", backend });
      const leaves = inputs.filter((x) => x.requiresGrad);
      const outputs = outputsOf(call.call(...inputs)).filter((y) => y.requiresGrad);
      if (outputs.length === 0) return [];
      const first = grad(outputs, leaves, {
        gradOutputs: outputs.map(seedFor),
        createGraph: true,
        allowUnused: true,
      }).filter((g): g is Tensor => g?.requiresGrad === true);
      if (first.length === 0) return [];
      return grad(first, leaves, { gradOutputs: first.map(seedFor), allowUnused: true });
    }),
  );
  return Promise.all(
    gradients.map(async (g) => (g === null ? null : { shape: g.shape, dtype: g.dtype, data: await g.data() })),
  );
}

describe("gradients of gradients equal the reference's", () => {
  let device: GpuBackend;
  beforeAll(async () => {
    device = await gpu({ mode: "webgpu" });
  });

  const cases = Object.entries({ ...FUNCTION_CASES, ...OP_CASES }).filter(([name]) => !waits(name));
  test.each(cases)("%s", (_, calls) =>
    fc.assert(
      fc.asyncProperty(calls, async (call) => {
        const [actual, expected] = [await secondOrder(call, device), await secondOrder(call, cpu())];
        for (const [i, want] of expected.entries())
          if (want !== null) expectClose(actual[i]!, want, 1e-4, `second gradient of input ${i}`);
      }),
      { numRuns: 4 },
    ),
  );
});

import { BackendError, tensor } from "@descent/core";
import "@descent/core/methods";
import { describeBackend } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { gpu } from "./index.ts";
import { CONFORMANCE } from "./testing/deviations.ts";

// Without a device: nothing here provides one.

// A denormal stays one where JavaScript computes.
const skip = CONFORMANCE.skip.filter(({ test }) => !test.startsWith("golden"));
describeBackend("gpu (cpu)", () => gpu({ mode: "cpu" }), { ...CONFORMANCE, draws: 4, skip });

describe("where no device opens", () => {
  test("gpu() says what it tried and why each failed", async () => {
    const error: unknown = await gpu().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(BackendError);
    expect(String(error)).toBe(
      "BackendError: gpu: no device could be opened (webgpu: there is no navigator.gpu (in Node, the package webgpu makes one); " +
        "webgl2: there is no WebGL2 context with float textures; headlessgl: the package gl is not installed, or its context has no float textures); " +
        'use backend-wasm, or gpu({ mode: "cpu" }) to look for errors without a GPU',
    );
  });

  test("a mode that is asked for is the only one tried", async () => {
    await expect(gpu({ mode: "webgl2" })).rejects.toThrow(
      "gpu: no device could be opened (webgl2: there is no WebGL2 context with float textures); use",
    );
  });
});

test("the mode for debugging says that it runs on the CPU, and can be waited for", async () => {
  const backend = await gpu({ mode: "cpu" });
  const x = tensor([1, 2, 3], { backend });
  expect([...x.mul(x).dataSync()]).toEqual([1, 4, 9]);
  expect(backend.name).toBe("gpu (cpu)");
  expect(backend.describe()).toMatchObject({ mode: "cpu", adapter: "gpu.js on the CPU", hostFallback: {} });
});

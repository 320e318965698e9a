import { expect, test } from "vitest";
import { gpu } from "./index.ts";
import { liveArrays } from "./testing/live-arrays.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

test("10,000 steps in which nothing is disposed leave no array on the device", async () => {
  await provideWebGpu();
  const backend = await gpu({ mode: "webgpu" });
  const live = await liveArrays(backend, 10_000);
  const { launches, compilations } = backend.describe();
  console.log(`${launches} launches of ${compilations} shaders; arrays on the device: ${live.join(", ")}`);
  expect(Math.max(...live)).toBeLessThan(live[0]! + 10);
});

import { expect, test } from "vitest";
import { gpu } from "./index.ts";
import { liveArrays } from "./testing/live-arrays.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

test("200 steps in which nothing is disposed leave no array on the device", async () => {
  await provideWebGpu();
  const live = await liveArrays(await gpu({ mode: "webgpu" }), 200);
  expect(Math.max(...live)).toBeLessThan(live[0]! + 10);
});

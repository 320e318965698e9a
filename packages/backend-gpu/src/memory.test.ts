import { full } from "@descent/core";
import "@descent/core/methods";
import { expect, test } from "vitest";
import { gpu } from "./index.ts";
import { liveArrays } from "./testing/live-arrays.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

test("200 steps in which nothing is disposed leave no array on the device", async () => {
  await provideWebGpu();
  const live = await liveArrays(await gpu({ mode: "webgpu" }), 200);
  expect(Math.max(...live)).toBeLessThan(live[0]! + 10);
});

test("beyond the budget, what nobody holds is found without waiting for the engine", async () => {
  await provideWebGpu();
  const budget = 2 ** 20;
  const backend = await gpu({ mode: "webgpu", budget });
  let most = 0;
  for (let step = 0; step < 400; step++) {
    const x = full([2 ** 14], step, { backend });
    await x.add(1).data();
    most = Math.max(most, backend.describe().bytes);
  }
  expect(most).toBeGreaterThan(budget);
  expect(most).toBeLessThan(4 * budget);
});

test("a budget is a number of bytes", async () => {
  await expect(gpu({ mode: "cpu", budget: Number.NaN })).rejects.toThrow(
    "gpu: budget must be a positive number of bytes, got NaN",
  );
});

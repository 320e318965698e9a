import { tensor } from "@descent/core";
import "@descent/core/methods";
import { expect, test } from "vitest";
import { WebGPUContext } from "./gpu-js.ts";
import { gpu } from "./index.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

// In a process of its own, whose device is harmed.

test("what the device reports by itself is an error at the next read", async () => {
  await provideWebGpu();
  const backend = await gpu({ mode: "webgpu" });
  const x = tensor([1, 2], { backend });
  expect([...(await x.data())]).toEqual([1, 2]);
  const { device } = await WebGPUContext.acquire();
  device.createBuffer({ size: 2 ** 40, usage: 0x80 });
  await expect(x.data()).rejects.toThrow(
    /^read: the device reported an error in what was launched before: Buffer size \(1099511627776\) exceeds .*; make a new backend with await gpu\(\), and load the last checkpoint$/s,
  );
});

test("a lost device is an error at the next read that says what to do, and a new backend works", async () => {
  await provideWebGpu();
  const backend = await gpu({ mode: "webgpu" });
  const x = tensor([1, 2], { backend });
  expect([...(await x.data())]).toEqual([1, 2]);
  const { device } = await WebGPUContext.acquire();
  device.destroy();
  await device.lost;
  await expect(x.add(1).data()).rejects.toThrow(
    /^add: the device failed on a result of 2 elements: .*different WebGPU device; make a new backend with await gpu\(\), and load the last checkpoint$/,
  );
  await expect(x.data()).rejects.toThrow(/^read: the device failed on a result of 2 elements: .*lost/);
  const next = await gpu({ mode: "webgpu" });
  expect([...(await tensor([1, 2], { backend: next }).add(1).data())]).toEqual([2, 3]);
});

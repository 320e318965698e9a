import {
  BackendError,
  DTypeError,
  full,
  manualSeed,
  OutOfMemoryError,
  randn,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { beforeAll, describe, expect, test } from "vitest";
import { Device } from "./device.ts";
import { type GpuBackend, gpu } from "./index.ts";
import { openDevice } from "./modes.ts";
import { asynchronousQueue } from "./queue.ts";
import { shader } from "./shaders/shader.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

let backend: GpuBackend;
beforeAll(async () => {
  await provideWebGpu();
  backend = await gpu({ mode: "webgpu" });
});

const on = (...values: number[]): Tensor => tensor(values, { backend });

describe("reading", () => {
  test("nobody can wait for WebGPU", async () => {
    expect(() => on(1).dataSync()).toThrow(
      'dataSync: backend "gpu (webgpu)" computes asynchronously; use await data()',
    );
    const x = { handle: backend.fill(1, { shape: [], dtype: "float32" }), shape: [], dtype: "float32" as const };
    expect(() => backend.download(x)).toThrow(
      "download: WebGPU computes asynchronously, so that nobody can wait for it; use await data()",
    );
    expect([...(await backend.read(x))]).toEqual([1]);
  });

  test("a read sees what was launched before it, and nothing of what was freed or launched after", async () => {
    const x = on(1, 2, 3);
    const y = x.add(1);
    const reads = [x.data(), y.data()];
    x.dispose();
    const z = y.mul(y);
    y.dispose();
    expect(await Promise.all([...reads, z.data()])).toEqual([
      Float32Array.of(1, 2, 3),
      Float32Array.of(2, 3, 4),
      Float32Array.of(4, 9, 16),
    ]);
  });
});

describe("what fails on the device", () => {
  /** A shader that no device compiles. */
  const broken = shader("broken", { arrays: ["xs"], scalars: [], body: () => "return xs[i] + nothing;" });
  const copy = shader("copy", { arrays: ["xs"], scalars: [], body: () => "return xs[i];" });

  test("comes up at the next read, of what was made of it too, with the name of the op; the others go on", async () => {
    const device = new Device(await openDevice("webgpu"), asynchronousQueue());
    const x = device.upload("upload", Float32Array.of(1, 2));
    const wrong = device.launch("matmul", broken, [x], [], 2);
    const later = device.launch("add", copy, [wrong], [], 2);
    const right = device.launch("add", copy, [x], [], 2);
    for (const y of [wrong, later]) {
      const error: unknown = await device.read(y).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(BackendError);
      expect(String(error)).toMatch(/^BackendError: matmul: the device failed on a result of 2 elements: .*nothing/s);
    }
    expect(await device.read(right)).toEqual(Float32Array.of(1, 2));
    for (const y of [x, wrong, later, right]) device.free(y);
    await device.read(device.upload("upload", Float32Array.of(1)));
    expect(device.counts.live).toBe(1);
  });

  test("a tensor of more than 2^24 elements", () => {
    expect(() => full([2 ** 12, 2 ** 12 + 1], 0, { backend })).toThrow(OutOfMemoryError);
    expect(() => full([2 ** 24 + 1], 0, { backend })).toThrow(
      "fill: the GPU backend holds at most 2^24 = 16777216 elements in one tensor, and this one has 16777217; split the tensor, or use backend-wasm",
    );
  });

  test("a dtype that there is not", () => {
    expect(() => tensor([1], { dtype: "float64", backend })).toThrow(DTypeError);
    expect(() => backend.upload(Float64Array.of(1), { shape: [1], dtype: "float64" })).toThrow(
      "upload: the GPU backend has no float64; convert to float32",
    );
  });

  test("an int32 that float32 does not hold, when it comes and when it is read", async () => {
    const message = (op: string, value: number): string =>
      `${op}: the GPU backend computes int32 in float32, which is exact up to 2^24 = 16777216, and element 0 is ${value}; use float32, or compute it on backend-wasm`;
    const int = (value: number): Tensor => tensor([value], { dtype: "int32", backend });
    expect(() => int(2 ** 24 + 1)).toThrow(message("upload", 16777217));
    expect([
      ...(await int(2 ** 24 - 1)
        .add(1)
        .data()),
    ]).toEqual([2 ** 24]);
    await expect(
      int(2 ** 23)
        .mul(4)
        .data(),
    ).rejects.toThrow(message("read", 2 ** 25));
  });
});

test("describe() tells what the backend runs on, and counts", async () => {
  const fresh = await gpu({ mode: "webgpu" });
  expect(fresh.describe()).toMatchObject({ mode: "webgpu", hostFallback: {}, launches: 0, compilations: 0, live: 0 });
  expect(fresh.describe().adapter).not.toBe("");
  expect(fresh.describe().limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
  await withBackend(fresh, () => {
    manualSeed(0);
    const [x, y, stack] = [randn([3, 4]), randn([5, 4]), randn([2, 4, 5])] as const;
    // Other shapes and transposed operands take the same shader, a stack takes another.
    return [x.matmul(y, false, true), y.matmul(x, false, true), x.matmul(stack)];
  })[2]!.data();
  expect(fresh.describe()).toMatchObject({ launches: 3, compilations: 2, live: 6 });
});

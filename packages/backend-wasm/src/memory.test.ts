import { OutOfMemoryError, type Tensor, tensor, withBackend, zeros } from "@descent/core";
import "@descent/core/methods";
import { describeBackend, withBefore } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { detectEngine } from "./engine.ts";
import { wasm } from "./index.ts";
import { Runtime } from "./runtime.ts";
import { highBackend } from "./testing/high-backend.ts";
import { backendOver } from "./wasm.ts";

const MIB = 2 ** 20;
const BUDGET = 96 * 1024;
const small = wasm({ threads: 1, budget: BUDGET });
/** Needs the whole budget, so that everything else is moved to the host. */
const evictAll = (): void => small.free(small.fill(0, { shape: [BUDGET], dtype: "bool" }));

describeBackend("wasm where every call evicts", () => withBefore(small, evictAll), { tolerance: 1e-6, draws: 16 });

test("every call did evict, and what left came back", () => {
  expect(small.memoryStats.evictions).toBeGreaterThan(1000);
  expect(small.memoryStats.reloads).toBeGreaterThan(1000);
  expect(small.memoryStats.peak).toBeLessThanOrEqual(BUDGET);
});

describeBackend("wasm above 2 GiB", highBackend, { tolerance: 1e-6, draws: 16 });

describe("memory that does not suffice", () => {
  test("for a single op names op, bytes and budget, and leaves every tensor right", () => {
    const backend = wasm({ threads: 1, budget: MIB });
    withBackend(backend, () => {
      const x = tensor([1, 2, 3]);
      const half = zeros([MIB / 8]);
      expect(() => half.add(half).add(1)).not.toThrow();
      expect(() => zeros([MIB])).toThrow(OutOfMemoryError);
      expect(() => zeros([MIB])).toThrow(
        `fill: needs ${4 * MIB} bytes of device memory more than the 0 that its operands hold, and the budget is ${MIB}; raise the budget or use smaller batches`,
      );
      expect(() => half.reshape([-1, 1]).matmul(half.reshape([1, -1]))).toThrow(/^matmul: needs .* bytes/);
      expect(x.add(1).toArray()).toEqual([2, 3, 4]);
      expect(half.sum().item()).toBe(0);
    });
  });

  test("for more than 4 GiB at once, whatever the budget", () => {
    const backend = wasm({ threads: 1, budget: 8192 * MIB });
    withBackend(backend, () => {
      const x = tensor([1, 2, 3]);
      expect(() => zeros([2 ** 30 + 1])).toThrow(OutOfMemoryError);
      expect(() => zeros([2 ** 30 + 1])).toThrow("and the device has no more; use smaller batches");
      expect(x.sum().item()).toBe(6);
    });
  });
});

test.each([true, false])("memory grows, and tensors from before are still right (shared: %s)", (shared) => {
  const engine = { ...detectEngine({ relaxedSimd: true, threads: true }), shared };
  const backend = backendOver(new Runtime(engine, 1, { budget: 1024 * MIB }));
  withBackend(backend, () => {
    const kept: Tensor[] = [];
    for (let i = 0; i < 6; i++) kept.push(zeros([4 * MIB]).add(i));
    expect(backend.memoryStats.resident).toBeGreaterThan(96 * MIB);
    expect(backend.memoryStats.evictions).toBe(0);
    for (const [i, x] of kept.entries()) expect(x.sum().item()).toBe(i * 4 * MIB);
  });
});

test("a synchronous loop of dropped tensors runs within the budget", () => {
  const backend = wasm({ threads: 1, budget: 4 * MIB });
  withBackend(backend, () => {
    let x = zeros([MIB / 8]);
    for (let i = 0; i < 400; i++) x = x.add(1);
    expect(x.amin().item()).toBe(400);
  });
  expect(backend.memoryStats.peak).toBeLessThanOrEqual(4 * MIB);
  expect(backend.memoryStats.evictions).toBeGreaterThan(100);
});

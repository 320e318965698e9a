import { cpu } from "@descent/backend-cpu";
import { type Backend, conv2d, Generator, randn, type Tensor, withBackend } from "@descent/core";
import "@descent/core/methods";
import { describeBackend } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { detectEngine } from "./engine.ts";
import { wasm } from "./index.ts";
import { Runtime } from "./runtime.ts";
import { hostileBackend } from "./testing/hostile-backend.ts";
import { backendOver } from "./wasm.ts";

const TOLERANCE = 1e-6;

describeBackend("wasm", () => wasm({ threads: 1 }), { tolerance: TOLERANCE });

describeBackend("wasm with two threads that do all work twice", hostileBackend, { tolerance: TOLERANCE });

describeBackend("wasm without relaxed SIMD", () => wasm({ threads: 1, relaxedSimd: false }), { tolerance: TOLERANCE });

// As in browsers on pages that are not isolated from others.
const unshared = { ...detectEngine({ relaxedSimd: true, threads: true }), shared: false };
describeBackend("wasm without shared memory", () => backendOver(new Runtime(unshared, 1)), {
  tolerance: TOLERANCE,
  draws: 16,
});

describe("options", () => {
  test.each([0, -1, 1.5, Number.NaN])("%d threads are an error", (threads) => {
    const message = `wasm: threads must be a positive integer, got ${threads}; leave it out for one per core`;
    expect(() => wasm({ threads })).toThrow(message);
    expect(() => wasm({ threads: 1 }).setNumThreads(threads)).toThrow(message);
  });

  test("the number of threads can be set and read", () => {
    const backend = wasm({ threads: 1 });
    expect(backend.numThreads).toBe(1);
    backend.setNumThreads(2);
    expect(backend.numThreads).toBe(2);
    expect(wasm().numThreads).toBeGreaterThanOrEqual(1);
  });
});

test("without Winograd's algorithm, 3×3 convolutions are plain sums", () => {
  const image = (backend: Backend): Tensor =>
    withBackend(backend, () => {
      const generator = new Generator(1);
      const [x, weight] = [randn([2, 32, 8, 8], { generator }), randn([32, 32, 3, 3], { generator })];
      return conv2d(x, weight, null, { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 });
    });
  const [plain, fast] = [image(wasm({ winograd: false })), image(wasm())].map((y) => y.dataSync()) as [
    Float32Array,
    Float32Array,
  ];
  const exact = image(cpu()).dataSync();
  const error = (y: Float32Array): number =>
    y.reduce((most, value, i) => Math.max(most, Math.abs(value - exact[i]!)), 0);
  expect(error(plain)).toBeLessThan(1e-4);
  expect(error(fast)).toBeGreaterThan(error(plain));
  expect(error(fast)).toBeLessThan(1e-3);
});

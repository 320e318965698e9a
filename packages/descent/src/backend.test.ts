import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { BackendError, cpu, getBackend, getNumThreads, setBackend, setNumThreads, wasm } from "./index.ts";

test("the fast backend is there without asking", () => {
  expect(getBackend().name).toBe("wasm");
});

test("an engine without SIMD gets the reference backend", () => {
  const program = 'import { getBackend } from "./index.ts"; console.log(getBackend().name)';
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--no-enable-ssse3", "--no-enable-sse4-1", "--import", "tsx", "--input-type=module", "--eval", program],
    { cwd: fileURLToPath(new URL(".", import.meta.url)), encoding: "utf8" },
  );
  expect([stdout, stderr]).toEqual(["cpu\n", ""]);
});

test("the number of threads is the current backend's", () => {
  setBackend(wasm({ threads: 1 }));
  expect(getNumThreads()).toBe(1);
  setNumThreads(2);
  expect(getNumThreads()).toBe(2);
});

test("the reference backend has one thread", () => {
  setBackend(cpu());
  expect(getNumThreads()).toBe(1);
  expect(() => setNumThreads(2)).toThrow(BackendError);
  expect(() => setNumThreads(2)).toThrow('setNumThreads: backend "cpu" has one thread; call setBackend(wasm()) first');
});

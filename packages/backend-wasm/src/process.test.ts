import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** Runs a program in a process of its own, beside the sources. */
function run(program: string, ...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, "--import", "tsx", "--input-type=module", "--eval", program],
    { cwd: fileURLToPath(new URL(".", import.meta.url)), encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

test("a process with workers ends by itself", () => {
  const program = `
    import { wasm } from "./index.ts";
    const backend = wasm({ threads: 2 });
    const spec = { shape: [1000000], dtype: "float32" };
    const x = { ...spec, handle: backend.fill(-1, spec) };
    for (let i = 0; i < 300; i++) backend.free(backend.unary("relu", x, spec));
    console.log(backend.numThreads);
  `;
  expect(run(program)).toEqual({ status: 0, stdout: "2\n", stderr: "" });
});

describe("an engine that cannot run it is named", () => {
  const program = `
    import { wasm } from "./index.ts";
    try { wasm(); } catch (error) { console.log(String(error), error.code); }
  `;
  const remedy = "use cpu() of @descent/backend-cpu, or a newer engine BACKEND\n";

  test("without SIMD", () => {
    const message = `BackendError: wasm: this engine's WebAssembly has no SIMD; ${remedy}`;
    expect(run(program, "--no-enable-ssse3", "--no-enable-sse4-1").stdout).toBe(message);
  });

  test("without WebAssembly", () => {
    const message = `BackendError: wasm: this JavaScript engine has no WebAssembly; ${remedy}`;
    expect(run(program, "--jitless").stdout).toBe(message);
  });
});

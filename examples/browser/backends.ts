import { type GpuBackend, gpu } from "@descent/backend-gpu";
import { type Backend, cpu, TensorError, type WasmBackend, wasm } from "descent";
import type { Facts } from "./messages.ts";
import type { BackendName } from "./settings.ts";

/** A backend, with what it knows of itself. */
export type AnyBackend = WasmBackend | GpuBackend | Backend;

const OPEN: Record<BackendName, () => AnyBackend | Promise<AnyBackend>> = {
  wasm,
  webgpu: () => gpu({ mode: "webgpu" }),
  webgl2: () => gpu({ mode: "webgl2" }),
  cpu,
};

/** Opens the backend of that name; an error says why it cannot be. */
export const openBackend = async (name: BackendName): Promise<AnyBackend> => OPEN[name]();

/** Why the backend of that name cannot be opened, `null` where it can. */
export const whyNot = (name: BackendName): Promise<string | null> =>
  openBackend(name).then(
    () => null,
    (error) => (error instanceof TensorError ? firstReason(error.problem) : String(error)),
  );

/** The first sentence about the only mode that was tried; gpu.js goes on with advice for programmers. */
const firstReason = (problem: string): string =>
  problem.replace(/^no device could be opened \(\w+: (.*)\)$/s, "$1").split(/\.\s/)[0]!;

/** How many shaders a backend has launched. */
export const launchesOf = (backend: AnyBackend): number => ("describe" in backend ? backend.describe().launches : 0);

/** What a backend runs on, and what a training step costs it. */
export function factsOf(backend: AnyBackend, launchesPerStep: number): Facts {
  if ("describe" in backend) {
    const { mode, adapter, compilations, live, bytes, hostFallback } = backend.describe();
    return [
      ["Mode", mode],
      ["Adapter", adapter],
      ["Launches per step", String(launchesPerStep)],
      ["Shaders compiled", String(compilations)],
      ["On the device", `${live} arrays, ${megabytes(bytes)}`],
      ["On the host", Object.keys(hostFallback).join(", ") || "nothing"],
    ];
  }
  if ("numThreads" in backend)
    return [
      ["Mode", "WebAssembly with SIMD"],
      [
        "Threads",
        crossOriginIsolated ? String(backend.numThreads) : "1, because the page is not cross-origin isolated",
      ],
      ["Tensors", `${backend.memoryStats.live}, ${megabytes(backend.memoryStats.resident)}`],
    ];
  return [
    ["Mode", "plain TypeScript"],
    ["Threads", "1"],
  ];
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

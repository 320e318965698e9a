import { type GpuBackend, gpu } from "@descent/backend-gpu";
import { create, globals } from "webgpu";

/** The GPU backend in Node, which has no WebGPU of its own: a package of native code makes it. */
export function webGpu(): Promise<GpuBackend> {
  Object.assign(globalThis, globals);
  const host = globalThis as { navigator?: object };
  if (host.navigator === undefined) Object.defineProperty(host, "navigator", { value: {} });
  Object.defineProperty(host.navigator, "gpu", { value: create([]) });
  return gpu({ mode: "webgpu" });
}

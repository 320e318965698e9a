import { gpu } from "@descent/backend-gpu";
import { type Backend, cpu, wasm } from "descent";

/** The backends that a page can choose from. */
export const BACKENDS: Readonly<Record<string, () => Backend | Promise<Backend>>> = {
  wasm: () => wasm(),
  webgpu: () => gpu({ mode: "webgpu" }),
  webgl2: () => gpu({ mode: "webgl2" }),
  cpu: () => cpu(),
};

/**
 * What people install: everything below under one name, with the methods of tensors and a backend that is ready.
 *
 * @module descent
 */
import "@descent/core/methods";
import { cpu } from "@descent/backend-cpu";
import { wasm } from "@descent/backend-wasm";
import { type Backend, BackendError, setBackend } from "@descent/core";

export type { WasmBackend, WasmOptions } from "@descent/backend-wasm";
export * from "@descent/core";
export * as data from "@descent/data";
export * as nn from "@descent/nn";
export * as optim from "@descent/optim";
export { getNumThreads, setNumThreads } from "./threads.ts";
export { cpu, wasm };

/** The fast backend where the engine can run it, else the reference. */
function bestBackend(): Backend {
  try {
    return wasm();
  } catch (error) {
    if (error instanceof BackendError) return cpu();
    throw error;
  }
}

setBackend(bestBackend());

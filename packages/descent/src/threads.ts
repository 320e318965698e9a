import type { WasmBackend } from "@descent/backend-wasm";
import { BackendError, getBackend } from "@descent/core";

const threaded = (): WasmBackend | null => {
  const backend = getBackend();
  return "setNumThreads" in backend ? (backend as WasmBackend) : null;
};

/** The number of threads that the current backend shares large kernels between; 1 where it has no others. */
export const getNumThreads = (): number => threaded()?.numThreads ?? 1;

/** Sets the number of threads that the current backend shares large kernels between. The results do not depend on it. */
export function setNumThreads(threads: number): void {
  const backend = threaded();
  if (backend === null)
    throw new BackendError(
      "setNumThreads",
      `backend "${getBackend().name}" has one thread`,
      "call setBackend(wasm()) first",
    );
  backend.setNumThreads(threads);
}

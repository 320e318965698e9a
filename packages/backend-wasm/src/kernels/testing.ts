import { detectEngine } from "../engine.ts";
import { Runtime } from "../runtime.ts";
import { backendOver, type WasmBackend } from "../wasm.ts";

/** Does all work twice, as happens when a worker dies in the middle of it. */
class Repeating extends Runtime {
  override launch(...args: Parameters<Runtime["launch"]>): void {
    super.launch(...args);
    super.launch(...args);
  }
}

/** A backend whose threads share the smallest work, and that does everything twice: what kernels have to give the same results on. */
export const sharedTwice = (): WasmBackend => {
  const engine = detectEngine({ relaxedSimd: true, threads: true });
  return backendOver(new Repeating(engine, 2, {}, { worthwhile: 0, chunk: 0 }));
};

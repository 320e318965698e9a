import type { Block } from "@descent/core";
import { detectEngine } from "../engine.ts";
import { Runtime } from "../runtime.ts";
import { backendOver, type WasmBackend } from "../wasm.ts";

const GIB = 2 ** 30;
/** What fills the addresses below. Nobody touches it, so it is no memory. */
const fillers: Block[] = [];

/** A backend whose tensors have addresses that are negative as 32-bit integers. */
export function highBackend(): WasmBackend {
  const runtime = new Runtime(detectEngine({ relaxedSimd: true, threads: true }), 1, { budget: 4 * GIB });
  fillers.push(runtime.pager.allocate(2 * GIB));
  return backendOver(runtime);
}

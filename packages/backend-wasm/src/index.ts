/**
 * The fast backend: WebAssembly SIMD kernels and threads.
 *
 * @module @descent/backend-wasm
 */
export { type WasmBackend, type WasmOptions, wasm } from "./wasm.ts";

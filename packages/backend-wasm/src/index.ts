export { type WasmBackend, type WasmOptions, wasm } from "./wasm.ts";

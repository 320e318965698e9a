/**
 * The GPU backend: shaders for WebGPU, WebGL2 and headless GL, through gpu.js.
 *
 * @module @descent/backend-gpu
 */
export { GpuArray } from "./device.ts";
export { type GpuBackend, type GpuDescription, type GpuOptions, gpu } from "./gpu.ts";
export type { Mode } from "./gpu-js.ts";

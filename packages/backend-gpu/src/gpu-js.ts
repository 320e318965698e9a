import library from "gpu.js";

// gpu.js declares a part of itself. What is used of it is declared here.

/** The kinds of kernels that the backend runs on. `cpu` is gpu.js's own interpreter, for debugging. */
export type Mode = "webgpu" | "webgl2" | "headlessgl" | "cpu";

/** Elements on the device. */
export interface DeviceArray {
  toArray(): Float32Array | Promise<Float32Array>;
  delete(): void;
}

/** Elements that gpu.js copies to the device. */
export interface Input {
  readonly value: Float32Array;
}

/** A kernel as gpu.js returns it. WebGPU answers every call with a promise. */
export interface CompiledKernel {
  (...args: readonly (DeviceArray | Input | number)[]): DeviceArray | Float32Array | Promise<DeviceArray>;
  setOutput(output: readonly [number]): void;
  readonly kernel: { readonly constructor: { readonly name: string }; readonly fallbackReason: unknown };
}

export interface KernelSettings {
  readonly precision: "single";
  readonly tactic: "precision";
  readonly pipeline: boolean;
  readonly immutable: boolean;
  readonly dynamicOutput: boolean;
  readonly dynamicArguments: boolean;
  readonly output: readonly [number];
  readonly argumentTypes: readonly ("Input" | "NumberTexture" | "Float")[];
}

type WebGpuLimits = "maxBufferSize" | "maxStorageBufferBindingSize" | "maxStorageBuffersPerShaderStage";

interface WebGpuContext {
  readonly adapter: { readonly info?: Readonly<Record<"vendor" | "architecture" | "device" | "description", string>> };
  readonly device: {
    readonly limits: Readonly<Record<WebGpuLimits, number>>;
    readonly lost: Promise<unknown>;
    addEventListener(type: "uncapturederror", listener: (event: { readonly error: Error }) => void): void;
    createBuffer(descriptor: { readonly size: number; readonly usage: number }): unknown;
    destroy(): void;
  };
}

interface GlContext {
  getParameter(name: number): unknown;
  getExtension(name: string): { readonly UNMASKED_RENDERER_WEBGL: number } | null;
  readonly MAX_TEXTURE_SIZE: number;
  readonly RENDERER: number;
}

/** An instance of gpu.js. */
export interface GpuJs {
  readonly context: GlContext | null;
  createKernel(source: string, settings: KernelSettings): CompiledKernel;
}

interface Library {
  readonly GPU: {
    new (settings: { mode: Mode }): GpuJs;
    readonly isWebGPUSupported: boolean;
    readonly isWebGL2Supported: boolean;
    readonly isHeadlessGLSupported: boolean;
  };
  readonly input: (values: Float32Array, size: readonly [number]) => Input;
  readonly WebGPUContext: { acquire(): Promise<WebGpuContext> };
}

export const { GPU, input, WebGPUContext } = library as unknown as Library;

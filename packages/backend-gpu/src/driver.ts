import {
  type CompiledKernel,
  type DeviceArray,
  type GpuJs,
  type Input,
  input,
  type KernelSettings,
  type Mode,
} from "./gpu-js.ts";
import type { Shader } from "./shaders/shader.ts";

/** Launches a shader for `n` elements. */
export type Program = (n: number, args: readonly (DeviceArray | number)[]) => DeviceArray | Promise<DeviceArray>;

/** What a device has reported outside of all calls. */
export interface DeviceFailure {
  readonly message: string;
  /** Whether it has run out of memory. */
  readonly isMemory: boolean;
}

/** A device that was opened, before anything runs on it. */
export interface OpenDevice {
  readonly adapter: string;
  readonly limits: Readonly<Record<string, number>>;
  /** The first failure that the device has reported by itself. */
  readonly failure: () => DeviceFailure | null;
}

/** What the backend asks of a device. */
export interface Driver extends OpenDevice {
  readonly mode: Mode;
  /** Copies elements to the device. */
  readonly upload: (values: Float32Array) => DeviceArray | Promise<DeviceArray>;
  compile(shader: Shader): Program;
}

/** The class of gpu.js's kernels in each mode. */
const KERNEL_CLASS: Record<Mode, string> = {
  webgpu: "WebGPUKernel",
  webgl2: "WebGL2Kernel",
  headlessgl: "HeadlessGLKernel",
  cpu: "CPUKernel",
};

// With other settings gpu.js reuses buffers that somebody still reads, or is wrong where sizes change.
const SETTINGS = {
  precision: "single",
  tactic: "precision",
  pipeline: true,
  immutable: true,
  dynamicOutput: true,
  dynamicArguments: true,
  output: [1],
} as const satisfies Omit<KernelSettings, "argumentTypes">;

const ARRAY_TYPE: Record<Mode, "Input" | "NumberTexture"> = {
  webgpu: "Input",
  webgl2: "NumberTexture",
  headlessgl: "NumberTexture",
  cpu: "Input",
};

/** What the kernels of the `cpu` mode return. */
class HostArray implements DeviceArray {
  readonly input: Input;

  constructor(readonly values: Float32Array) {
    this.input = input(values, [values.length]);
  }

  toArray(): Float32Array {
    return this.values.slice();
  }

  delete(): void {}
}

/** A driver over an instance of gpu.js, whose device is looked at when there is a kernel. */
export function driverOf(library: GpuJs, mode: Mode, open: () => OpenDevice): Driver {
  const create = (source: string, argumentTypes: KernelSettings["argumentTypes"]): CompiledKernel =>
    library.createKernel(source, { ...SETTINGS, argumentTypes });
  // The only kernel that is given arrays of the host: one of WebGL2 cannot take a texture after an array.
  const copy = create("function(x) { return x[this.thread.x]; }", ["Input"]);
  return {
    ...open(),
    mode,
    upload: (values) => call(copy, mode, values.length, [input(values, [values.length])]),
    compile(shader) {
      const arrays = new Array<"Input" | "NumberTexture">(shader.arrays).fill(ARRAY_TYPE[mode]);
      const kernel = create(shader.source(), [...arrays, ...new Array<"Float">(shader.scalars).fill("Float")]);
      return (n, args) =>
        call(
          kernel,
          mode,
          n,
          args.map((x) => (x instanceof HostArray ? x.input : x)),
        );
    },
  };
}

function call(
  kernel: CompiledKernel,
  mode: Mode,
  n: number,
  args: readonly (DeviceArray | Input | number)[],
): DeviceArray | Promise<DeviceArray> {
  kernel.setOutput([n]);
  const result = kernel(...args);
  // gpu.js goes on with another kind of kernel where the one that was asked for fails.
  const {
    fallbackReason,
    constructor: { name },
  } = kernel.kernel;
  if (name !== KERNEL_CLASS[mode] || fallbackReason !== null)
    throw new Error(`gpu.js ran a ${name} in place of a ${KERNEL_CLASS[mode]}: ${fallbackReason}`);
  return result instanceof Float32Array ? new HostArray(result) : result;
}

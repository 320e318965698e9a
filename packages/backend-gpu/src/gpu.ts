import {
  ArgumentError,
  allocate,
  type Backend,
  BackendError,
  type DType,
  DTypeError,
  type TypedArray,
} from "@descent/core";
import { Device, type DeviceCounts, type GpuArray } from "./device.ts";
import type { Driver } from "./driver.ts";
import { activation } from "./fused/activation.ts";
import { convolution } from "./fused/conv2d.ts";
import { linear } from "./fused/linear.ts";
import { normalization } from "./fused/normalization.ts";
import { pooling } from "./fused/pool2d.ts";
import { programs } from "./fused/program.ts";
import { softmax } from "./fused/softmax.ts";
import type { Mode } from "./gpu-js.ts";
import { argReductions } from "./kernels/arg-reduce.ts";
import { elementwise } from "./kernels/elementwise.ts";
import { indexing } from "./kernels/indexing.ts";
import { products } from "./kernels/matmul.ts";
import { movement } from "./kernels/movement.ts";
import { reductions } from "./kernels/reduce.ts";
import { scans } from "./kernels/scan.ts";
import { sorts } from "./kernels/sort.ts";
import { openDevice } from "./modes.ts";
import { asynchronousQueue, immediateQueue } from "./queue.ts";

/** Options of the GPU backend. */
export interface GpuOptions {
  /** Default: WebGPU, else WebGL2, else headless GL. `"cpu"` runs gpu.js's kernels without a GPU, to look for errors. */
  readonly mode?: Mode;
  /**
   * Bytes on the device from which on garbage is collected on request, so that tensors that nobody holds are found and freed: the engine does not
   * see what they hold there. Only Node can. Default 256 MiB.
   */
  readonly budget?: number;
}

const DEFAULT_BUDGET = 256 * 2 ** 20;

/** What a GPU backend runs on, and what it has done. */
export interface GpuDescription extends Readonly<DeviceCounts> {
  readonly mode: Mode;
  readonly adapter: string;
  readonly limits: Readonly<Record<string, number>>;
  /** Families that are computed on the host, with the number of their calls. Every family is computed on the device. */
  readonly hostFallback: Readonly<Record<string, number>>;
}

/** The GPU backend: what every backend has, and what it runs on. */
export interface GpuBackend extends Backend<GpuArray> {
  describe(): GpuDescription;
}

/**
 * A new GPU backend. Elements of every dtype are float32 on the device; integers are exact up to 2²⁴, and an error beyond. Throws a
 * `BackendError` that says what was tried where no device opens.
 */
export async function gpu({ mode, budget = DEFAULT_BUDGET }: GpuOptions = {}): Promise<GpuBackend> {
  if (!(budget > 0)) throw new ArgumentError("gpu", `budget must be a positive number of bytes, got ${budget}`);
  return backendOver(await openDevice(mode), budget);
}

function backendOver(driver: Driver, budget: number): GpuBackend {
  const synchronous = driver.mode !== "webgpu";
  const device = new Device(driver, synchronous ? immediateQueue : asynchronousQueue(), budget);
  return {
    name: `gpu (${driver.mode})`,
    dtypes: ["bool", "int32", "float32"],
    synchronous,
    upload: (values, { dtype }) => device.upload("upload", toFloats(values, dtype)),
    download(x) {
      if (!synchronous)
        throw new BackendError(
          "download",
          "WebGPU computes asynchronously, so that nobody can wait for it",
          "use await data()",
        );
      return fromFloats(device.download(x.handle), x.dtype);
    },
    read: async (x) => fromFloats(await device.read(x.handle), x.dtype),
    free: (array) => device.free(array),
    ...elementwise(device),
    ...reductions(device),
    ...argReductions(device),
    ...products(device),
    ...movement(device),
    ...indexing(device, synchronous),
    ...sorts(device),
    ...scans(device),
    fused: {
      ...linear(device),
      ...convolution(device),
      ...pooling(device),
      ...normalization(device),
      ...softmax(device),
      ...activation(device),
      ...programs(device),
    },
    describe: () => ({
      mode: driver.mode,
      adapter: driver.adapter,
      limits: driver.limits,
      hostFallback: {},
      ...device.counts,
    }),
  };
}

function toFloats(values: TypedArray, dtype: DType): Float32Array {
  if (dtype === "float64") throw new DTypeError("upload", "the GPU backend has no float64", "convert to float32");
  if (dtype === "int32") checkExact("upload", values);
  return Float32Array.from(values);
}

function fromFloats(values: Float32Array, dtype: DType): TypedArray {
  if (dtype === "float32") return values;
  if (dtype === "int32") checkExact("read", values);
  const result = allocate(dtype, values.length);
  result.set(values);
  return result;
}

/** Up to here float32 holds every integer. */
const LARGEST_INT = 2 ** 24;

/** Throws on integers that float32 cannot tell from their neighbours. */
function checkExact(op: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++)
    if (Math.abs(values[i]!) > LARGEST_INT)
      throw new DTypeError(
        op,
        `the GPU backend computes int32 in float32, which is exact up to 2^24 = ${LARGEST_INT}, and element ${i} is ${values[i]}`,
        "use float32, or compute it on backend-wasm",
      );
}

import { BackendError } from "@descent/core";
import { type DeviceFailure, type Driver, driverOf, type OpenDevice } from "./driver.ts";
import { GPU, type Mode, WebGPUContext } from "./gpu-js.ts";

/** The modes that are tried where none is named, in this order. */
const AUTOMATIC: readonly Mode[] = ["webgpu", "webgl2", "headlessgl"];

const MISSING: Record<Mode, string> = {
  webgpu: "there is no navigator.gpu (in Node, the package webgpu makes one)",
  webgl2: "there is no WebGL2 context with float textures",
  headlessgl: "the package gl is not installed, or its context has no float textures",
  cpu: "",
};

const IS_THERE: Record<Mode, () => boolean> = {
  webgpu: () => GPU.isWebGPUSupported,
  webgl2: () => GPU.isWebGL2Supported,
  headlessgl: () => GPU.isHeadlessGLSupported,
  cpu: () => true,
};

/** Opens a device in the mode that is asked for, or in the first that works. */
export async function openDevice(mode: Mode | undefined): Promise<Driver> {
  const failures: string[] = [];
  for (const candidate of mode === undefined ? AUTOMATIC : [mode]) {
    try {
      return await open(candidate);
    } catch (error) {
      failures.push(`${candidate}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new BackendError(
    "gpu",
    `no device could be opened (${failures.join("; ")})`,
    'use backend-wasm, or gpu({ mode: "cpu" }) to look for errors without a GPU',
  );
}

async function open(mode: Mode): Promise<Driver> {
  if (!IS_THERE[mode]()) throw new Error(MISSING[mode]);
  const webGpu = mode === "webgpu" ? await openWebGpu() : null;
  const library = new GPU({ mode });
  // There is no context of GL before the first kernel.
  const driver = driverOf(library, mode, () => webGpu ?? openGl(library.context));
  // Asked for a mode that fails, gpu.js takes another one. A first launch shows.
  const probe = await driver.upload(Float32Array.of(1));
  probe.delete();
  return driver;
}

async function openWebGpu(): Promise<OpenDevice> {
  const { adapter, device } = await WebGPUContext.acquire();
  const { vendor, architecture, device: name, description } = adapter.info ?? {};
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = device.limits;
  let failure: DeviceFailure | null = null;
  // A buffer for which there is no memory is made nevertheless, and reads as zeros.
  device.addEventListener("uncapturederror", ({ error }) => {
    failure ??= { message: error.message, isMemory: error.constructor.name === "GPUOutOfMemoryError" };
  });
  return {
    adapter: [vendor, architecture, name, description].filter((part) => part).join(" ") || "unknown",
    limits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
    failure: () => failure,
  };
}

function openGl(context: InstanceType<typeof GPU>["context"]): OpenDevice {
  const failure = (): null => null;
  if (typeof context?.getParameter !== "function") return { adapter: "gpu.js on the CPU", limits: {}, failure };
  const info = context.getExtension("WEBGL_debug_renderer_info");
  return {
    adapter: String(context.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER)),
    limits: { maxTextureSize: Number(context.getParameter(context.MAX_TEXTURE_SIZE)) },
    failure,
  };
}

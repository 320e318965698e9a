import { ArgumentError, type Backend, type Block, DTYPES, type Pager } from "@descent/core";
import { builtin, detectEngine, garbageCollector, host } from "./engine.ts";
import { activation } from "./kernels/activation.ts";
import { type ConvolutionOptions, convolution } from "./kernels/conv2d.ts";
import { dropout } from "./kernels/dropout.ts";
import { elementwise } from "./kernels/elementwise.ts";
import { linear } from "./kernels/linear.ts";
import { losses } from "./kernels/loss.ts";
import { matmul } from "./kernels/matmul.ts";
import { movement } from "./kernels/movement.ts";
import { normalization } from "./kernels/normalization.ts";
import { pooling } from "./kernels/pool2d.ts";
import { programs } from "./kernels/program.ts";
import { reductions } from "./kernels/reduce.ts";
import { softmax } from "./kernels/softmax.ts";
import { bytesOf, referenceFamilies, viewOf } from "./reference.ts";
import { Runtime } from "./runtime.ts";

/** Options of the WebAssembly backend. */
export interface WasmOptions {
  /** Threads that share the work of large kernels. Default: as many as there are cores, at most 8. The results do not depend on it. */
  readonly threads?: number;
  /** Bytes of WebAssembly memory that tensors may take up before others move to the host's: fixed where given, else 64 MiB and growing up to `maxBudget`. */
  readonly budget?: number;
  /** Default: `budget` where given, else 1 GiB. */
  readonly maxBudget?: number;
  /**
   * Whether to collect garbage when the budget is reached, which finds tensors that nobody holds any more, before any move to the host. Only
   * Node can; a `WeakRef` of the program may let go of its target in the middle of a job then. Default true.
   */
  readonly collect?: boolean;
  /** Whether to use relaxed SIMD where the engine has it, which is faster and may round differently from machine to machine. Default true. */
  readonly relaxedSimd?: boolean;
  /**
   * Whether 3×3 convolutions use Winograd's algorithm where it is faster. Its rounding errors are about ten times those of the plain
   * sum, and an infinity in an image becomes NaN around it. Default true.
   */
  readonly winograd?: boolean;
}

/** The WebAssembly backend: what every backend has, and its threads and memory. */
export interface WasmBackend extends Backend<Block> {
  /** Threads that share the work of large kernels. */
  readonly numThreads: number;
  /** Sets their number; 1 where memory cannot be shared between threads. */
  setNumThreads(threads: number): void;
  /** What is where, in bytes. */
  readonly memoryStats: Readonly<Pager["stats"]>;
}

/**
 * A new WebAssembly backend: SIMD kernels in every dtype, on several threads where memory can be shared (in Node, and in browsers on pages
 * that are cross-origin isolated). Throws a `BackendError` where the engine has no SIMD.
 */
export function wasm({
  threads = cores(),
  relaxedSimd = true,
  winograd = true,
  collect = true,
  ...paging
}: WasmOptions = {}): WasmBackend {
  checkThreads(threads);
  const options = { ...paging, collector: collect ? garbageCollector() : undefined };
  return backendOver(new Runtime(detectEngine({ relaxedSimd, threads: true }), threads, options), {
    winograd,
  });
}

/** @internal The backend over a runtime of any kind. */
export function backendOver(runtime: Runtime, convolutions: ConvolutionOptions = {}): WasmBackend {
  const { pager, pool } = runtime;
  const reference = referenceFamilies(runtime);

  const backend: Omit<WasmBackend, "numThreads"> = {
    name: "wasm",
    dtypes: DTYPES,
    synchronous: true,
    setNumThreads(threads) {
      checkThreads(threads);
      pool.resize(threads);
    },
    memoryStats: pager.stats,

    upload(values, spec) {
      pager.begin("upload");
      const block = pager.allocate(bytesOf(spec));
      viewOf(runtime, spec, pager.address(block)).set(values);
      return block;
    },
    download(x) {
      pager.begin("download");
      pager.use(x.handle);
      return viewOf(runtime, x, pager.address(x.handle)).slice();
    },
    read: async (x) => backend.download(x),
    free: (block) => pager.free(block),
    ...reference,
    ...elementwise(runtime, reference),
    ...reductions(runtime, reference),
    ...matmul(runtime, reference),
    ...movement(runtime, reference),
    fused: {
      ...linear(runtime),
      ...convolution(runtime, convolutions),
      ...pooling(runtime),
      ...normalization(runtime),
      ...softmax(runtime),
      ...activation(runtime),
      ...losses(runtime),
      ...dropout(runtime),
      ...programs(runtime),
    },
  };
  // With an accessor among them, V8 would look up all of the properties above by hash.
  return Object.defineProperty(backend as WasmBackend, "numThreads", { get: () => pool.size, enumerable: true });
}

function checkThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1)
    throw new ArgumentError(
      "wasm",
      `threads must be a positive integer, got ${threads}`,
      "leave it out for one per core",
    );
}

/** The cores of the machine, at most 8: beyond that memory is what is short. */
function cores(): number {
  const os = builtin<{ availableParallelism?(): number }>("node:os");
  return Math.min(8, os?.availableParallelism?.() ?? host.navigator?.hardwareConcurrency ?? 1);
}

import { BackendError, type Collector } from "@descent/core";
import { F32x4, I32, ModuleBuilder, type Target } from "./assembler/index.ts";

// Neither the DOM library nor Node's types: what is used of either is declared here.

export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  grow(pages: number): number;
}
export interface WasmTable {
  readonly length: number;
  grow(entries: number): number;
  set(index: number, fn: unknown): void;
}
export type WasmModule = object;
export type WasmFunction = (...args: number[]) => number;

interface WebAssemblyApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
  readonly Table: new (limits: { element: "anyfunc"; initial: number }) => WasmTable;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory; table: WasmTable } },
  ) => { readonly exports: Readonly<Record<string, WasmFunction>> };
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}

interface Host {
  readonly performance: { now(): number };
  readonly WebAssembly?: WebAssemblyApi;
  readonly process?: {
    readonly versions?: { readonly v8?: string };
    readonly getBuiltinModule?: (name: string) => unknown;
  };
  readonly navigator?: { readonly hardwareConcurrency?: number; readonly userAgent?: string };
  readonly crossOriginIsolated?: boolean;
}

export const host = globalThis as unknown as Host;

interface NodeV8 {
  setFlagsFromString(flags: string): void;
}

/** A module of Node itself; `undefined` in browsers. */
export const builtin = <T>(name: string): T | undefined => host.process?.getBuiltinModule?.(name) as T | undefined;

/** What the engine of this process is good for. */
export interface Engine extends Target {
  readonly api: WebAssemblyApi;
  /** Rows of the matrix product's micro-kernel, whose accumulators must fit the engine's registers. */
  readonly tileRows: 4 | 6;
}

export interface EngineOptions {
  /** Whether to use relaxed SIMD where there is some. Its last bits differ between machines. */
  readonly relaxedSimd: boolean;
  /** Whether memory may be shared between threads. */
  readonly threads: boolean;
}

/** Finds out what the engine can do. Throws where it has no SIMD. */
export function detectEngine({ relaxedSimd, threads }: EngineOptions): Engine {
  const api = host.WebAssembly;
  const plain = { relaxed: false, shared: false, hoist: false };
  if (api === undefined || !api.validate(probe(plain)))
    throw new BackendError(
      "wasm",
      api === undefined ? "this JavaScript engine has no WebAssembly" : "this engine's WebAssembly has no SIMD",
      "use cpu() of @descent/backend-cpu, or a newer engine",
    );
  const v8 = v8Version();
  return {
    api,
    relaxed: relaxedSimd && hasRelaxedSimd(api),
    shared: threads && canShare(),
    // From version 13 on V8 allocates registers better, but loads constants anew in every turn of a loop.
    hoist: v8 >= 13,
    tileRows: v8 >= 13 ? 6 : 4,
  };
}

/** A function with one instruction of interest. */
function probe(target: Target): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(target);
  module.function("probe", [I32], (f, address) => {
    const x = F32x4.load(address);
    f.store(address, f.madd(x, x, x));
  });
  return module.bytes();
}

function hasRelaxedSimd(api: WebAssemblyApi): boolean {
  const bytes = probe({ relaxed: true, shared: false, hoist: false });
  if (api.validate(bytes)) return true;
  // Node 20 has it behind a flag, which can be set until the first such module is compiled. Newer versions warn of the flag's name.
  builtin<NodeV8>("node:v8")?.setFlagsFromString("--experimental-wasm-relaxed-simd");
  return api.validate(bytes);
}

/** Browsers share memory only between pages that are isolated from others. */
const canShare = (): boolean =>
  typeof SharedArrayBuffer === "function" &&
  (host.process?.versions !== undefined || host.crossOriginIsolated === true);

/** The major version of V8, 0 where the engine is another one. */
function v8Version(): number {
  const version = host.process?.versions?.v8 ?? /Chrom(?:e|ium)\/(\d+)/.exec(host.navigator?.userAgent ?? "")?.[1];
  if (version === undefined) return 0;
  const major = Number.parseInt(version, 10);
  return major > 50 ? Math.floor(major / 10) : major; // Chrome 130 has V8 13.0
}

interface NodeVm {
  runInNewContext(code: string): () => void;
  createContext(globals: object, options: { microtaskMode: "afterEvaluate" }): object;
  readonly Script: new (code: string) => { runInContext(context: object): unknown };
}

/**
 * What collects garbage on request; `undefined` where nothing can, as in browsers. Within one job of the event loop V8 keeps alive what a
 * `WeakRef` was made of or has returned; this ends that too.
 */
export function garbageCollector(): Collector | undefined {
  const v8 = builtin<NodeV8>("node:v8");
  const vm = builtin<NodeVm>("node:vm");
  if (v8 === undefined || vm === undefined) return undefined;
  const prepare = (): (() => void) => {
    v8.setFlagsFromString("--expose-gc");
    const gc = vm.runInNewContext("gc");
    v8.setFlagsFromString("--no-expose-gc");
    // The microtasks of a context with a queue of its own run after its script, as at the end of a job.
    const context = vm.createContext({}, { microtaskMode: "afterEvaluate" });
    const nothing = new vm.Script("0");
    return () => {
      nothing.runInContext(context);
      gc();
    };
  };
  let collect: (() => void) | undefined;
  return {
    collect: () => {
      collect ??= prepare();
      collect();
    },
    now: () => host.performance.now(),
  };
}

import type { PagedMemory } from "@descent/core";
import type { Engine, WasmMemory } from "./engine.ts";

const PAGE = 2 ** 16;
const MAX_PAGES = 2 ** 16;
/** The least by which memory grows, in pages: every growth makes the views anew. */
const STEP = 2 ** 26 / PAGE;

/** The WebAssembly memory: one for everything, growing up to 4 GiB, with one view per element type over all of it. */
export class Memory implements PagedMemory {
  readonly wasm: WasmMemory;
  u8!: Uint8Array;
  i32!: Int32Array;
  f32!: Float32Array;
  f64!: Float64Array;

  constructor({ api, shared }: Engine) {
    this.wasm = new api.Memory({ initial: STEP, maximum: MAX_PAGES, shared });
    this.#view();
  }

  /** The views by dtype. */
  view(dtype: "bool" | "int32" | "float32" | "float64"): Uint8Array | Int32Array | Float32Array | Float64Array {
    return dtype === "float32" ? this.f32 : dtype === "int32" ? this.i32 : dtype === "bool" ? this.u8 : this.f64;
  }

  copyOut(address: number, bytes: number): Uint8Array {
    return this.u8.slice(address, address + bytes);
  }

  copyIn(address: number, host: Uint8Array): void {
    this.u8.set(host, address);
  }

  grow(end: number): boolean {
    const pages = Math.ceil(end / PAGE) - this.u8.length / PAGE;
    if (pages <= 0) return true;
    const most = MAX_PAGES - this.u8.length / PAGE;
    if (pages > most) return false;
    // Some more than is asked for; the bare need where that much is not to be had.
    for (const amount of [Math.min(most, Math.max(pages, STEP, this.u8.length / PAGE / 4)), pages])
      try {
        this.wasm.grow(Math.ceil(amount));
        this.#view();
        return true;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    return false;
  }

  #view(): void {
    const { buffer } = this.wasm;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}

import { lend, lentFamilies, type VisibleMemory } from "@descent/backend-cpu";
import {
  type Backend,
  type Block,
  DTYPES,
  type FusedKernel,
  type PagedMemory,
  Pager,
  type PagerOptions,
  type Spec,
  sizeOf,
  type TypedArray,
} from "@descent/core";

/** A backend whose storages move between its own memory and the host. */
export interface PagedBackend extends Backend<Block> {
  readonly pager: Pager;
}

export interface PagedBackendOptions extends PagerOptions {
  /** Kernels over views of the device memory, which they may also write. */
  readonly fused?: Backend<TypedArray>["fused"];
}

const ARRAYS = { bool: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };
const POISON = 0xdb;

/** Device memory that grows by moving away. What was evicted or left behind is poisoned, so that reading it shows. */
class Arena implements PagedMemory {
  #bytes = new Uint8Array(0);

  copyOut(address: number, bytes: number): Uint8Array {
    const host = this.#bytes.slice(address, address + bytes);
    this.poison(address, bytes);
    return host;
  }

  copyIn(address: number, host: Uint8Array): void {
    this.#bytes.set(host, address);
  }

  grow(end: number): boolean {
    const left = this.#bytes;
    if (end <= left.length) return true;
    this.#bytes = new Uint8Array(Math.max(end, 2 * left.length));
    this.#bytes.set(left);
    left.fill(POISON);
    return true;
  }

  poison(address: number, bytes: number): void {
    this.#bytes.fill(POISON, address, address + bytes);
  }

  view({ shape, dtype }: Spec, address: number): TypedArray {
    return new ARRAYS[dtype](this.#bytes.buffer, address, sizeOf(shape));
  }
}

/** A backend with memory of its own, whose kernels are the reference's: with a small budget every op runs through eviction. */
export function pagedBackend({ fused = {}, ...options }: PagedBackendOptions = {}): PagedBackend {
  const arena = new Arena();
  const pager = new Pager(arena, options);
  // What a kernel leaves unwritten shows too.
  const allocate = pager.allocate.bind(pager);
  pager.allocate = (bytes) => {
    const block = allocate(bytes);
    arena.poison(pager.address(block), bytes);
    return block;
  };
  const memory: VisibleMemory = { pager, view: (spec, address) => arena.view(spec, address) };

  const backend: PagedBackend = {
    name: "paged",
    dtypes: DTYPES,
    synchronous: true,
    pager,
    fused: Object.fromEntries(
      Object.entries(fused).map(([name, kernel]): [string, FusedKernel<Block>] => [
        name,
        (operands, attrs, out) => lend(memory, name, operands, out, (...operands) => kernel(operands, attrs, out)!),
      ]),
    ),

    upload: (values, spec) => lend(memory, "upload", [], [spec], () => [values])[0]!,
    download(x) {
      pager.begin("download");
      pager.use(x.handle);
      return arena.view(x, pager.address(x.handle)).slice();
    },
    read: async (x) => backend.download(x),
    free(block) {
      if (pager.isResident(block)) {
        pager.begin("free");
        pager.use(block);
        arena.poison(pager.address(block), block.bytes);
      }
      pager.free(block);
    },

    ...lentFamilies(memory),
  };
  return backend;
}

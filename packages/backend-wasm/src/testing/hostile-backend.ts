import { detectEngine } from "../engine.ts";
import { Runtime } from "../runtime.ts";
import { backendOver, type WasmBackend } from "../wasm.ts";

/** Does all work twice, as happens when a worker dies in the middle of it, and on memory that is not zero at first. */
class Hostile extends Runtime {
  constructor(...args: ConstructorParameters<typeof Runtime>) {
    super(...args);
    const { pager, memory } = this;
    const allocate = pager.allocate.bind(pager);
    pager.allocate = (bytes) => {
      const block = allocate(bytes);
      const address = pager.address(block);
      memory.u8.fill(0xff, address, address + bytes); // NaN, among floats
      return block;
    };
  }

  override launch(...args: Parameters<Runtime["launch"]>): void {
    super.launch(...args);
    super.launch(...args);
  }
}

/** A backend on which kernels have to give the same results: two threads share the smallest work, which is done twice, on used memory. */
export const hostileBackend = (): WasmBackend => {
  const engine = detectEngine({ relaxedSimd: true, threads: true });
  return backendOver(new Hostile(engine, 2, {}, { worthwhile: 0, chunk: 0 }));
};

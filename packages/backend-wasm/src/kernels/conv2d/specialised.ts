import type { KernelModule } from "../../kernel-module.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { type Geometry, keyOf } from "./geometry.ts";

/** Kernels that are compiled for a geometry, when they are first needed. The number of images is not part of it. */
export function specialised<Name extends string, Flags extends readonly boolean[]>(
  runtime: Runtime,
  define: (m: KernelModule<Name>, g: Geometry, ...flags: Flags) => void,
): (g: Geometry, ...flags: Flags) => Record<Name, Kernel> {
  const compiled = new Map<string, Record<Name, Kernel>>();
  return (g, ...flags) => {
    const key = `${keyOf(g)},${flags}`;
    let kernels = compiled.get(key);
    if (kernels === undefined) {
      kernels = runtime.compile<Name>((m) => define(m, g, ...flags));
      compiled.set(key, kernels);
    }
    return kernels;
  };
}

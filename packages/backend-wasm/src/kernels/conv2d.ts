import type { FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";

export function convolution(_runtime: Runtime): FusedKernels {
  return {};
}

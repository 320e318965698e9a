import type { FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";

export function activation(_runtime: Runtime): FusedKernels {
  return {};
}

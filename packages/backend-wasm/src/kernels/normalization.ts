import type { FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";

export function normalization(_runtime: Runtime): FusedKernels {
  return {};
}

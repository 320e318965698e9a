import type { Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";

export function movement(_runtime: Runtime, _reference: Families): Partial<Families> {
  return {};
}

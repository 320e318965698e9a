import type { Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { binary } from "./elementwise/binary.ts";
import { cast } from "./elementwise/cast.ts";
import { fill } from "./elementwise/fill.ts";
import { select } from "./elementwise/select.ts";
import { unary } from "./elementwise/unary.ts";

/** The families whose results depend on one element of each operand; what they have no kernels for is computed by the reference. */
export const elementwise = (
  runtime: Runtime,
  reference: Families,
): Pick<Families, "unary" | "binary" | "select" | "cast" | "fill"> => ({
  unary: unary(runtime, reference),
  binary: binary(runtime, reference),
  select: select(runtime, reference),
  cast: cast(runtime, reference),
  fill: fill(runtime, reference),
});

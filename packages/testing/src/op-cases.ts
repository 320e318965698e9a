import { ACTIVATION } from "./cases/activation.ts";
import { ELEMENTWISE } from "./cases/elementwise.ts";
import { LINALG } from "./cases/linalg.ts";
import { BINARY } from "./cases/losses.ts";
import { MOVEMENT } from "./cases/movement.ts";
import { NEURAL } from "./cases/neural.ts";
import { POINTWISE } from "./cases/pointwise.ts";
import { PROGRAM } from "./cases/program.ts";
import { PUTS } from "./cases/rearrange.ts";
import { REDUCE } from "./cases/reduce.ts";
import { STATISTICS } from "./cases/statistics.ts";
import type { OpCase } from "./op-case.ts";

/** A case for every op of core's registry. A test fails where one is missing, or does not reach its op. */
export const OP_CASES: Readonly<Record<string, OpCase>> = {
  ...ELEMENTWISE,
  ...POINTWISE,
  ...ACTIVATION,
  ...MOVEMENT,
  ...REDUCE,
  ...STATISTICS,
  ...NEURAL,
  ...PROGRAM,
  ...PUTS,
  ...LINALG,
  ...BINARY,
};

import { flatten, unbind } from "@descent/core";
import fc from "fast-check";
import { axis, shape } from "./arbitraries.ts";
import { ACTIVATION_FUNCTIONS } from "./cases/activation.ts";
import { FORMS } from "./cases/forms.ts";
import { HOST_LINALG, LINALG_FUNCTIONS } from "./cases/linalg.ts";
import { LOSSES } from "./cases/losses.ts";
import { NETWORK_FUNCTIONS } from "./cases/network.ts";
import { POINTWISE_FUNCTIONS } from "./cases/pointwise.ts";
import { PRODUCTS } from "./cases/products.ts";
import { READING, REARRANGE } from "./cases/rearrange.ts";
import { STATISTIC_FUNCTIONS, STATISTIC_HOST_FUNCTIONS } from "./cases/statistics.ts";
import { WINDOWS } from "./cases/windows.ts";
import { draw, floats, type OpCase, opCase } from "./op-case.ts";

const JOINTS: Record<string, OpCase> = {
  flatten: opCase(
    shape().chain((s) => draw(null, floats(s))),
    ([x]) => flatten(x!),
  ),
  unbind: opCase(
    shape({ minRank: 1 }).chain((s) =>
      fc.tuple(fc.constant(s), axis(s.length)).chain(([s, dim]) => draw(dim, floats(s))),
    ),
    ([x], dim) => unbind(x!, dim),
  ),
};

/**
 * Cases of public functions that are made of ops and are none themselves, by name. They are compared on every backend, and their
 * gradients checked, like those of ops.
 */
export const FUNCTION_CASES: Readonly<Record<string, OpCase>> = {
  ...JOINTS,
  ...FORMS,
  ...REARRANGE,
  ...READING,
  ...PRODUCTS,
  ...LINALG_FUNCTIONS,
  ...STATISTIC_FUNCTIONS,
  ...POINTWISE_FUNCTIONS,
  ...ACTIVATION_FUNCTIONS,
  ...NETWORK_FUNCTIONS,
  ...LOSSES,
  ...WINDOWS,
};

/** Functions of `FUNCTION_CASES` that read values, which devices cannot do that nobody can wait for. */
export const HOST_FUNCTIONS: ReadonlySet<string> = new Set<string>([
  "inverse",
  ...Object.keys(READING),
  ...HOST_LINALG,
  ...STATISTIC_HOST_FUNCTIONS,
]);

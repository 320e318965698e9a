import { matmul, type RandomOptions, randn } from "@descent/core";
import "@descent/core/methods";
import { type Check, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import type { TaskDistribution } from "./task.ts";

/** Options of `quadratics`. */
export interface QuadraticsOptions {
  /** Variables of a problem. Default 10. */
  readonly dimensions?: number;
  /** Independent problems that one task holds side by side; their losses are added, so that each has the gradient it has alone. Default 1. */
  readonly batch?: number;
  /** float32 (default) or float64. */
  readonly dtype?: "float32" | "float64";
}

/** `‖Wθ − y‖²` with `W`, `y` and the first `θ` of the standard normal distribution, `θ` times 0.1 (Andrychowicz et al. 2016, section 3.1). */
export function quadratics(options: QuadraticsOptions = {}): TaskDistribution {
  const {
    dimensions: n,
    batch,
    dtype,
  } = settled<Required<QuadraticsOptions>>(
    "quadratics",
    options,
    { dimensions: 10, batch: 1, dtype: "float32" },
    { dimensions: positiveInteger, batch: positiveInteger, dtype: floating },
  );
  return {
    sample(generator) {
      const drawn: RandomOptions = { generator, dtype };
      const [W, y] = [randn([batch, n, n], drawn), randn([batch, n, 1], drawn)];
      return {
        initial: [randn([batch, n, 1], drawn).mul(0.1)],
        loss: ([theta]) => matmul(W, theta!).sub(y).square().sum(),
      };
    },
  };
}

/** A dtype with gradients. */
export const floating: Check = {
  expected: '"float32" or "float64"',
  test: (value) => value === "float32" || value === "float64",
};

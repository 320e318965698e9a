import { add, indexSelect, mul, type RandomOptions, randint, randn } from "@descent/core";
import "@descent/core/methods";
import { nonNegative, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import { MLP_CHECKS, MLP_DEFAULTS, type MlpOptions, mlpTask } from "./mlp.ts";
import { floating } from "./quadratics.ts";
import type { TaskDistribution } from "./task.ts";

/** Options of `classification`. */
export interface ClassificationOptions extends MlpOptions {
  /** Points of a problem. Default 256. */
  readonly points?: number;
  /** Coordinates of a point. Default 4. */
  readonly features?: number;
  /** Default 3. */
  readonly classes?: number;
  /** Gaussian clusters that a class consists of. Default 2. */
  readonly clusters?: number;
  /** The standard deviation of a cluster; their centres have 1. Default 0.5. */
  readonly spread?: number;
  /** Units of the hidden layers. Default [16]. */
  readonly hidden?: readonly number[];
  /** float32 (default) or float64. */
  readonly dtype?: "float32" | "float64";
}

/** Small multilayer perceptrons that learn to tell clusters of random points apart; a task draws points, weights and mini-batches. */
export function classification(options: ClassificationOptions = {}): TaskDistribution {
  const { points, features, classes, clusters, spread, dtype, ...network } = settled(
    "classification",
    options,
    DEFAULTS,
    CHECKS,
  );
  return {
    sample(generator) {
      const drawn: RandomOptions = { generator, dtype };
      const centres = randn([classes * clusters, features], drawn);
      const cluster = randint(0, classes * clusters, [points], { generator });
      const inputs = add(indexSelect(centres, 0, cluster), mul(randn([points, features], drawn), spread));
      return mlpTask({ inputs, labels: cluster.remainder(classes), classes }, network, generator);
    },
  };
}

const DEFAULTS: Required<ClassificationOptions> = {
  points: 256,
  features: 4,
  classes: 3,
  clusters: 2,
  spread: 0.5,
  hidden: [16],
  ...MLP_DEFAULTS,
  dtype: "float32",
};

const CHECKS = {
  points: positiveInteger,
  features: positiveInteger,
  classes: positiveInteger,
  clusters: positiveInteger,
  spread: nonNegative,
  ...MLP_CHECKS,
  dtype: floating,
};

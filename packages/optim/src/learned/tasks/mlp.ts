import {
  Generator,
  indexSelect,
  linear,
  type RandomOptions,
  randint,
  relu,
  softmaxCrossEntropy,
  type Tensor,
  tanh,
  uniform,
} from "@descent/core";
import "@descent/core/methods";
import { seedFrom } from "../../base/seed.ts";
import { type Checks, oneOf, positiveInteger } from "../../checks.ts";
import type { Task } from "./task.ts";

/** What a small network is to learn. */
export interface Examples {
  /** `[N, features]`. */
  readonly inputs: Tensor;
  /** Classes as numbers from 0, int32 `[N]`. */
  readonly labels: Tensor;
  /** How many there are. */
  readonly classes: number;
}

/** A network between inputs and labels, and how many of them a step sees. */
export interface MlpOptions {
  /** Units of the hidden layers. */
  readonly hidden?: readonly number[];
  /** Default "tanh". */
  readonly activation?: "tanh" | "relu";
  /** Examples that the loss of a step is the mean of. Default 32. */
  readonly batchSize?: number;
}

/** Defaults of all options but the layers. */
export const MLP_DEFAULTS = { activation: "tanh", batchSize: 32 } as const;

export const MLP_CHECKS: Checks<MlpOptions> = {
  hidden: {
    expected: "a list of integers ≥ 1",
    test: (value) => Array.isArray(value) && value.every(positiveInteger.test),
  },
  activation: oneOf("tanh", "relu"),
  batchSize: positiveInteger,
};

/** A multilayer perceptron that learns to classify examples, from weights as PyTorch draws them. Its loss is the mean cross-entropy. */
export function mlpTask(
  { inputs, labels, classes }: Examples,
  options: Required<MlpOptions>,
  generator: Generator,
): Task {
  const { hidden, batchSize } = options;
  const activation = options.activation === "tanh" ? tanh : relu;
  const sizes = [inputs.shape[1]!, ...hidden, classes];
  const drawn: RandomOptions = { generator, dtype: inputs.dtype };
  const initial = sizes.slice(1).flatMap((outputs, k) => {
    const bound = 1 / Math.sqrt(sizes[k]!);
    return [uniform(-bound, bound, [outputs, sizes[k]!], drawn), uniform(-bound, bound, [outputs], drawn)];
  });
  const seed = seedFrom(generator);
  const lossOn = (parameters: readonly Tensor[], x: Tensor, y: Tensor): Tensor => {
    let h = x;
    for (let k = 0; k < parameters.length; k += 2) {
      h = linear(h, parameters[k]!, parameters[k + 1]!);
      if (k + 2 < parameters.length) h = activation(h);
    }
    return softmaxCrossEntropy(h, y, true).mean();
  };
  return {
    initial,
    loss(parameters, t) {
      const batches = new Generator();
      batches.setState({ seed, counter: t * batchSize });
      const batch = randint(0, inputs.shape[0]!, [batchSize], { generator: batches });
      return lossOn(parameters, indexSelect(inputs, 0, batch), indexSelect(labels, 0, batch));
    },
    fullLoss: (parameters) => lossOn(parameters, inputs, labels),
  };
}

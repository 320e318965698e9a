import { ArgumentError, checkIndex, indexSelect, show, Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { type Check, positiveInteger } from "../../checks.ts";
import { settled } from "../../tools/arguments.ts";
import { MLP_CHECKS, MLP_DEFAULTS, type MlpOptions, mlpTask } from "./mlp.ts";
import type { TaskDistribution } from "./task.ts";

/** Options of `imageSubsets`; images and labels have to be given. */
export interface ImageSubsetsOptions extends MlpOptions {
  /** `[N, …]`, of a floating dtype; each image is flattened. */
  readonly images: Tensor;
  /** Classes as numbers from 0, `[N]`, int32. */
  readonly labels: Tensor;
  /** Default 10. */
  readonly classes?: number;
  /** Images of a problem. Default 256. */
  readonly size?: number;
  /** Units of the hidden layers. Default [20]. */
  readonly hidden?: readonly number[];
}

/** Small multilayer perceptrons that learn to classify a random part of some images, such as MNIST's. */
export function imageSubsets(options: ImageSubsetsOptions): TaskDistribution {
  const { images, labels, classes, size, ...network } = settled<Required<ImageSubsetsOptions>>(
    "imageSubsets",
    options,
    { ...DEFAULTS, images: options?.images, labels: options?.labels },
    CHECKS,
  );
  const count = labels.numel();
  if (images.ndim < 2 || images.shape[0] !== count || labels.ndim !== 1)
    throw new ArgumentError(
      "imageSubsets",
      `images ${show(images.shape)} and labels ${show(labels.shape)} do not belong together`,
      "expected [N, …] and [N]",
    );
  if (size > count)
    throw new ArgumentError("imageSubsets", `${size} images are asked for, and there are ${count}`, "take fewer");
  checkIndex("imageSubsets", labels, classes, 1);
  const flat = images.reshape([count, -1]);
  return {
    sample(generator) {
      const chosen = tensor(generator.permutation(count).slice(0, size));
      const examples = { inputs: indexSelect(flat, 0, chosen), labels: indexSelect(labels, 0, chosen), classes };
      return mlpTask(examples, network, generator);
    },
  };
}

const DEFAULTS = { classes: 10, size: 256, hidden: [20], ...MLP_DEFAULTS };

const given: Check = { expected: "a tensor", test: (value) => value instanceof Tensor };
const CHECKS = {
  images: given,
  labels: given,
  classes: positiveInteger,
  size: positiveInteger,
  ...MLP_CHECKS,
};

import { data, nn } from "descent";
import { classification, imageSubsets, quadratics, type TaskDistribution } from "descent/learned";
import type { Family } from "./compare.ts";

/** Problems of one kind, those to race on and those to train on. */
export interface TrainingFamily extends Family {
  readonly training: TaskDistribution;
}

/** A family by its name, and how many windows of meta-training take two minutes or so on one core. */
interface Choice {
  readonly about: string;
  readonly make: (steps: number) => TrainingFamily | Promise<TrainingFamily>;
  readonly windows: number;
}

export const FAMILIES = {
  quadratics: {
    about: "random quadratics of 10 variables",
    // Many small problems side by side cost little more than one.
    make: (steps) => ({
      title: "quadratics of 10 variables",
      tasks: quadratics(),
      training: quadratics({ batch: 32 }),
      steps,
    }),
    windows: 5000,
  },
  classification: {
    about: "small networks that tell clusters of random points apart",
    make: (steps) => ({
      title: "classifiers of clusters",
      tasks: classification(),
      training: classification(),
      steps,
    }),
    windows: 2500,
  },
  mnist: {
    about: "small networks that read digits of 7 × 7 pixels, some of MNIST's",
    async make(steps) {
      const [training, tasks] = [await digits(true, 20_000), await digits(false, 10_000)];
      return { title: "readers of small digits", tasks, training, steps };
    },
    windows: 800,
  },
} as const satisfies Record<string, Choice>;
export type FamilyName = keyof typeof FAMILIES;

/** Networks that read digits of MNIST, from the training images or from the test images; 4 × 4 pixels become one. */
async function digits(train: boolean, size: number): Promise<TaskDistribution> {
  const set = await data.MNIST.load({ train, size });
  const [images, labels] = set.batch(Int32Array.from({ length: size }, (_, i) => i));
  return imageSubsets({ images: nn.functional.avgPool2d(images, 4), labels });
}

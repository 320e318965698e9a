import { Generator, manualSeed, nn, noGrad, optim, scope } from "descent";
import { type LocalCheckpoint, localMember, type Member } from "descent/population";
import type { Digits, Part } from "./digits.ts";

/** What is looked for. */
export interface Hyper {
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** A member of the population, and how many of the test digits it reads. */
export interface Reader {
  readonly member: Member<Hyper, LocalCheckpoint>;
  test(): number;
}

const BATCH = 50;

/** A LeNet-5 that goes through all training digits once in every generation, in an order of its own. Its score is the share of validation digits that it reads. */
export function lenet(digits: Digits, seed: number): Reader {
  manualSeed(seed);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(400, 120),
    new nn.ReLU(),
    new nn.Linear(120, 84),
    new nn.ReLU(),
    new nn.Linear(84, 10),
  );
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters());
  const order = new Generator(seed);

  const accuracy = ({ set, from, to }: Part): number => {
    let correct = 0;
    for (const indices of batches(range(from, to), 500))
      correct += scope(() => {
        const [images, labels] = set.batch(indices);
        return noGrad(() => model.call(images).argmax(1).eq(labels).sum()).item();
      });
    return correct / (to - from);
  };

  const member = localMember<Hyper>({
    parts: { model, optimizer, order },
    train() {
      const { set, to } = digits.train;
      for (const indices of batches(order.permutation(to), BATCH))
        scope(() => {
          const [images, labels] = set.batch(indices);
          optimizer.zeroGrad();
          criterion.call(model.call(images), labels).backward();
          optimizer.step();
        });
    },
    evaluate: () => accuracy(digits.validation),
  });
  return { member, test: () => accuracy(digits.test) };
}

const range = (from: number, to: number): Int32Array => Int32Array.from({ length: to - from }, (_, i) => from + i);

function* batches(indices: Int32Array, size: number): Iterable<Int32Array> {
  for (let i = 0; i < indices.length; i += size) yield indices.subarray(i, i + size);
}

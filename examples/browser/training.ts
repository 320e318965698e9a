import { data, manualSeed, nn, noGrad, optim, setBackend } from "descent";
import { openBackend } from "./backends.ts";
import type { Run } from "./run.ts";
import type { Settings } from "./settings.ts";

const STEPS_BETWEEN_TESTS = 200;

/** Trains LeNet-5 (LeCun et al. 1998) on the files in a directory, until a number of steps is reached. */
export async function train(settings: Settings, directory: string, run: Run): Promise<void> {
  const backend = await openBackend(settings.backend);
  setBackend(backend);
  manualSeed(0);

  const trainSet = await data.MNIST.load({ train: true, directory, size: settings.images });
  const testSet = await data.MNIST.load({ train: false, directory });
  const testImages = spread(testSet.length, settings.tests);
  const trainLoader = new data.DataLoader(trainSet, { batchSize: settings.batchSize, shuffle: true });
  const testLoader = new data.DataLoader(new data.Subset(testSet, testImages), { batchSize: 250 });

  const model = new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }), // [N, 1, 28, 28] → [N, 6, 28, 28]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // → [N, 6, 14, 14]
    new nn.Conv2d(6, 16, 5), // → [N, 16, 10, 10]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // → [N, 16, 5, 5]
    new nn.Flatten(), // → [N, 400]
    new nn.Linear(400, 120),
    new nn.ReLU(),
    new nn.Linear(120, 84),
    new nn.ReLU(),
    new nn.Linear(84, 10), // → a score for each digit
  );
  const criterion = new nn.CrossEntropyLoss();
  const optimizer =
    settings.optimizer === "adam"
      ? new optim.Adam(model.parameters(), { lr: settings.lr })
      : new optim.SGD(model.parameters(), { lr: settings.lr, momentum: 0.9 });

  // The run hands on the batches of an epoch, waits while it is paused, and tells the page how it goes.
  run.begin(backend);
  await test();
  while (run.step < settings.steps)
    for await (const [images, labels] of run.epoch(trainLoader, settings.steps)) {
      optimizer.paramGroups[0]!.lr = run.lr;
      const loss = criterion.call(model.call(images), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      run.stepped((await loss.data())[0]!, labels.numel());
      if (run.step % STEPS_BETWEEN_TESTS === 0) await test();
    }
  await test();

  async function test(): Promise<void> {
    model.eval();
    const predictions: number[] = [];
    for await (const [images] of testLoader) {
      const digits = noGrad(() => model.call(images).argmax(1));
      predictions.push(...(await digits.data()));
    }
    model.train();
    run.tested(testSet, testImages, predictions);
  }
}

/** `count` of the numbers below `length`, at equal distances: the first half of MNIST's test images is easier than the second. */
const spread = (length: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));

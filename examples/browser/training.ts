import { data, manualSeed, nn, noGrad, optim, type Tensor } from "descent";

/** What a training tells whoever looks on. */
export interface Watcher {
  /** A step is done; `false` ends the training. */
  step(loss: number, samples: number): boolean | Promise<boolean>;
  /** The digits that the model reads in the test images, from time to time. */
  read(digits: readonly number[]): void;
}

const lenet = (): nn.Sequential =>
  new nn.Sequential(
    ...[new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten()],
    ...[new nn.Linear(400, 120), new nn.ReLU(), new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10)],
  );

/** Trains LeNet-5 on the current backend, batch after batch, until the watcher has seen enough. */
export async function train(
  digits: data.MNIST,
  test: Tensor,
  watcher: Watcher,
  { batchSize = 32, readEvery = 20 } = {},
): Promise<void> {
  manualSeed(0);
  const model = lenet();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.03, momentum: 0.9, nesterov: true });
  const criterion = new nn.CrossEntropyLoss();
  const read = async (): Promise<void> => {
    const classes = noGrad(() => model.call(test).argmax(1));
    watcher.read([...(await classes.data())]);
  };
  for (let step = 1; ; )
    for await (const [images, labels] of new data.DataLoader(digits, { batchSize, shuffle: true })) {
      const loss = criterion.call(model.call(images), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      const goesOn = await watcher.step((await loss.data())[0]!, batchSize);
      if (step++ % readEvery === 0 || !goesOn) await read();
      if (!goesOn) return;
    }
}

// Trains LeNet-5 (LeCun et al. 1998) to read handwritten digits: `npm start`; `npm start -- --help` lists the options.
import { data, manualSeed, nn, noGrad, optim } from "descent";
import { readOptions } from "./cli/options.ts";
import { Screen } from "./cli/screen.ts";

const options = await readOptions();
manualSeed(options.seed);

const trainSet = await data.MNIST.load({ train: true, size: options.trainSize });
const testSet = await data.MNIST.load({ train: false });
const trainLoader = new data.DataLoader(trainSet, { batchSize: options.batchSize, shuffle: true });
const testLoader = new data.DataLoader(testSet, { batchSize: 500 });

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
const optimizer = new optim.SGD(model.parameters(), { lr: options.lr, momentum: 0.9, nesterov: true });

// The screen hands on the batches of a loader, shows how far they are, and ends the loops early on Ctrl-C.
const screen = new Screen(options, model, trainLoader, testLoader);

for (let epoch = 1; epoch <= options.epochs && !screen.stopped; epoch++) {
  for await (const [images, labels] of screen.training(epoch)) {
    const loss = criterion.call(model.call(images), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    screen.loss((await loss.data())[0]!);
  }
  screen.endEpoch(await accuracy());
}

await nn.saveSafetensors(screen.checkpoint, model.stateDict());
screen.end();

/** The share of test images that the model reads correctly. */
async function accuracy(): Promise<number> {
  model.eval();
  let correct = 0;
  for await (const [images, labels] of screen.testing()) {
    const hits = noGrad(() => model.call(images).argmax(1).eq(labels).sum());
    correct += (await hits.data())[0]!;
  }
  model.train();
  return correct / testSet.length;
}

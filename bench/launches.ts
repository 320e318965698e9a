// What a training step asks of a GPU: `npm run bench:launches`. Launches of shaders per step, and how many shaders are compiled for a first, a
// second and a smaller last batch. It runs in software where there is no GPU; then the times say nothing.
import { gpu } from "@descent/backend-gpu";
import { manualSeed, nn, optim, randint, randn, setBackend, type Tensor } from "descent";
import { provideWebGpu } from "../packages/backend-gpu/src/testing/webgpu.ts";

const BATCHES = [32, 32, 20];

interface Workload {
  readonly name: string;
  readonly model: () => nn.Layer;
  readonly image: readonly number[];
}

const WORKLOADS: readonly Workload[] = [
  {
    name: "MLP 784-128-10",
    model: () => new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 128), new nn.ReLU(), new nn.Linear(128, 10)),
    image: [1, 28, 28],
  },
  {
    name: "LeNet-5",
    model: () =>
      new nn.Sequential(
        ...[new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)],
        ...[new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten()],
        ...[new nn.Linear(400, 120), new nn.ReLU(), new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10)],
      ),
    image: [1, 28, 28],
  },
  {
    name: "two convolutions with batch normalisation",
    model: () =>
      new nn.Sequential(
        ...[new nn.Conv2d(3, 8, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(8), new nn.ReLU()],
        ...[new nn.Conv2d(8, 8, 3, { stride: 2, bias: false }), new nn.BatchNorm2d(8), new nn.ReLU()],
        ...[new nn.AvgPool2d(2), new nn.Flatten(), new nn.Linear(72, 10)],
      ),
    image: [3, 14, 14],
  },
];

const OPTIMIZERS = {
  "SGD with momentum": (model: nn.Layer) => new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
  Adam: (model: nn.Layer) => new optim.Adam(model.parameters()),
};

await provideWebGpu();
const { mode, adapter } = (await gpu()).describe();
console.log(`${mode} on ${adapter}; batches of ${BATCHES.join(", ")}\n`);
console.log("| network | optimizer | launches per step | shaders compiled | ms per step |\n|---|---|---|---|---|");

for (const { name, model: make, image } of WORKLOADS)
  for (const [rule, makeOptimizer] of Object.entries(OPTIMIZERS)) {
    const backend = await gpu();
    setBackend(backend);
    manualSeed(0);
    const model = make();
    const optimizer = makeOptimizer(model);
    const criterion = new nn.CrossEntropyLoss();
    const step = async (batch: number): Promise<readonly [launches: number, compiled: number, ms: number]> => {
      const [before, start] = [backend.describe(), performance.now()];
      optimizer.zeroGrad();
      const loss: Tensor = criterion.call(model.call(randn([batch, ...image])), randint(0, 10, [batch]));
      loss.backward();
      optimizer.step();
      await loss.data();
      const after = backend.describe();
      return [
        after.launches - before.launches,
        after.compilations - before.compilations,
        Math.round(performance.now() - start),
      ];
    };
    const steps: (readonly number[])[] = [];
    for (const batch of BATCHES) steps.push(await step(batch));
    const columns = [0, 1, 2].map((i) => steps.map((values) => values[i]).join(", "));
    console.log(`| ${name} | ${rule} | ${columns.join(" | ")} |`);
  }

// What it costs to manage no memory: `npm run bench:garbage [-- threads]`. Training loops that drop what they make, beside the same loops inside
// of `scope()`, which frees everything at once; in blocks of steps that take turns, in one process.
import { manualSeed, nn, optim, randint, randn, scope, setBackend, type Tensor, type WasmBackend, wasm } from "descent";

const F = nn.functional;
const [WARM_UP, BLOCKS, STEPS] = [300, 20, 100];

/** LeNet-5 as a module that sees what goes from layer to layer. */
class LeNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 6, 5, { padding: 2 });
  readonly conv2 = new nn.Conv2d(6, 16, 5);
  readonly fc1 = new nn.Linear(400, 120);
  readonly fc2 = new nn.Linear(120, 84);
  readonly fc3 = new nn.Linear(84, 10);

  forward(x: Tensor): Tensor {
    let y = F.maxPool2d(this.conv1.call(x).relu(), 2);
    y = F.maxPool2d(this.conv2.call(y).relu(), 2);
    y = this.fc1.call(y.flatten(1)).relu();
    return this.fc3.call(this.fc2.call(y).relu());
  }
}

const sequential = (): nn.Sequential =>
  new nn.Sequential(
    ...[new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten()],
    ...[new nn.Linear(400, 120), new nn.ReLU(), new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10)],
  );

interface Loop {
  readonly backend: WasmBackend;
  readonly step: () => void;
  milliseconds: number;
}

/** A training loop on a backend of its own. */
function loop(threads: number, make: () => nn.Layer, inScope: boolean): Loop {
  const backend = wasm({ threads });
  setBackend(backend);
  manualSeed(0);
  const model = make();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  const criterion = new nn.CrossEntropyLoss();
  const [images, labels] = [randn([64, 1, 28, 28]), randint(0, 10, [64])];
  const step = (): void => {
    optimizer.zeroGrad();
    criterion.call(model.call(images), labels).backward();
    optimizer.step();
  };
  return { backend, step: inScope ? () => scope(step) : step, milliseconds: 0 };
}

function run({ backend, step }: Loop, steps: number): number {
  setBackend(backend);
  const start = performance.now();
  for (let i = 0; i < steps; i++) step();
  return performance.now() - start;
}

const threads = Number(process.argv[2] ?? 1);
console.log(`LeNet-5, batch of 64, ${threads} thread(s): mean of ${BLOCKS * STEPS} steps\n`);
console.log(
  `${"".padEnd(12)}${["dropped", "in scope()", "ratio", "budget", "collections"].map((s) => s.padStart(13)).join("")}`,
);
for (const [name, make] of Object.entries({ Sequential: sequential, class: () => new LeNet() })) {
  const loops = [false, true].map((inScope) => loop(threads, make, inScope));
  for (const each of loops) run(each, WARM_UP);
  for (let block = 0; block < BLOCKS; block++) for (const each of loops) each.milliseconds += run(each, STEPS);
  const [dropped, scoped] = loops.map(({ milliseconds }) => milliseconds / (BLOCKS * STEPS)) as [number, number];
  const { budget, collections } = loops[0]!.backend.memoryStats;
  const cells = [`${dropped.toFixed(2)} ms`, `${scoped.toFixed(2)} ms`, (dropped / scoped).toFixed(2)];
  const row = [...cells, `${budget / 2 ** 20} MiB`, String(collections)].map((cell) => cell.padStart(13));
  console.log(name.padEnd(12) + row.join(""));
}

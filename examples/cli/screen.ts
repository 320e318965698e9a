import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { constants as system } from "node:os";
import { dirname } from "node:path";
import { ArgumentError, type data, type nn, type Tensor } from "descent";
import { BACKENDS, type Options } from "./options.ts";
import { count, duration, Progress } from "./progress.ts";

type Batch = [images: Tensor, labels: Tensor];
type Loader = data.DataLoader<unknown, Batch>;

/** What a person sees of a training program: what runs, how far it is, how well it does. Knows Ctrl-C, and nothing about training. */
export class Screen {
  /** Where the weights go. */
  readonly checkpoint = "checkpoints/mnist-lenet.safetensors";
  readonly #began = performance.now();
  #signal: NodeJS.Signals | null = null;
  #progress: Progress | null = null;
  #steps = 0;
  /** How long the training epochs took that came to their end. */
  readonly #seconds: number[] = [];
  #accuracy: number | null = null;
  /** The loss of the epoch so far, and how the last steps did. */
  #loss = { sum: 0, samples: 0, recent: Number.NaN };
  /** Samples in the batch that the program works on. */
  #working = 0;

  constructor(
    readonly options: Options,
    model: nn.Module,
    readonly trainLoader: Loader,
    readonly testLoader: Loader,
  ) {
    prepareFolder(dirname(this.checkpoint));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => this.#interrupt(signal));
    const { epochs, batchSize, lr, seed, backend } = options;
    const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
    const images = `${count(trainLoader.dataset.length)} images`;
    console.log(`LeNet-5 learns MNIST\n\n${model}\n`);
    print({
      parameters: count(parameters),
      training: `${images}, ${plural(epochs, "epoch")} of ${plural(trainLoader.length, "step")}, batches of ${batchSize}`,
      testing: `${count(testLoader.dataset.length)} images`,
      optimizer: `SGD, lr ${lr}, momentum 0.9, nesterov`,
      seed: String(seed),
      backend: `${backend} (${BACKENDS[backend]!.about})`,
    });
    console.log("\nCtrl-C stops and keeps what was learned.\n");
  }

  /** Whether somebody asked the program to stop. */
  get stopped(): boolean {
    return this.#signal !== null;
  }

  /** The batches of a training epoch. */
  training(epoch: number): AsyncIterable<Batch> {
    this.#loss = { sum: 0, samples: 0, recent: Number.NaN };
    return this.#watch(this.trainLoader, `epoch ${epoch}/${this.options.epochs}`, (seconds) => {
      this.#seconds.push(seconds);
    });
  }

  /** The batches of the test set. */
  testing(): AsyncIterable<Batch> {
    return this.#watch(this.testLoader, "  testing");
  }

  /** Takes note of a training step and its loss. */
  loss(value: number): void {
    this.#steps++;
    if (!Number.isFinite(value))
      throw new ArgumentError("training", `the loss is ${value} in step ${this.#steps}`, "try a smaller --lr");
    const { sum, samples, recent } = this.#loss;
    this.#loss = {
      sum: sum + value * this.#working,
      samples: samples + this.#working,
      recent: Number.isNaN(recent) ? value : 0.9 * recent + 0.1 * value,
    };
  }

  /** Prints how an epoch went. */
  endEpoch(accuracy: number): void {
    if (this.stopped) return;
    this.#accuracy = accuracy;
    const loss = `training loss ${this.#meanLoss.toFixed(4)}`;
    const label = `epoch ${this.#seconds.length}/${this.options.epochs}`;
    console.log(`${label}  ${loss}  test accuracy ${percent(accuracy)}  (${duration(this.#seconds.at(-1)!)})`);
  }

  /** Prints how it ended. */
  end(): void {
    const signal = this.#signal;
    const steps = plural(this.#steps, "step");
    const [epochs, time] = [plural(this.options.epochs, "epoch"), duration((performance.now() - this.#began) / 1000)];
    console.log(
      signal === null
        ? `\nTest accuracy ${percent(this.#accuracy!)} after ${epochs} (${steps}, ${time}).`
        : `\nStopped by ${signal === "SIGINT" ? "Ctrl-C" : signal} after ${steps}.`,
    );
    const kilobytes = Math.round(statSync(this.checkpoint).size / 1000);
    console.log(`Weights: ${this.checkpoint} (${kilobytes} kB; Python's safetensors reads them too).`);
    if (signal === null) this.#suggest();
    else process.exitCode = exitCode(signal);
    if (this.options.json) console.log(JSON.stringify(this.#result));
  }

  #suggest(): void {
    const minutes = Math.ceil((15 * this.#seconds.at(-1)!) / 60);
    console.log(`
What to try next:
  npm start -- --epochs 15    a longer training, of ${minutes} min or so
  npm start -- --lr 0.1       what a larger step does
  examples/mnist-lenet.ts     the program: change the model and start again`);
  }

  /** What `--json` prints; `null` where Ctrl-C came first. */
  get #result() {
    const seconds = this.#seconds;
    return {
      testAccuracy: this.stopped ? null : this.#accuracy,
      trainLoss: this.#meanLoss,
      steps: this.#steps,
      secondsPerEpoch: seconds.length === 0 ? null : seconds.reduce((a, b) => a + b) / seconds.length,
      backend: this.options.backend,
      seed: this.options.seed,
    };
  }

  get #meanLoss(): number {
    return this.#loss.sum / this.#loss.samples;
  }

  async *#watch(loader: Loader, label: string, done?: (seconds: number) => void): AsyncGenerator<Batch> {
    const progress = new Progress(label, loader.dataset.length);
    this.#progress = progress;
    try {
      for await (const batch of loader) {
        if (this.stopped) return;
        this.#working = batch[0].shape[0]!;
        yield batch;
        progress.update(this.#working, done && `  loss ${this.#loss.recent.toFixed(4)}`);
      }
      done?.(progress.seconds);
    } finally {
      progress.stop();
      this.#progress = null;
    }
  }

  #interrupt(signal: NodeJS.Signals): void {
    if (this.stopped) {
      this.#progress?.stop();
      process.exit(exitCode(signal));
    }
    this.#signal = signal;
  }
}

/** Before training: to find out afterwards that nothing can be saved would be a pity. */
function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new ArgumentError("training", `cannot write to ${folder} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function print(table: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(table)) console.log(`${name.padEnd(12)}${value}`);
}

const exitCode = (signal: NodeJS.Signals): number => 128 + system.signals[signal];
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const plural = (n: number, what: string): string => `${count(n)} ${what}${n === 1 ? "" : "s"}`;

import { ArgumentError, type data, type Tensor } from "descent";
import { type AnyBackend, factsOf, launchesOf } from "./backends.ts";
import type { Digit, Report } from "./messages.ts";

/** Milliseconds between reports, and those over which the speed is taken. */
const BETWEEN_REPORTS = 100;
const SPEED_OVER = 2000;

/** How many digits the page shows. */
const SHOWN = { digits: 40, misread: 20 };

type Batch = [images: Tensor, labels: Tensor];

/** What the page sees and steers of a training program: how far it is, how fast, how well; pauses. Knows nothing about training. */
export class Run {
  step = 0;
  #epoch = 0;
  #backend: AnyBackend | null = null;
  #losses: number[] = [];
  #reportedAt = 0;
  /** The last steps: samples, and the milliseconds they took. */
  #recent: { readonly samples: number; readonly ms: number }[] = [];
  #began = { at: 0, launches: 0 };
  #launchesPerStep = 0;
  #pause: { readonly over: Promise<void>; readonly end: () => void } | null = null;

  constructor(
    readonly report: (report: Report) => void,
    /** The learning rate of the next step. */
    public lr: number,
  ) {}

  begin(backend: AnyBackend): void {
    this.#backend = backend;
    this.#progress();
  }

  pause(): void {
    if (this.#pause !== null) return;
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#pause = { over, end };
  }

  resume(): void {
    this.#pause?.end();
    this.#pause = null;
  }

  /** The batches of an epoch, as long as there are fewer than `steps` steps in all. */
  async *epoch(loader: data.DataLoader<unknown, Batch>, steps: number): AsyncGenerator<Batch> {
    this.#epoch++;
    for await (const batch of loader) {
      if (this.#pause !== null) {
        this.#progress();
        await this.#pause.over;
      }
      this.#began = { at: performance.now(), launches: launchesOf(this.#backend!) };
      yield batch;
      if (this.step === steps) return;
    }
  }

  /** Takes note of a step that has come to its end. */
  stepped(loss: number, samples: number): void {
    this.step++;
    if (!Number.isFinite(loss))
      throw new ArgumentError("training", `the loss is ${loss} in step ${this.step}`, "try a smaller learning rate");
    const now = performance.now();
    this.#losses.push(loss);
    this.#recent.push({ samples, ms: now - this.#began.at });
    this.#launchesPerStep = launchesOf(this.#backend!) - this.#began.launches;
    if (now - this.#reportedAt > BETWEEN_REPORTS) this.#progress();
  }

  /** Tells how the images at `indices` of a test set are read. */
  tested({ images, labels }: data.MNIST, indices: readonly number[], predictions: readonly number[]): void {
    const pixels = images.length / labels.length;
    const all = indices.map(
      (index, i): Digit => ({
        pixels: images.slice(index * pixels, (index + 1) * pixels),
        label: labels[index]!,
        predicted: predictions[i]!,
      }),
    );
    const misread = all.filter(({ label, predicted }) => label !== predicted);
    this.#progress();
    this.report({
      kind: "tested",
      correct: all.length - misread.length,
      total: all.length,
      digits: all.slice(0, SHOWN.digits),
      misread: misread.slice(0, SHOWN.misread),
    });
  }

  #progress(): void {
    const losses = this.#losses;
    this.#losses = [];
    this.#reportedAt = performance.now();
    const facts = factsOf(this.#backend!, this.#launchesPerStep);
    this.report({ kind: "progress", epoch: this.#epoch, losses, samplesPerSecond: this.#speed(), facts });
  }

  /** Training samples per second of training: tests and pauses do not count. */
  #speed(): number | null {
    const [samples, ms] = this.#recent.reduce(([a, b], step) => [a + step.samples, b + step.ms], [0, 0]);
    for (let left = ms; left > SPEED_OVER && this.#recent.length > 1; ) left -= this.#recent.shift()!.ms;
    return ms === 0 ? null : (1000 * samples) / ms;
  }
}

import { SingleBar } from "cli-progress";

const PLAIN_EVERY = 5; // seconds

/** How far a loop is that goes over samples, or whatever is counted: a bar in a terminal, elsewhere a line now and then. On stderr, so that stdout keeps the results. */
export class Progress {
  readonly #began = performance.now();
  readonly #bar: SingleBar | null = null;
  #printed = this.#began;
  #done = 0;

  constructor(
    readonly label: string,
    readonly total: number,
    readonly unit = "samples",
  ) {
    if (!process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: "{label} {bar} {state}",
      barsize: 20,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar.start(total, 0, { label, state: "" });
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Adds `done` to what is done, and `text` to what is shown. */
  update(done: number, text = ""): void {
    this.#done += done;
    const rate = this.#done / this.seconds;
    const state = [
      `${String(Math.floor((100 * this.#done) / this.total)).padStart(3)} %${text}`,
      `${count(Math.round(rate))} ${this.unit}/s`,
      `${duration((this.total - this.#done) / rate)} left`,
    ].join("  ");
    this.#bar?.update(this.#done, { state });
    if (this.#bar !== null || performance.now() - this.#printed < PLAIN_EVERY * 1000) return;
    this.#printed = performance.now();
    console.error(`${this.label} ${state}`);
  }

  /** Clears the bar and gives the cursor back. */
  stop(): void {
    this.#bar?.stop();
  }
}

export const count = (n: number): string => n.toLocaleString("en-US");

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 100 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}

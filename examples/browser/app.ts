/// <reference lib="dom" />
import { data, setBackend } from "descent";
import { BACKENDS } from "./backends.ts";
import { makePage } from "./page.ts";
import { train } from "./training.ts";

const SHOWN = 20;

const bytes = async (name: string): Promise<Uint8Array> => {
  const response = await fetch(`/mnist/${name}-ubyte`);
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

const mnist = async (part: string, size: number): Promise<data.MNIST> =>
  data.MNIST.parse(await bytes(`${part}-images-idx3`), await bytes(`${part}-labels-idx1`), { size });

/** The application in an element: training begins and ends when buttons say so. */
export function mount(
  root: Element,
  { trainSize = 60_000, steps = Number.POSITIVE_INFINITY, batchSize = 32 } = {},
): void {
  const page = makePage(root, Object.keys(BACKENDS));
  /** The training that goes on; another one takes its place. */
  let current = 0;

  async function run(id: number): Promise<void> {
    const name = page.backend();
    page.status(`${name}: loading`);
    setBackend(await BACKENDS[name]!());
    const [digits, shown] = [await mnist("train", trainSize), await mnist("t10k", SHOWN)];
    page.digits(shown.images, shown.labels);
    const [test] = shown.batch(Int32Array.from({ length: SHOWN }, (_, i) => i));
    const losses: number[] = [];
    let samples = 0;
    const start = performance.now();
    await train(
      digits,
      test,
      {
        async step(loss, count) {
          losses.push(loss);
          samples += count;
          const rate = (1000 * samples) / (performance.now() - start);
          page.losses(losses);
          page.status(`${name}: step ${losses.length}, loss ${loss.toFixed(4)}, ${rate.toFixed(0)} samples/s`);
          await new Promise((frame) => setTimeout(frame)); // for the browser to draw, and to hear of clicks
          return current === id && losses.length < steps;
        },
        read: page.readings,
      },
      { batchSize },
    );
  }

  page.onStart(() => {
    const id = ++current;
    run(id).catch((error: unknown) => page.status(error instanceof Error ? error.message : String(error)));
  });
  page.onStop(() => {
    current++;
  });
}

import { ArgumentError, defaultGenerator, type Generator } from "@descent/core";
import { type Collated, collate as defaultCollate } from "./collate.ts";
import type { Dataset } from "./dataset.ts";

/** How a DataLoader forms batches. */
export interface DataLoaderOptions {
  /** Samples per batch; the last one may be smaller. Default 1. */
  readonly batchSize?: number;
  /** Whether each epoch has a new random order. Default false. */
  readonly shuffle?: boolean;
  /** Whether a smaller last batch is left out. Default false. */
  readonly dropLast?: boolean;
  /** Where random orders come from. Default: the default generator, which `manualSeed` starts. */
  readonly generator?: Generator;
}

/**
 * Batches of a data set; each iteration is an epoch, which visits every sample once.
 *
 * `for await` lets the event loop turn between batches, so that signals, timers and pages get their turn; `for` does not.
 * The order of an epoch is drawn when the iteration starts and depends on the generator alone, not on the batch size.
 */
export class DataLoader<T, B = Collated<T>> implements Iterable<B>, AsyncIterable<B> {
  readonly batchSize: number;
  readonly #options: Required<Omit<DataLoaderOptions, "batchSize">>;
  readonly #fetch: (indices: Int32Array) => B;

  /** Batches are made by `collate`. */
  constructor(
    dataset: Dataset<T, unknown>,
    options: DataLoaderOptions & { readonly collate: (samples: readonly T[]) => B },
  );
  /** Batches are made by the data set's own `batch`, else by the `collate` of this package. */
  constructor(dataset: Dataset<T, B>, options?: DataLoaderOptions);
  constructor(
    readonly dataset: Dataset<T, unknown>,
    options: DataLoaderOptions & { readonly collate?: (samples: readonly T[]) => B } = {},
  ) {
    const { batchSize = 1, shuffle = false, dropLast = false, generator = defaultGenerator, collate } = options;
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new ArgumentError("DataLoader", `the batch size must be a positive integer, got ${batchSize}`);
    if (!(dataset.length > 0))
      throw new ArgumentError(
        "DataLoader",
        `the data set is empty (length ${dataset.length})`,
        "give it at least one sample",
      );
    if (dropLast && dataset.length < batchSize)
      throw new ArgumentError(
        "DataLoader",
        `dropLast leaves no batch: ${dataset.length} samples, batch size ${batchSize}`,
        "lower the batch size or keep the last batch",
      );
    this.batchSize = batchSize;
    this.#options = { shuffle, dropLast, generator };
    const merge = collate ?? (defaultCollate as (samples: readonly T[]) => unknown);
    this.#fetch = (indices) =>
      (!collate && dataset.batch
        ? dataset.batch(indices)
        : merge(Array.from(indices, (index) => dataset.get(index)))) as B;
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Iterator<B, undefined> {
    const { dataset, batchSize, length } = this;
    const { shuffle, generator } = this.#options;
    const order = shuffle
      ? generator.permutation(dataset.length)
      : Int32Array.from({ length: dataset.length }, (_, i) => i);
    for (let i = 0; i < length; i++) yield this.#fetch(order.slice(i * batchSize, (i + 1) * batchSize));
  }

  async *[Symbol.asyncIterator](): AsyncIterator<B, undefined> {
    for (const batch of this) {
      yield batch;
      await turn();
    }
  }
}

/** Resolves in a later turn of the event loop. Browsers slow down timers that follow each other, but not messages. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });

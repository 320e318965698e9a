import {
  ArgumentError,
  IndexError,
  indexSelect,
  ShapeError,
  scope,
  show,
  slice,
  type Tensor,
  tensor,
} from "@descent/core";
import type { Collated } from "./collate.ts";

/** Samples by index. Any object of this form will do. */
export interface Dataset<T, B = Collated<T>> {
  readonly length: number;
  /** Sample `index`, of `0 … length − 1`. */
  get(index: number): T;
  /** The batch of the given samples, where making it at once is faster than collating samples. */
  batch?(indices: Int32Array): B;
}

type Tensors<T> = { -readonly [K in keyof T]: Tensor };

/** Tensors of one length, read side by side along their first axis: sample `i` is `[x[i], y[i], …]`. */
export class TensorDataset<T extends readonly Tensor[]> implements Dataset<Tensors<T>, Tensors<T>> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    const shapes = tensors.map((x) => show(x.shape)).join(" and ");
    if (tensors.length === 0) throw new ArgumentError("TensorDataset", "there is no tensor", "pass at least one");
    if (tensors.some((x) => x.ndim === 0 || x.shape[0] !== tensors[0]!.shape[0]))
      throw new ShapeError(
        "TensorDataset",
        `the tensors ${shapes} have no common first axis`,
        "give every tensor one row per sample",
      );
    this.tensors = tensors;
    this.length = tensors[0]!.shape[0]!;
  }

  get(index: number): Tensors<T> {
    checkIndex("TensorDataset", index, this.length);
    return this.tensors.map((x) => slice(x, index)) as Tensors<T>;
  }

  batch(indices: Int32Array): Tensors<T> {
    return scope(() =>
      this.tensors.map((x) => indexSelect(x, 0, tensor(indices, { backend: x.backend }))),
    ) as Tensors<T>;
  }
}

/** The samples of another data set that `indices` names, in that order. */
export class Subset<T, B = Collated<T>> implements Dataset<T, B> {
  readonly indices: Int32Array;
  /** There where the other data set has it. */
  readonly batch?: (indices: Int32Array) => B;

  constructor(
    readonly dataset: Dataset<T, B>,
    indices: Iterable<number>,
  ) {
    const list = [...indices];
    for (const index of list) checkIndex("Subset", index, dataset.length);
    this.indices = Int32Array.from(list);
    if (dataset.batch) this.batch = (chosen) => dataset.batch!(chosen.map((i) => this.#at(i)));
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): T {
    return this.dataset.get(this.#at(index));
  }

  #at(index: number): number {
    checkIndex("Subset", index, this.length);
    return this.indices[index]!;
  }
}

/** Throws unless `index` names one of `length` samples. */
export function checkIndex(op: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length)
    throw new IndexError(op, `there is no sample ${index} among ${length}`, `use 0 to ${length - 1}`);
}

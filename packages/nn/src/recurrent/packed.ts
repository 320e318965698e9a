import { ArgumentError, cat, full, hostArray, ShapeError, scope, show, Tensor, tensor } from "@descent/core";
import { oneOf } from "../options.ts";

/** What a packed batch is made of. */
interface Packing {
  /** `[Σ batchSizes, …]`: the first steps of all sequences, then the second ones, …; longer sequences come first. */
  readonly data: Tensor;
  /** How many sequences have a step 0, 1, 2, …; it never grows. */
  readonly batchSizes: readonly number[];
  /** The numbers of the sequences, longest first; `null` where they came in this order. */
  readonly sortedIndices: readonly number[] | null;
}

/** Sequences of different lengths without padding, as recurrent layers read and return them. */
export class PackedSequence implements Packing {
  readonly data: Tensor;
  readonly batchSizes: readonly number[];
  readonly sortedIndices: readonly number[] | null;

  /** @internal Made by `packPaddedSequence` and `packSequence`. */
  constructor({ data, batchSizes, sortedIndices }: Packing) {
    this.data = data;
    this.batchSizes = batchSizes;
    this.sortedIndices = sortedIndices;
  }

  /** Where each sequence stands in the sorted order; `null` where that is its number. */
  get unsortedIndices(): readonly number[] | null {
    return this.sortedIndices && inverse(this.sortedIndices);
  }

  /** The same packing around other data. */
  with(data: Tensor): PackedSequence {
    return new PackedSequence({ ...this, data });
  }
}

const inverse = (order: readonly number[]): number[] => {
  const positions = new Array<number>(order.length);
  for (const [k, n] of order.entries()) positions[n] = k;
  return positions;
};

interface Layout {
  /** Whether the batch is the first axis and time the second: `[N, T, …]` instead of `[T, N, …]`. Default false. */
  readonly batchFirst?: boolean;
}

/** Options of `packPaddedSequence`. */
export interface PackOptions extends Layout {
  /** Whether lengths that do not descend are an error. Default true; with false the batch is sorted. */
  readonly enforceSorted?: boolean;
}

/** Options of `padPackedSequence`. */
export interface PadPackedOptions extends Layout {
  /** What stands behind the end of a sequence. Default 0. */
  readonly paddingValue?: number;
  /** The length to pad to, default that of the longest sequence. */
  readonly totalLength?: number | null;
}

/** Options of `padSequence`. */
export interface PadOptions extends Layout {
  /** What stands beside a shorter sequence. Default 0. */
  readonly paddingValue?: number;
  /** On which side the padding stands, default `"right"`. */
  readonly paddingSide?: "left" | "right";
}

/** Packs a padded batch `[T, N, …]`, of which sequence `n` has `lengths[n]` steps. */
export const packPaddedSequence = (
  x: Tensor,
  lengths: readonly number[] | Tensor,
  options: PackOptions = {},
): PackedSequence => new PackedSequence(scope(() => pack("packPaddedSequence", x, lengths, options)));

/** Packs sequences `[Tₙ, …]` of any lengths. */
export const packSequence = (
  sequences: readonly Tensor[],
  options: Pick<PackOptions, "enforceSorted"> = {},
): PackedSequence =>
  new PackedSequence(scope(() => pack("packSequence", padSequence(sequences), sequences.map(lengthOf), options)));

function pack(
  op: string,
  x: Tensor,
  given: readonly number[] | Tensor,
  { batchFirst = false, enforceSorted = true }: PackOptions,
): Packing {
  if (x.ndim < 2)
    throw new ShapeError(op, `expected [T,N,…] or [N,T,…], got ${show(x.shape)}`, "unsqueeze() a single sequence");
  const lengths = checkLengths(op, given, x, batchFirst);
  const order = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]!);
  if (enforceSorted && order.some((n, k) => n !== k))
    throw new ArgumentError(op, `the lengths ${show(lengths)} do not descend`, "pass enforceSorted: false");
  const batchSizes = Array.from(
    { length: lengths[order[0]!]! },
    (_, t) => lengths.filter((length) => length > t).length,
  );
  const inner = x.shape[1]!;
  const rows = batchSizes.flatMap((size, t) =>
    order.slice(0, size).map((n) => (batchFirst ? n * inner + t : t * inner + n)),
  );
  return { data: take(x.flatten(0, 1), rows), batchSizes, sortedIndices: enforceSorted ? null : order };
}

/** The batch `[T, N, …]` of a packed one, padded, and the length of each sequence. */
export function padPackedSequence(
  packed: PackedSequence,
  { batchFirst = false, paddingValue = 0, totalLength = null }: PadPackedOptions = {},
): [padded: Tensor, lengths: number[]] {
  const { data, batchSizes } = packed;
  const time = totalLength ?? batchSizes.length;
  if (time < batchSizes.length)
    throw new ArgumentError(
      "padPackedSequence",
      `totalLength ${time} is below the longest sequence`,
      `give at least ${batchSizes.length}`,
    );
  const ranks = packed.unsortedIndices ?? [...Array(batchSizes[0]!).keys()];
  const starts = startsOf(batchSizes);
  const lengths = ranks.map((rank) => batchSizes.filter((size) => size > rank).length);
  const at = (n: number, t: number): number => (t < lengths[n]! ? starts[t]! + ranks[n]! : -1);
  return [padded(data, ranks.length, time, at, batchFirst, paddingValue), lengths];
}

/** Sequences `[Tₙ, …]` as one batch `[T, N, …]`, as long as the longest. */
export function padSequence(
  sequences: readonly Tensor[],
  { batchFirst = false, paddingValue = 0, paddingSide = "right" }: PadOptions = {},
): Tensor {
  oneOf("padSequence", "paddingSide", paddingSide, ["left", "right"]);
  return scope(() => {
    const data = cat(sequences);
    const lengths = sequences.map(lengthOf);
    const [time, starts] = [Math.max(...lengths), startsOf(lengths)];
    const at = (n: number, t: number): number => {
      const step = paddingSide === "right" ? t : t - (time - lengths[n]!);
      return step >= 0 && step < lengths[n]! ? starts[n]! + step : -1;
    };
    return padded(data, lengths.length, time, at, batchFirst, paddingValue);
  });
}

/** The sequences `[Tₙ, …]` of a padded batch `[T, N, …]`. */
export function unpadSequence(
  x: Tensor,
  lengths: readonly number[] | Tensor,
  { batchFirst = false }: Layout = {},
): Tensor[] {
  const sizes = checkLengths("unpadSequence", lengths, x, batchFirst);
  return scope(() => x.unbind(batchFirst ? 0 : 1).map((sequence, n) => sequence.narrow(0, 0, sizes[n]!)));
}

/** The sequences `[Tₙ, …]` of a packed batch. */
export const unpackSequence = (packed: PackedSequence): Tensor[] =>
  scope(() => unpadSequence(...padPackedSequence(packed)));

/** Rows of `data` (−1 for a row of padding) as a batch. */
function padded(
  data: Tensor,
  batch: number,
  time: number,
  at: (n: number, t: number) => number,
  batchFirst: boolean,
  value: number,
): Tensor {
  const [outer, inner] = batchFirst ? [batch, time] : [time, batch];
  const end = data.shape[0]!;
  const rows = Array.from({ length: outer * inner }, (_, i) => {
    const [first, second] = [Math.floor(i / inner), i % inner];
    const row = batchFirst ? at(first, second) : at(second, first);
    return row < 0 ? end : row;
  });
  return scope(() => {
    const rest = data.shape.slice(1);
    const { dtype, backend } = data;
    const padding = full([1, ...rest], value, { dtype, backend });
    return take(rows.includes(end) ? cat([data, padding]) : data, rows).reshape([outer, inner, ...rest]);
  });
}

/** @internal Rows of a tensor by number. */
export const take = (x: Tensor, rows: readonly number[]): Tensor =>
  x.indexSelect(0, tensor(Int32Array.from(rows), { backend: x.backend }));

const startsOf = (lengths: readonly number[]): number[] => {
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1)! + length);
  return starts;
};

const lengthOf = ({ shape }: Tensor): number => shape[0]!;

function checkLengths(
  op: string,
  lengths: readonly number[] | Tensor,
  { shape }: Tensor,
  batchFirst: boolean,
): readonly number[] {
  const sizes = lengths instanceof Tensor ? [...hostArray(op, lengths).values] : lengths;
  const [time, batch] = batchFirst ? [shape[1], shape[0]] : shape;
  if (sizes.length !== batch || !sizes.every((n) => Number.isInteger(n) && n > 0 && n <= time!))
    throw new ArgumentError(
      op,
      `the lengths ${show(sizes)} do not fit a batch of ${batch} sequences of at most ${time} steps`,
      `give ${batch} integers from 1 to ${time}`,
    );
  return sizes;
}

import {
  ArgumentError,
  arange,
  bincount,
  hostArray,
  Parameter,
  randn,
  ShapeError,
  sameShape,
  scope,
  show,
  type Tensor,
  tensor,
  where,
} from "@descent/core";
import { Module } from "./base.ts";
import { checkSizes, oneOf, withDefaults } from "./options.ts";
import { changes } from "./repr.ts";
import { parameter } from "./variables.ts";

/** Options that all lookups share. */
export interface EmbeddingOptions {
  /** The row that stands for "nothing": it starts as zeros and gets no gradient. Negative numbers count from the end. Default `null`. */
  readonly paddingIdx?: number | null;
  /** Rows that are looked up are first scaled down to this norm, in the weight itself. Default `null`: they are not. */
  readonly maxNorm?: number | null;
  /** Which norm `maxNorm` means. Default 2. */
  readonly normType?: number;
  /** Whether the gradient of a row is divided by how often it was looked up. Default false. */
  readonly scaleGradByFreq?: boolean;
}

/** How the rows of a bag become one. */
export type BagMode = "sum" | "mean" | "max";

/** Options of `EmbeddingBag`. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Default `"mean"`. Rows of `paddingIdx` take no part, and an empty bag is zeros. */
  readonly mode?: BagMode;
  /** Whether `offsets` ends with the number of all indices. Default false. */
  readonly includeLastOffset?: boolean;
}

/** Options of `embeddingBag`. */
export interface FunctionalEmbeddingBagOptions extends EmbeddingBagOptions {
  /** Where each bag begins in an input of one axis, int32. */
  readonly offsets?: Tensor | null;
  /** What each row is multiplied by, in the shape of the input; only with mode `"sum"`. */
  readonly perSampleWeights?: Tensor | null;
}

const DEFAULTS = { paddingIdx: null, maxNorm: null, normType: 2, scaleGradByFreq: false } as const;
/** In the order in which PyTorch prints them. */
const BAG_DEFAULTS = {
  maxNorm: null,
  normType: 2,
  scaleGradByFreq: false,
  mode: "mean",
  paddingIdx: null,
  includeLastOffset: false,
} as const;
const MODES: readonly BagMode[] = ["sum", "mean", "max"];

/** The rows of a weight `[num, dim]` that the int32 `input` names: `[…] → […, dim]`. */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  const { paddingIdx, maxNorm, normType, scaleGradByFreq } = withDefaults("embedding", options, DEFAULTS);
  if (weight.ndim !== 2) throw new ShapeError("embedding", `the weight must be [num, dim], got ${show(weight.shape)}`);
  const row = paddingRow("embedding", paddingIdx, weight.shape[0]!);
  return scope(() => {
    const index = input.flatten();
    if (maxNorm !== null) renormalize(weight, index, maxNorm, normType);
    let rows = weight.indexSelect(0, index);
    if (scaleGradByFreq) {
      const count = bincount(index).indexSelect(0, index).unsqueeze(1);
      // The value as it is, the gradient divided.
      rows = rows.detach().add(rows.sub(rows.detach()).div(count));
    }
    if (row !== null) rows = where(index.eq(row).unsqueeze(1), rows.detach(), rows);
    return rows.reshape([...input.shape, weight.shape[1]!]);
  });
}

/** Scales the rows down that are named and longer than `maxNorm`. */
function renormalize(weight: Tensor, index: Tensor, maxNorm: number, p: number): void {
  if (!(weight instanceof Parameter))
    throw new ArgumentError("embedding", "maxNorm changes the weight, which is no Parameter", "pass a Parameter");
  const value = weight.detach();
  const norms = value.norm(p, 1, { keepdim: true });
  const isNamed = bincount(index, { minlength: value.shape[0]! }).gt(0).unsqueeze(1);
  const isLong = isNamed.logicalAnd(norms.gt(maxNorm));
  // As PyTorch's renorm, which keeps from dividing by zero.
  weight.assign(where(isLong, value.mul(norms.add(1e-7).reciprocal().mul(maxNorm)), value));
}

function paddingRow(op: string, paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null;
  const row = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  if (!Number.isInteger(row) || row < 0 || row >= rows)
    throw new ArgumentError(op, `paddingIdx ${paddingIdx} names no row of ${rows}`, `use ${-rows} to ${rows - 1}`);
  return row;
}

/**
 * Rows of a weight `[num, dim]`, summed up, averaged, or their maximum, by bags: an int32 input `[N, L]` has N bags of L indices, and one
 * of one axis has a bag from each of the `offsets` to the next. The result is `[N, dim]`.
 */
export function embeddingBag(input: Tensor, weight: Tensor, options: FunctionalEmbeddingBagOptions = {}): Tensor {
  const op = "embeddingBag";
  const { mode, offsets, perSampleWeights, includeLastOffset, paddingIdx, ...rest } = withDefaults(op, options, {
    ...BAG_DEFAULTS,
    offsets: null,
    perSampleWeights: null,
  });
  oneOf(op, "mode", mode, MODES);
  if (perSampleWeights !== null && mode !== "sum")
    throw new ArgumentError(op, `perSampleWeights need mode "sum", got "${mode}"`);
  if (perSampleWeights !== null && !sameShape(perSampleWeights.shape, input.shape))
    throw new ShapeError(
      op,
      `perSampleWeights ${show(perSampleWeights.shape)} must have the shape of the input ${show(input.shape)}`,
    );
  if (input.ndim !== (offsets === null ? 2 : 1))
    throw new ShapeError(
      op,
      `expected [N,L] alone, or one axis and offsets, got ${show(input.shape)}${offsets === null ? "" : " and offsets"}`,
    );
  const row = paddingRow(op, paddingIdx, weight.shape[0]!);
  return scope(() => {
    // Bags of different sizes become rows of a table with empty places.
    const table = offsets === null ? null : bagTable(op, input, offsets, includeLastOffset);
    const lay = (x: Tensor): Tensor => (table === null ? x : x.indexSelect(0, table.at).reshape(table.shape));
    const index = lay(input);
    const isPadding = row === null ? null : index.eq(row);
    const isEmpty = table && isPadding ? isPadding.logicalOr(table.isEmpty) : (isPadding ?? table?.isEmpty);
    const rows = embedding(index, weight, { ...rest, paddingIdx });
    if (index.shape[1] === 0) return rows.sum(1);
    const hole = isEmpty?.unsqueeze(2) ?? null;
    if (mode === "max") {
      if (hole === null) return rows.amax(1);
      const most = where(hole, Number.NEGATIVE_INFINITY, rows).amax(1);
      return where(hole.all(1), 0, most);
    }
    const weighted = perSampleWeights === null ? rows : rows.mul(lay(perSampleWeights).unsqueeze(2));
    const total = (hole === null ? weighted : where(hole, 0, weighted)).sum(1);
    if (mode === "sum") return total;
    return total.div(hole === null ? index.shape[1]! : hole.logicalNot().sum(1).clamp(1));
  });
}

/** Where the elements of bags stand, as a table with one row per bag. */
function bagTable(
  op: string,
  input: Tensor,
  offsets: Tensor,
  includeLastOffset: boolean,
): { at: Tensor; isEmpty: Tensor; shape: readonly [bags: number, longest: number] } {
  const starts = [...hostArray(op, offsets).values];
  const total = input.shape[0]!;
  if (!includeLastOffset) starts.push(total);
  if (offsets.ndim !== 1 || starts[0] !== 0 || starts.some((s, i) => s > total || s < (starts[i - 1] ?? 0)))
    throw new ArgumentError(
      op,
      `the offsets ${show(starts)} do not divide ${total} indices into bags`,
      "begin with 0, never descend, and stay within the input",
    );
  const sizes = starts.slice(1).map((end, i) => end - starts[i]!);
  const longest = Math.max(0, ...sizes);
  const places = sizes.flatMap((size, bag) =>
    Array.from({ length: longest }, (_, k) => (k < size ? starts[bag]! + k : -1)),
  );
  const at = tensor(Int32Array.from(places), { backend: input.backend });
  const shape = [sizes.length, longest] as const;
  return { at: at.clamp(0), isEmpty: at.lt(0).reshape(shape), shape };
}

/** What a layer may begin with. */
interface Pretrained {
  /** The rows `[num, dim]` to begin with. Default `null`: drawn from the standard normal distribution, zeros for `paddingIdx`. */
  readonly weight?: Tensor | null;
}

/** Whether `fromPretrained` keeps the rows as they are, the default. */
interface Freeze {
  readonly freeze?: boolean;
}

/** A trained table. */
abstract class Lookup<O extends EmbeddingOptions> extends Module {
  readonly weight: Parameter;
  readonly #options: Required<O>;

  protected constructor(
    name: string,
    shape: readonly [numEmbeddings: number, embeddingDim: number],
    { weight: given = null, ...options }: O & Pretrained,
    defaults: Required<O>,
  ) {
    super();
    const [numEmbeddings, embeddingDim] = shape;
    const all = withDefaults(name, options as unknown as O, defaults);
    checkSizes(name, { numEmbeddings, embeddingDim });
    const row = paddingRow(name, all.paddingIdx as number | null, numEmbeddings);
    this.#options = { ...all, paddingIdx: row };
    if (given !== null && !sameShape(given.shape, shape))
      throw new ShapeError(name, `the weight must be ${show(shape)}, got ${show(given.shape)}`);
    this.weight = parameter(() => {
      if (given !== null) return given;
      const drawn = randn(shape);
      return row === null ? drawn : where(arange(numEmbeddings).eq(row).unsqueeze(1), 0, drawn);
    });
  }

  protected get options(): Required<O> {
    return this.#options;
  }

  protected override extraRepr(): string {
    const { includeLastOffset: _, ...shown } = this.#options as Required<O> & { readonly includeLastOffset?: boolean };
    return this.weight.shape.join(", ") + changes(shown as unknown as typeof DEFAULTS, DEFAULTS);
  }
}

/** A layer that begins with given rows. */
function pretrained<L extends Lookup<EmbeddingOptions>, O extends object>(
  layer: new (numEmbeddings: number, embeddingDim: number, options: O & Pretrained) => L,
  weight: Tensor,
  { freeze = true, ...options }: O & Freeze,
): L {
  if (weight.ndim !== 2)
    throw new ShapeError("fromPretrained", `the rows must be [num, dim], got ${show(weight.shape)}`);
  const made = new layer(weight.shape[0]!, weight.shape[1]!, { ...(options as O), weight });
  made.weight.requiresGrad = !freeze;
  return made;
}

/** A row of a trained table for each int32 index: `[…] → […, dim]`. */
export class Embedding extends Lookup<EmbeddingOptions> {
  /** @internal */
  static override readonly discreet: unknown = Embedding;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions & Pretrained = {}) {
    super("Embedding", [numEmbeddings, embeddingDim], options, DEFAULTS);
  }

  /** A layer that begins with the given rows `[num, dim]`, by default without training them. */
  static fromPretrained(rows: Tensor, options: EmbeddingOptions & Freeze = {}): Embedding {
    return pretrained(Embedding, rows, options);
  }

  forward(input: Tensor): Tensor {
    return embedding(input, this.weight, this.options);
  }
}

/** `embeddingBag` over a trained table: int32 `[N, L]`, or one axis with offsets, → `[N, dim]`. */
export class EmbeddingBag extends Lookup<EmbeddingBagOptions> {
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagOptions & Pretrained = {}) {
    super("EmbeddingBag", [numEmbeddings, embeddingDim], options, BAG_DEFAULTS);
    oneOf("EmbeddingBag", "mode", this.options.mode, MODES);
  }

  /** A layer that begins with the given rows `[num, dim]`, by default without training them. */
  static fromPretrained(rows: Tensor, options: EmbeddingBagOptions & Freeze = {}): EmbeddingBag {
    return pretrained(EmbeddingBag, rows, options);
  }

  forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    return embeddingBag(input, this.weight, { ...this.options, offsets, perSampleWeights });
  }
}

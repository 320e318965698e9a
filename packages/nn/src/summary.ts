import {
  ArgumentError,
  bytesPerElement,
  type DType,
  getBackend,
  isFloat,
  noGrad,
  type Parameter,
  type Shape,
  show,
  sizeOf,
  Tensor,
  zeros,
} from "@descent/core";
import type { Module } from "./base.ts";
import { ConvTranspose } from "./conv-transpose.ts";
import { MultiheadAttention } from "./multihead-attention.ts";
import { withDefaults } from "./options.ts";

/** One call of a module. */
export interface SummaryRow {
  /** The path of the module, `""` for the model itself. */
  readonly path: string;
  /** The name of its class. */
  readonly name: string;
  /** How many calls it lies in. */
  readonly depth: number;
  readonly inputShapes: readonly Shape[];
  readonly outputShapes: readonly Shape[];
  /** The parameters that no row below shows, 0 where the module was called before. */
  readonly parameters: number;
  /** How many of them are trained. */
  readonly trainable: number;
  /**
   * Multiplications with an addition by the module's own weights, in this call: those of linear layers, convolutions, recurrent layers and
   * attention, and one for each element of a normalisation. 0 for what has no weights.
   */
  readonly multiplyAdds: number;
}

/** Options of `summary`. */
export interface SummaryOptions {
  /** The dtype of inputs that are given by their shapes; int32 for embeddings. Default: that of the parameters. */
  readonly dtype?: DType | null;
  /** How deep the table goes. Default: all the way. */
  readonly depth?: number;
}

/** Shapes, sizes and costs of a model; prints as a table. */
export class Summary {
  /** In the order of the calls, outer ones first. */
  readonly rows: readonly SummaryRow[];
  /** All parameters of the model, each once, called or not. */
  readonly parameters: number;
  readonly trainable: number;
  readonly multiplyAdds: number;
  /** What parameters and buffers take, in bytes. */
  readonly bytes: number;
  readonly #depth: number;

  /** @internal */
  constructor(model: Module, rows: readonly SummaryRow[], depth: number) {
    const parameters = model.parameters();
    this.rows = rows;
    this.parameters = count(parameters);
    this.trainable = count(parameters.filter((p) => p.requiresGrad));
    this.multiplyAdds = total(rows.map((row) => row.multiplyAdds));
    this.bytes = total([...parameters, ...model.buffers()].map((x) => x.numel() * bytesPerElement(x.dtype)));
    this.#depth = depth;
  }

  toString(): string {
    const shown = this.rows.filter(({ depth }) => depth <= this.#depth);
    const cells = shown.map(({ path, name, depth, outputShapes, ...row }) => [
      `${"  ".repeat(depth)}${path === "" ? name : `${path.slice(path.lastIndexOf(".") + 1)} (${name})`}`,
      outputShapes.map(show).join(" "),
      ...[row.parameters, row.multiplyAdds].map((n) => (n === 0 ? "" : grouped(n))),
    ]);
    const lines = aligned([["Module", "Output", "Parameters", "Multiply-adds"], ...cells]);
    const rule = "─".repeat(Math.max(...lines.map(({ length }) => length)));
    return [
      ...lines.toSpliced(1, 0, rule),
      rule,
      `Parameters: ${grouped(this.parameters)}, of which trained: ${grouped(this.trainable)}`,
      `Multiply-adds: ${grouped(this.multiplyAdds)}`,
      `Parameters and buffers: ${(this.bytes / 2 ** 20).toFixed(2)} MiB`,
    ].join("\n");
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
const count = (parameters: readonly Tensor[]): number => total(parameters.map((p) => p.numel()));
/** With a comma between thousands. */
const grouped = (n: number): string => n.toLocaleString("en-US");

/** Rows of cells as lines: words to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** An input of a model: a tensor, or the shape of one. */
export type ExampleInput = Tensor | Shape;

/**
 * Runs a model once, without gradients and in evaluation mode, on an input or a list of inputs, which are tensors or shapes (batch
 * included), and tells what each module gave. The model is as before then.
 */
export function summary(
  model: Module,
  input: ExampleInput | readonly ExampleInput[],
  options: SummaryOptions = {},
): Summary {
  const { dtype, depth } = withDefaults<SummaryOptions>("summary", options, {
    dtype: null,
    depth: Number.POSITIVE_INFINITY,
  });
  const inputs = examples(model, input, dtype);
  const paths = new Map(model.namedModules().map(([path, module]) => [module, path]));
  const modes = [...paths.keys()].map((module) => [module, module.training] as const);
  const calls: Call[] = [];
  const open: Call[] = [];
  const removers = [...paths.keys()].flatMap((module) => [
    module.registerForwardPreHook((_, inputs) => {
      const call = { module, depth: open.length, inputs: tensorsIn(inputs).map(specOf), outputs: [] };
      calls.push(call);
      open.push(call);
      return undefined;
    }),
    module.registerForwardHook((_, __, output) => {
      open.pop()!.outputs = tensorsIn(output).map(specOf);
      return undefined;
    }),
  ]);
  try {
    model.eval();
    noGrad(() => model.call(...(inputs as never[])));
  } finally {
    for (const remove of removers) remove();
    for (const [module, training] of modes) module.training = training;
  }
  return new Summary(model, rowsOf(calls, paths), depth);
}

interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

interface Call {
  readonly module: Module;
  readonly depth: number;
  readonly inputs: readonly Spec[];
  outputs: readonly Spec[];
}

// Not the tensors themselves: they could be freed.
const specOf = ({ shape, dtype }: Tensor): Spec => ({ shape, dtype });

/** The tensors in arguments or results, however they are packed. */
function tensorsIn(value: unknown, seen = new Set<unknown>()): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  return Object.values(value).flatMap((item) => tensorsIn(item, seen));
}

function examples(model: Module, input: ExampleInput | readonly ExampleInput[], dtype: DType | null): Tensor[] {
  const isShape = (x: unknown): x is Shape => Array.isArray(x) && x.every((n) => typeof n === "number");
  const list = input instanceof Tensor || isShape(input) ? [input] : input;
  const like = model.parameters().find((p) => isFloat(p.dtype));
  return list.map((x) => {
    if (x instanceof Tensor) return x;
    if (!isShape(x))
      throw new ArgumentError("summary", `${x} is no input`, "give tensors, or shapes as arrays of numbers");
    return zeros(x, { dtype: dtype ?? like?.dtype ?? "float32", backend: like?.backend ?? getBackend() });
  });
}

function rowsOf(calls: readonly Call[], paths: ReadonlyMap<Module, string>): SummaryRow[] {
  const called = new Set(calls.map(({ module }) => module));
  const seen = new Set<Parameter>();
  return calls.map(({ module, depth, inputs, outputs }) => {
    // A module shows what no called module in it shows.
    const below = new Set(
      module.modules().flatMap((inner) => (inner !== module && called.has(inner) ? inner.parameters() : [])),
    );
    const own = module.parameters().filter((p) => !below.has(p));
    const fresh = own.filter((p) => !seen.has(p));
    for (const p of own) seen.add(p);
    return {
      path: paths.get(module)!,
      name: module.constructor.name,
      depth,
      inputShapes: inputs.map(({ shape }) => shape),
      outputShapes: outputs.map(({ shape }) => shape),
      parameters: count(fresh),
      trainable: count(fresh.filter((p) => p.requiresGrad)),
      multiplyAdds: multiplyAdds(module, inputs, outputs),
    };
  });
}

/** What a call of a module with weights of its own multiplies. */
function multiplyAdds(module: Module, inputs: readonly Spec[], outputs: readonly Spec[]): number {
  const [x, y] = [inputs[0], outputs[0]];
  // What is looked up is not multiplied.
  if (x === undefined || y === undefined || !isFloat(x.dtype)) return 0;
  if (module instanceof MultiheadAttention) return attention(module, inputs);
  const [given, made] = [sizeOf(x.shape), sizeOf(y.shape)];
  const fields = module as unknown as Readonly<Record<string, unknown>>;
  const { weight } = fields;
  if (weight instanceof Tensor) {
    // A normalisation or slope; else each output is a sum over a row. A transposed convolution spreads each input as often instead.
    if (weight.ndim < 2) return made;
    return (module instanceof ConvTranspose ? given : made) * sizeOf(weight.shape.slice(1));
  }
  // Each step of a recurrent layer or cell meets each weight once, parametrized ones too, which no enumeration finds.
  const recurrent = Object.getOwnPropertyNames(module).filter((name) => /^weight(Ih|Hh|Hr)/.test(name));
  if (recurrent.length === 0) return 0;
  return (given / x.shape.at(-1)!) * count(recurrent.map((name) => fields[name] as Tensor));
}

/** The projections of an attention, the scores of all pairs, and the sums of values. */
function attention(module: MultiheadAttention, inputs: readonly Spec[]): number {
  const [query, key, value] = inputs.map(({ shape }) => shape) as [Shape, Shape, Shape];
  const size = query.at(-1)!;
  const batch = query.length < 3 ? 1 : query[module.batchFirst ? 0 : 1]!;
  const pairs = (sizeOf(query) / size) * (sizeOf(key) / key.at(-1)! / batch);
  return size * (2 * sizeOf(query) + sizeOf(key) + sizeOf(value) + 2 * pairs);
}

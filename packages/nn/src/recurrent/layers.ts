import {
  ArgumentError,
  cat,
  linear,
  type Parameter,
  ShapeError,
  scope,
  show,
  stack,
  type Tensor,
  zeros,
} from "@descent/core";
import { Module } from "../base.ts";
import { dropout } from "../dropout.ts";
import { checkFraction, checkSizes, withDefaults } from "../options.ts";
import { changes } from "../repr.ts";
import { cellParameters, elmanOf, KINDS, type Kind, type State, type Weights } from "./gates.ts";
import { PackedSequence, take } from "./packed.ts";

/** Options of `GRU`, and those that all recurrent layers share. */
export interface RecurrentOptions {
  /** How many layers lie on top of each other. Default 1. */
  readonly numLayers?: number;
  /** Whether both products get a bias. Default true. */
  readonly bias?: boolean;
  /** Whether inputs and outputs are `[N, T, …]` instead of `[T, N, …]`. Default false. The state is `[layers, N, hidden]` either way. */
  readonly batchFirst?: boolean;
  /** The probability of dropout between the layers, in training. Default 0. */
  readonly dropout?: number;
  /** Whether a second net reads each sequence from its end; outputs are concatenated. Default false. */
  readonly bidirectional?: boolean;
}

/** Options of `RNN`. */
export interface RNNOptions extends RecurrentOptions {
  /** `"tanh"`, the default, or `"relu"`. */
  readonly nonlinearity?: "tanh" | "relu";
}

/** Options of `LSTM`. */
export interface LSTMOptions extends RecurrentOptions {
  /** The size to which `h` is projected after each step (Sak et al. 2014). Default 0: it is not. */
  readonly projSize?: number;
}

/** Sequences without padding, step by step. */
interface Steps {
  /** `[Σ batchSizes, features]`. */
  readonly data: Tensor;
  readonly batchSizes: readonly number[];
}

type Pair = readonly [h: Tensor, c: Tensor];

const DEFAULTS = { numLayers: 1, bias: true, batchFirst: false, dropout: 0, bidirectional: false } as const;

/** Layers of a recurrent net over sequences, padded or packed. */
abstract class Recurrent extends Module {
  /** `weightIhL0`, `weightHhL0`, then the other layers, each followed by its `…Reverse`. */
  readonly [weight: `weight${string}`]: Parameter;
  /** `biasIhL0`, `biasHhL0`, … */
  readonly [bias: `bias${string}`]: Parameter;
  readonly #kind: Kind;
  readonly #shown: Readonly<Record<string, number | boolean>>;
  readonly #options: Required<RecurrentOptions>;
  /** The sizes of the tensors of the state. */
  readonly #sizes: readonly number[];
  readonly #inputSize: number;
  /** What the names of the parameters of each direction end with. */
  readonly #directions: readonly string[];

  constructor(
    name: string,
    kind: Kind,
    inputSize: number,
    hiddenSize: number,
    options: Required<RecurrentOptions>,
    projSize = 0,
  ) {
    super();
    const { numLayers, bias, bidirectional } = options;
    checkSizes(name, { inputSize, hiddenSize, numLayers });
    checkSizes(name, { projSize }, 0);
    if (projSize >= hiddenSize)
      throw new ArgumentError(name, `projSize ${projSize} must be smaller than hiddenSize ${hiddenSize}`);
    checkFraction(name, "dropout", options.dropout);
    this.#kind = kind;
    this.#options = options;
    this.#inputSize = inputSize;
    const outputSize = projSize || hiddenSize;
    this.#sizes = [outputSize, hiddenSize].slice(0, kind.states);
    this.#shown = { inputSize, hiddenSize, projSize, ...options };
    this.#directions = bidirectional ? ["", "Reverse"] : [""];
    for (let layer = 0; layer < numLayers; layer++)
      for (const direction of this.#directions) {
        const features = layer === 0 ? inputSize : outputSize * this.#directions.length;
        for (const [name, value] of cellParameters(kind, features, hiddenSize, bias, projSize))
          Object.assign(this, { [`${name}L${layer}${direction}`]: value });
      }
  }

  /** The outputs of the last layer, and the last state of every layer and direction, each `[layers·directions, N, size]`. */
  protected run(x: Tensor | PackedSequence, state: State | null): [output: Tensor | PackedSequence, last: State] {
    if (x instanceof PackedSequence) {
      this.#checkFeatures(x.data, 2, "a packed batch of [ΣT,input]");
      const [data, last] = scope(() => {
        const start = this.#initial(x.data, x.batchSizes[0]!, state);
        const [data, last] = this.#layers(x, sorted(start, x.sortedIndices));
        return [data, sorted(last, x.unsortedIndices)] as const;
      });
      return [x.with(data), last];
    }
    const isSingle = x.ndim === 2;
    this.#checkFeatures(x, isSingle ? 2 : 3, "[T,N,input], [N,T,input] with batchFirst, or [T,input]");
    return scope(() => {
      const { batchFirst } = this.#options;
      const inTime = isSingle ? x.unsqueeze(1) : batchFirst ? x.transpose(0, 1) : x;
      const [time, batch] = inTime.shape as readonly [number, number];
      if (time === 0) throw new ShapeError(this.constructor.name, `${show(x.shape)} has no time step`);
      const lifted = isSingle && state !== null ? state.map((s) => s.unsqueeze(1)) : state;
      const steps = { data: inTime.flatten(0, 1), batchSizes: new Array<number>(time).fill(batch) };
      const [data, last] = this.#layers(steps, this.#initial(x, batch, lifted));
      const y = data.reshape([time, batch, -1]);
      return isSingle ? [y.squeeze(1), last.map((s) => s.squeeze(1))] : [batchFirst ? y.transpose(0, 1) : y, last];
    });
  }

  #layers({ data, batchSizes }: Steps, state: State): [data: Tensor, last: State] {
    const { numLayers, dropout: p } = this.#options;
    const starts = state.map((s) => s.unbind(0));
    const lasts: State[] = [];
    let x = data;
    for (let layer = 0; layer < numLayers; layer++) {
      if (layer > 0 && p > 0) x = dropout(x, { p, training: this.training });
      const outputs = this.#directions.map((direction) => {
        const start = starts.map((s) => s[lasts.length]!);
        const [output, last] = this.#oneWay({ data: x, batchSizes }, start, `L${layer}${direction}`);
        lasts.push(last);
        return output;
      });
      x = outputs.length === 1 ? outputs[0]! : cat(outputs, 1);
    }
    return [x, state.map((_, i) => stack(lasts.map((last) => last[i]!)))];
  }

  /** Runs one layer in one direction. Of shorter sequences the state is set aside at their end, or joins where they begin from behind. */
  #oneWay({ data, batchSizes }: Steps, start: State, suffix: string): [output: Tensor, last: State] {
    const weights = this.#weights(suffix);
    // The inputs of all steps in one product.
    const inputs = linear(data, weights.weightIh, weights.biasIh).split(batchSizes, 0);
    const times = [...batchSizes.keys()];
    if (suffix.endsWith("Reverse")) times.reverse();
    const rows = (s: Tensor, from: number, to: number): Tensor =>
      from === 0 && to === s.shape[0] ? s : s.narrow(0, from, to - from);
    const outputs = new Array<Tensor>(times.length);
    const ended: State[] = [];
    let size = batchSizes[times[0]!]!;
    let state: State = start.map((s) => rows(s, 0, size));
    for (const t of times) {
      const next = batchSizes[t]!;
      if (next < size) {
        ended.unshift(state.map((s) => rows(s, next, size)));
        state = state.map((s) => rows(s, 0, next));
      } else if (next > size) state = state.map((s, i) => cat([s, rows(start[i]!, size, next)]));
      size = next;
      state = this.#kind.step(inputs[t]!, state, weights);
      outputs[t] = state[0]!;
    }
    const last = ended.length === 0 ? state : state.map((s, i) => cat([s, ...ended.map((e) => e[i]!)]));
    return [cat(outputs), last];
  }

  #weights(suffix: string): Weights {
    const fields = this as unknown as Readonly<Record<string, Tensor | undefined>>;
    const names = ["weightIh", "weightHh", "biasIh", "biasHh", "weightHr"];
    return Object.fromEntries(names.map((name) => [name, fields[name + suffix] ?? null])) as unknown as Weights;
  }

  /** The given state, or zeros. */
  #initial({ dtype, backend }: Tensor, batch: number, state: State | null): State {
    const layers = this.#options.numLayers * this.#directions.length;
    return this.#sizes.map((size, i) => {
      const shape = [layers, batch, size];
      const given = state?.[i];
      if (given !== undefined && show(given.shape) !== show(shape))
        throw new ShapeError(
          this.constructor.name,
          `the initial state must be ${show(shape)} (layers, batch, size), got ${show(given.shape)}`,
        );
      return given ?? zeros(shape, { dtype, backend });
    });
  }

  #checkFeatures(x: Tensor, rank: number, expected: string): void {
    if (x.ndim !== rank || x.shape.at(-1) !== this.#inputSize)
      throw new ShapeError(
        this.constructor.name,
        `expected ${expected} with ${this.#inputSize} features, got ${show(x.shape)}`,
      );
  }

  protected override extraRepr(): string {
    const { inputSize, hiddenSize, ...rest } = this.#shown;
    return `${inputSize}, ${hiddenSize}${changes(rest, { projSize: 0, ...DEFAULTS })}`;
  }
}

/** A state whose batch is in another order. */
const sorted = (state: State, order: readonly number[] | null): State =>
  order === null ? state : state.map((s) => take(s.transpose(0, 1), order).transpose(0, 1));

/** A layer whose state is one tensor. */
abstract class OneState extends Recurrent {
  override call(x: PackedSequence, h0?: Tensor | null): [output: PackedSequence, h: Tensor];
  override call(...inputs: Parameters<this["forward"]>): ReturnType<this["forward"]>;
  override call(...inputs: unknown[]): never {
    return super.call(...(inputs as Parameters<this["forward"]>)) as never;
  }

  // The form that the types of `call` are taken from is the last.
  forward(x: PackedSequence, h0?: Tensor | null): [output: PackedSequence, h: Tensor];
  forward(x: Tensor, h0?: Tensor | null): [output: Tensor, h: Tensor];
  forward(x: Tensor | PackedSequence, h0: Tensor | null = null): [output: Tensor | PackedSequence, h: Tensor] {
    const [output, [h]] = this.run(x, h0 && [h0]);
    return [output, h!];
  }
}

/**
 * Elman's recurrent net (1990), `h' = tanh(W x + b + U h + c)`: `[T, N, input]`, `[T, input]` or a packed batch, and a state
 * `[layers·directions, N, hidden]` (default zeros) → `[output [T, N, hidden·directions], last state]`.
 */
export class RNN extends OneState {
  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    const { nonlinearity, ...rest } = withDefaults("RNN", options, { ...DEFAULTS, nonlinearity: "tanh" });
    super("RNN", elmanOf("RNN", nonlinearity), inputSize, hiddenSize, rest);
  }
}

/**
 * Gated recurrent units (Cho et al. 2014): `[T, N, input]`, `[T, input]` or a packed batch, and a state
 * `[layers·directions, N, hidden]` (default zeros) → `[output [T, N, hidden·directions], last state]`.
 */
export class GRU extends OneState {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("GRU", KINDS.gru, inputSize, hiddenSize, withDefaults("GRU", options, { ...DEFAULTS }));
  }
}

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997): `[T, N, input]`, `[T, input]` or a packed batch, and a state `[h, c]` of
 * `[layers·directions, N, hidden]` each (default zeros) → `[output [T, N, hidden·directions], [h, c]]`.
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    const { projSize, ...rest } = withDefaults("LSTM", options, { ...DEFAULTS, projSize: 0 });
    super("LSTM", KINDS.lstm, inputSize, hiddenSize, rest, projSize);
  }

  override call(x: PackedSequence, state?: Pair | null): [output: PackedSequence, state: Pair];
  override call(...inputs: Parameters<this["forward"]>): ReturnType<this["forward"]>;
  override call(...inputs: unknown[]): never {
    return super.call(...(inputs as Parameters<this["forward"]>)) as never;
  }

  forward(x: PackedSequence, state?: Pair | null): [output: PackedSequence, state: Pair];
  forward(x: Tensor, state?: Pair | null): [output: Tensor, state: Pair];
  forward(x: Tensor | PackedSequence, state: Pair | null = null): [output: Tensor | PackedSequence, state: Pair] {
    const [output, [h, c]] = this.run(x, state);
    return [output, [h!, c!]];
  }
}

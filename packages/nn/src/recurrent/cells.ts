import { linear, type Parameter, ShapeError, scope, show, type Tensor, zeros } from "@descent/core";
import { Module } from "../base.ts";
import { checkSizes, withDefaults } from "../options.ts";
import { cellParameters, elmanOf, KINDS, type Kind, type State } from "./gates.ts";

/** Options of `LSTMCell` and `GRUCell`. */
export interface CellOptions {
  /** Whether both products get a bias. Default true. */
  readonly bias?: boolean;
}

/** Options of `RNNCell`. */
export interface RNNCellOptions extends CellOptions {
  /** `"tanh"`, the default, or `"relu"`. */
  readonly nonlinearity?: "tanh" | "relu";
}

/** One step of a recurrent net. */
abstract class Cell extends Module {
  declare readonly weightIh: Parameter;
  declare readonly weightHh: Parameter;
  declare readonly biasIh: Parameter | null;
  declare readonly biasHh: Parameter | null;
  readonly #kind: Kind;

  constructor(name: string, kind: Kind, inputSize: number, hiddenSize: number, bias: boolean) {
    super();
    checkSizes(name, { inputSize, hiddenSize });
    this.#kind = kind;
    const missing = bias ? {} : { biasIh: null, biasHh: null };
    Object.assign(this, Object.fromEntries(cellParameters(kind, inputSize, hiddenSize, bias)), missing);
  }

  /** `x [N, input]` or `[input]`, with a state of zeros by default. */
  protected step(x: Tensor, state: State | null): State {
    const op = this.constructor.name;
    const [inputSize, hiddenSize] = [this.weightIh.shape[1]!, this.weightHh.shape[1]!];
    if (x.ndim === 0 || x.ndim > 2 || x.shape.at(-1) !== inputSize)
      throw new ShapeError(op, `expected [N,${inputSize}] or [${inputSize}], got ${show(x.shape)}`);
    const shape = x.shape.with(-1, hiddenSize);
    for (const s of state ?? [])
      if (show(s.shape) !== show(shape))
        throw new ShapeError(op, `the input ${show(x.shape)} needs a state ${show(shape)}, got ${show(s.shape)}`);
    const { dtype, backend } = x;
    return scope(() => {
      const before = state ?? Array.from({ length: this.#kind.states }, () => zeros(shape, { dtype, backend }));
      return this.#kind.step(linear(x, this.weightIh, this.biasIh), before, this);
    });
  }

  protected override extraRepr(): string {
    const { weightIh, weightHh, biasIh } = this;
    return `${weightIh.shape[1]}, ${weightHh.shape[1]}${biasIh === null ? ", bias=False" : ""}`;
  }
}

/** A cell whose state is one tensor. */
abstract class OneState extends Cell {
  forward(x: Tensor, h: Tensor | null = null): Tensor {
    return this.step(x, h && [h])[0]!;
  }
}

/** `h' = tanh(W x + b + U h + c)` (Elman 1990): `x [N, input]`, `h [N, hidden]` (default zeros) → `[N, hidden]`, or without `N`. */
export class RNNCell extends OneState {
  readonly #nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    const { bias, nonlinearity } = withDefaults("RNNCell", options, { bias: true, nonlinearity: "tanh" });
    super("RNNCell", elmanOf("RNNCell", nonlinearity), inputSize, hiddenSize, bias);
    this.#nonlinearity = nonlinearity;
  }

  protected override extraRepr(): string {
    const suffix = this.#nonlinearity === "tanh" ? "" : `, nonlinearity=${this.#nonlinearity}`;
    return super.extraRepr() + suffix;
  }
}

/** One step of an LSTM (Hochreiter & Schmidhuber 1997): `x [N, input]`, `[h, c]` of `[N, hidden]` (default zeros) → the next `[h, c]`. */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("LSTMCell", KINDS.lstm, inputSize, hiddenSize, withDefaults("LSTMCell", options, { bias: true }).bias);
  }

  forward(x: Tensor, state: readonly [h: Tensor, c: Tensor] | null = null): [h: Tensor, c: Tensor] {
    return [...this.step(x, state)] as [Tensor, Tensor];
  }
}

/** One step of a GRU (Cho et al. 2014): `x [N, input]`, `h [N, hidden]` (default zeros) → `[N, hidden]`, or without `N`. */
export class GRUCell extends OneState {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("GRUCell", KINDS.gru, inputSize, hiddenSize, withDefaults("GRUCell", options, { bias: true }).bias);
  }
}

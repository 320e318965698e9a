import { linear, type Parameter, type Shape, type Tensor, uniform } from "@descent/core";
import { oneOf } from "../options.ts";
import { parameter } from "../variables.ts";

/** What a cell hands from step to step, each `[N, hidden]`: `[h]`, or `[h, c]` of an LSTM. */
export type State = readonly Tensor[];

/** The parameters of a cell. Gates lie one behind the other in the first axis. */
export interface Weights {
  /** `[gates·hidden, input]`. */
  readonly weightIh: Tensor;
  /** `[gates·hidden, hidden]`. */
  readonly weightHh: Tensor;
  /** `[gates·hidden]` */
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** `[projection, hidden]`, of an LSTM with a projection. */
  readonly weightHr?: Tensor | null;
}

/** A kind of recurrent cell. */
export interface Kind {
  readonly gates: number;
  /** The number of tensors in its state. */
  readonly states: number;
  /** The next state, given what the input adds to the gates, `[N, gates·hidden]`. */
  step(input: Tensor, state: State, weights: Weights): State;
}

/** Elman's cell (1990). */
const elman = (activation: "tanh" | "relu"): Kind => ({
  gates: 1,
  states: 1,
  step: (input, [h], { weightHh, biasHh }) => [input.add(linear(h!, weightHh, biasHh))[activation]()],
});

const ELMAN = { tanh: elman("tanh"), relu: elman("relu") };

/** Elman's cell with one of its nonlinearities. */
export const elmanOf = (op: string, nonlinearity: "tanh" | "relu"): Kind =>
  ELMAN[oneOf<"tanh" | "relu">(op, "nonlinearity", nonlinearity, ["tanh", "relu"])];

/** The cells with gates. */
export const KINDS = {
  /** Hochreiter & Schmidhuber 1997, with the gates i, f, g, o. */
  lstm: {
    gates: 4,
    states: 2,
    step: (input, [h, c], { weightHh, biasHh, weightHr }) => {
      const [i, f, g, o] = input.add(linear(h!, weightHh, biasHh)).chunk(4, -1);
      const next = f!.sigmoid().mul(c!).add(i!.sigmoid().mul(g!.tanh()));
      const y = o!.sigmoid().mul(next.tanh());
      return [weightHr ? linear(y, weightHr) : y, next];
    },
  },
  /** Cho et al. 2014 with the gates r, z, n, where r acts behind the matrix product. */
  gru: {
    gates: 3,
    states: 1,
    step: (input, [h], { weightHh, biasHh }) => {
      const [ir, iz, inew] = input.chunk(3, -1);
      const [hr, hz, hnew] = linear(h!, weightHh, biasHh).chunk(3, -1);
      const n = inew!.add(ir!.add(hr!).sigmoid().mul(hnew!)).tanh();
      return [n.add(iz!.add(hz!).sigmoid().mul(h!.sub(n)))];
    },
  },
} satisfies Record<"lstm" | "gru", Kind>;

/** Parameters of a cell by name, in PyTorch's order, uniform over `±1/√hidden`. */
export function cellParameters(
  { gates }: Kind,
  inputSize: number,
  hiddenSize: number,
  bias: boolean,
  projSize = 0,
): [name: string, value: Parameter][] {
  const bound = 1 / Math.sqrt(hiddenSize);
  const rows = gates * hiddenSize;
  const shapes: Readonly<Record<string, Shape>> = {
    weightIh: [rows, inputSize],
    weightHh: [rows, projSize || hiddenSize],
    ...(bias && { biasIh: [rows], biasHh: [rows] }),
    ...(projSize > 0 && { weightHr: [projSize, hiddenSize] }),
  };
  return Object.entries(shapes).map(([name, shape]) => [name, parameter(() => uniform(-bound, bound, shape))]);
}

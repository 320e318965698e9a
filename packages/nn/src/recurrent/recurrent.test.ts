import { cpu } from "@descent/backend-cpu";
import {
  cat,
  fromTypedArray,
  grad,
  manualSeed,
  randn,
  setBackend,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@descent/core";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  GRU,
  GRUCell,
  LSTM,
  LSTMCell,
  type LSTMOptions,
  type Module,
  PackedSequence,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  RNN,
  RNNCell,
  unpackSequence,
  unpadSequence,
} from "../index.ts";

setBackend(cpu());

const close = (actual: Tensor, expected: Tensor, what = "result"): void =>
  expectClose({ ...actual, data: actual.dataSync() }, { ...expected, data: expected.dataSync() }, 1e-5, what);

type Layer = RNN | GRU | LSTM;
const LAYERS = { RNN, GRU, LSTM };
const CELLS = { RNN: RNNCell, GRU: GRUCell, LSTM: LSTMCell };
const kinds = fc.constantFrom("RNN", "GRU", "LSTM") as fc.Arbitrary<keyof typeof LAYERS>;

const options = fc.record({
  numLayers: fc.integer({ min: 1, max: 2 }),
  bidirectional: fc.boolean(),
  batchFirst: fc.boolean(),
  bias: fc.boolean(),
});

/** The output, and all tensors of the last state. */
const run = (layer: Layer, x: Tensor, state: readonly Tensor[] | null = null): Tensor[] => {
  const given = state === null ? null : layer instanceof LSTM ? state : state[0];
  const [y, last] = (layer as LSTM).call(x, given as never);
  return [y, last].flat() as Tensor[];
};
const runPacked = (layer: Layer, x: PackedSequence, state: readonly Tensor[]): [PackedSequence, ...Tensor[]] => {
  const [y, last] = (layer as LSTM).call(x, (layer instanceof LSTM ? state : state[0]) as never);
  return [y, ...([last].flat() as Tensor[])];
};

const sequences = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });

describe("recurrent layers", () => {
  test("a packed batch gives what each of its sequences gives alone, forwards and backwards", () => {
    fc.assert(
      fc.property(kinds, options, sequences, (kind, options, lengths) => {
        manualSeed(1);
        const layer = new LAYERS[kind](3, 2, options);
        const xs = lengths.map((n) => randn([n, 3]));
        const layers = options.numLayers * (options.bidirectional ? 2 : 1);
        const start = Array.from({ length: kind === "LSTM" ? 2 : 1 }, () => randn([layers, xs.length, 2]));
        const [packed, ...last] = runPacked(layer, packSequence(xs, { enforceSorted: false }), start);
        const alone = xs.map((x, n) =>
          run(
            layer,
            x,
            start.map((s) => s.narrow(1, n, 1).squeeze(1)),
          ),
        );
        unpackSequence(packed).forEach((y, n) => {
          close(y, alone[n]![0]!, `output ${n}`);
        });
        last.forEach((s, i) => {
          close(
            s,
            stack(
              alone.map((results) => results[i + 1]!),
              1,
            ),
            `state ${i}`,
          );
        });
        const parameters = layer.parameters();
        const sum = (ys: readonly Tensor[]): Tensor => ys.map((y) => y.square().sum()).reduce((a, b) => a.add(b));
        const direct = grad(sum(alone.map(([y]) => y!)), parameters);
        grad(sum([packed.data]), parameters).forEach((g, i) => {
          close(g, direct[i]!, `gradient ${i}`);
        });
      }),
      { numRuns: 30 },
    );
  });

  test("one layer is its cell, step by step, with the given state", () => {
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (kind, time, batch) => {
        manualSeed(2);
        const layer = new LAYERS[kind](3, 2);
        const cell: Module = new CELLS[kind](3, 2);
        cell.loadStateDict(Object.entries(layer.stateDict()).map(([name, value]) => [name.replace("_l0", ""), value]));
        const x = randn([time, batch, 3]);
        const start = Array.from({ length: kind === "LSTM" ? 2 : 1 }, () => randn([1, batch, 2]));
        let state: Tensor[] = start.map((s) => s.squeeze(0));
        const outputs = x.unbind(0).map((step) => {
          state = [cell.call(...([step, kind === "LSTM" ? state : state[0]] as never[]))].flat() as Tensor[];
          return state[0]!;
        });
        const [y, ...last] = run(layer, x, start);
        close(y!, stack(outputs));
        last.forEach((s, i) => {
          close(s.squeeze(0), state[i]!);
        });
      }),
      { numRuns: 20 },
    );
  });

  test("the second direction reads from the end", () => {
    manualSeed(3);
    const [both, one] = [new GRU(2, 3, { bidirectional: true }), new GRU(2, 3)];
    const state = both.stateDict();
    const half = (suffix: string): [string, Tensor][] =>
      Object.keys(one.stateDict()).map((name) => [name, state[`${name}${suffix}`]!]);
    const x = randn([4, 2, 2]);
    const [y, h] = both.call(x);
    one.loadStateDict(half(""));
    const [forwards, first] = one.call(x);
    one.loadStateDict(half("_reverse"));
    const [backwards, second] = one.call(x.flip(0));
    close(y, cat([forwards, backwards.flip(0)], 2));
    close(h, cat([first, second]));
  });

  test("batchFirst transposes, and dropout acts between layers in training only", () => {
    manualSeed(4);
    const layer = new LSTM(2, 3, { numLayers: 2, dropout: 0.5 });
    const first = new LSTM(2, 3, { numLayers: 2, batchFirst: true });
    first.loadStateDict(layer.stateDict());
    const x = randn([4, 2, 2]);
    const [trained] = layer.call(x);
    const [y] = layer.eval().call(x);
    expect(trained.eq(y).all().item()).toBe(0);
    close(first.call(x.transpose(0, 1))[0].transpose(0, 1), y);
  });

  test("names and printed form are PyTorch's", () => {
    const options: LSTMOptions = { numLayers: 2, bidirectional: true, projSize: 2, batchFirst: true };
    const layer = new LSTM(3, 4, options);
    expect(`${layer}`).toBe("LSTM(3, 4, proj_size=2, num_layers=2, batch_first=True, bidirectional=True)");
    expect(Object.entries(layer.stateDict()).map(([name, { shape }]) => `${name} ${shape}`)).toEqual([
      ...["", "_reverse"].flatMap((s) => [
        `weight_ih_l0${s} 16,3`,
        `weight_hh_l0${s} 16,2`,
        `bias_ih_l0${s} 16`,
        `bias_hh_l0${s} 16`,
        `weight_hr_l0${s} 2,4`,
      ]),
      ...["", "_reverse"].flatMap((s) => [
        `weight_ih_l1${s} 16,4`,
        `weight_hh_l1${s} 16,2`,
        `bias_ih_l1${s} 16`,
        `bias_hh_l1${s} 16`,
        `weight_hr_l1${s} 2,4`,
      ]),
    ]);
    expect(layer.weightIhL0!.shape).toEqual([16, 3]);
    expect(`${new RNN(1, 2)} ${new GRU(1, 2, { dropout: 0.5 })}`).toBe("RNN(1, 2) GRU(1, 2, dropout=0.5)");
    expect(`${new RNNCell(1, 2, { nonlinearity: "relu" })}`).toBe("RNNCell(1, 2, nonlinearity=relu)");
    expect(`${new LSTMCell(1, 2, { bias: false })}`).toBe("LSTMCell(1, 2, bias=False)");
    const [y, [h, c]] = layer.call(randn([2, 5, 3]));
    expect([y.shape, h.shape, c.shape]).toEqual([
      [2, 5, 4],
      [4, 2, 2],
      [4, 2, 4],
    ]);
  });

  test("bad arguments and inputs are rejected", () => {
    expect(() => new RNN(1, 2, { nonlinearity: "gelu" as never })).toThrow(
      'RNN: unknown nonlinearity "gelu"; use one of "tanh", "relu"',
    );
    expect(() => new GRU(0, 2)).toThrow("GRU: inputSize must be a positive integer, got 0");
    expect(() => new LSTM(1, 2, { projSize: 2 })).toThrow("LSTM: projSize 2 must be smaller than hiddenSize 2");
    expect(() => new GRU(1, 2, { dropout: 2 })).toThrow("GRU: dropout must lie in [0, 1], got 2");
    expect(() => new RNN(3, 2).call(zeros([2, 2, 4]))).toThrow(
      "RNN: expected [T,N,input], [N,T,input] with batchFirst, or [T,input] with 3 features, got [2,2,4] (in RNN)",
    );
    expect(() => new RNN(3, 2).call(zeros([0, 2, 3]))).toThrow("RNN: [0,2,3] has no time step (in RNN)");
    expect(() => new RNN(3, 2).call(zeros([1, 2, 3]), zeros([1, 2, 3]))).toThrow(
      "RNN: the initial state must be [1,2,2] (layers, batch, size), got [1,2,3] (in RNN)",
    );
    expect(() => new GRUCell(3, 2).call(zeros([1, 4]))).toThrow(
      "GRUCell: expected [N,3] or [3], got [1,4] (in GRUCell)",
    );
    expect(() => new GRUCell(3, 2).call(zeros([1, 3]), zeros([2]))).toThrow(
      "GRUCell: the input [1,3] needs a state [1,2], got [2] (in GRUCell)",
    );
  });
});

describe("packing", () => {
  test("packing, padding and taking apart are inverse to each other", () => {
    fc.assert(
      fc.property(
        sequences,
        fc.boolean(),
        fc.constantFrom("left" as const, "right" as const),
        (lengths, batchFirst, side) => {
          const xs = lengths.map((n, k) => tensor(Array.from({ length: n }, (_, t) => [10 * k + t, 1])));
          const values = (ys: readonly Tensor[]): unknown => ys.map((y) => y.toArray());
          const padded = padSequence(xs, { batchFirst });
          expect(values(unpadSequence(padded, lengths, { batchFirst }))).toEqual(values(xs));
          const packed = packPaddedSequence(padded, lengths, { batchFirst, enforceSorted: false });
          expect(packed.data.toArray()).toEqual(packSequence(xs, { enforceSorted: false }).data.toArray());
          expect(values(unpackSequence(packed))).toEqual(values(xs));
          const [again, sizes] = padPackedSequence(packed, { batchFirst, paddingValue: 7, totalLength: 5 });
          expect(sizes).toEqual(lengths);
          const longest = Math.max(...lengths);
          const expected = padSequence([...xs, zeros([5, 2])], { batchFirst, paddingValue: 7 }).narrow(
            batchFirst ? 0 : 1,
            0,
            xs.length,
          );
          expect(again.toArray()).toEqual(expected.toArray());
          const left = padSequence(xs, { batchFirst: true, paddingSide: side, paddingValue: -1 });
          const padding = (n: number): number[][] => new Array<number[]>(longest - n).fill([-1, -1]);
          expect(left.toArray()).toEqual(
            xs.map((x, k) => {
              const rows = x.toArray() as number[][];
              return side === "left" ? [...padding(lengths[k]!), ...rows] : [...rows, ...padding(lengths[k]!)];
            }),
          );
        },
      ),
    );
  });

  test("lengths may be a tensor; what does not fit is rejected", () => {
    const x = zeros([3, 2, 1]);
    expect(packPaddedSequence(x, fromTypedArray(Int32Array.of(3, 1), [2], "int32")).batchSizes).toEqual([2, 1, 1]);
    expect(() => packPaddedSequence(x, [1, 3])).toThrow(
      "packPaddedSequence: the lengths [1,3] do not descend; pass enforceSorted: false",
    );
    expect(() => packPaddedSequence(x, [3, 0])).toThrow(
      "packPaddedSequence: the lengths [3,0] do not fit a batch of 2 sequences of at most 3 steps; give 2 integers from 1 to 3",
    );
    expect(() => packPaddedSequence(zeros([3]), [3])).toThrow(
      "packPaddedSequence: expected [T,N,…] or [N,T,…], got [3]",
    );
    expect(() => packSequence([])).toThrow("cat: the list of tensors is empty; pass at least one");
    expect(() => packSequence([zeros([0, 1])])).toThrow(
      "packSequence: the lengths [0] do not fit a batch of 1 sequences of at most 0 steps",
    );
    expect(() => padSequence([zeros([1, 1]), zeros([1, 2])])).toThrow("cat: ");
    expect(() => padSequence([x], { paddingSide: "top" as never })).toThrow('padSequence: unknown paddingSide "top"');
    const packed = packPaddedSequence(x, [3, 1]);
    expect(() => padPackedSequence(packed, { totalLength: 2 })).toThrow(
      "padPackedSequence: totalLength 2 is below the longest sequence; give at least 3",
    );
    expect(new RNN(2, 1) && packed).toBeInstanceOf(PackedSequence);
    expect(() => new RNN(2, 1).call(packed)).toThrow(
      "RNN: expected a packed batch of [ΣT,input] with 2 features, got [4,1]",
    );
  });
});

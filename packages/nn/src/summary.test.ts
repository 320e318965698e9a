import { cpu } from "@descent/backend-cpu";
import { getRngState, ones, type Shape, setBackend, type Tensor } from "@descent/core";
import { lenet } from "@descent/testing";
import { expect, test } from "vitest";
import * as nn from "./index.ts";

setBackend(cpu());
const { summary } = nn;

/** What rows say, shortly. */
const told = ({ rows }: nn.Summary): unknown[] =>
  rows.map(({ path, depth, outputShapes, parameters, multiplyAdds }) => [
    path,
    depth,
    ...outputShapes,
    parameters,
    multiplyAdds,
  ]);

test("lists the calls of a model with shapes, parameters and costs", () => {
  const s = summary(lenet(), [1, 1, 28, 28]);
  expect(told(s).slice(0, 3)).toEqual([
    ["", 0, [1, 10], 0, 0],
    ["0", 1, [1, 6, 28, 28], 156, 6 * 25 * 28 * 28],
    ["1", 1, [1, 6, 28, 28], 0, 0],
  ]);
  // The numbers of LeNet-5 that everybody knows.
  expect([s.parameters, s.trainable, s.multiplyAdds, s.bytes]).toEqual([61_706, 61_706, 416_520, 4 * 61_706]);
  expect(summary(lenet(), [3, 1, 28, 28]).multiplyAdds).toBe(3 * 416_520);
});

test("prints a table", () => {
  const model = new nn.Sequential(new nn.Sequential(new nn.Linear(1000, 200), new nn.ReLU()), new nn.LayerNorm(200));
  expect(String(summary(model, [2, 1000]))).toBe(
    [
      "Module            Output   Parameters  Multiply-adds",
      "────────────────────────────────────────────────────",
      "Sequential        [2,200]",
      "  0 (Sequential)  [2,200]",
      "    0 (Linear)    [2,200]     200,200        400,000",
      "    1 (ReLU)      [2,200]",
      "  1 (LayerNorm)   [2,200]         400            400",
      "────────────────────────────────────────────────────",
      "Parameters: 200,600, of which trained: 200,600",
      "Multiply-adds: 400,400",
      "Parameters and buffers: 0.77 MiB",
    ].join("\n"),
  );
  const lines = String(summary(model, [2, 1000], { depth: 1 })).split("\n");
  expect(lines.slice(2, -4).map((line) => line.split("  ").find((cell) => cell !== ""))).toEqual([
    "Sequential",
    "0 (Sequential)",
    "1 (LayerNorm)",
  ]);
  expect(lines.at(-2)).toBe("Multiply-adds: 400,400");
});

test("leaves the model as it was", () => {
  const model = new nn.Sequential(new nn.BatchNorm1d(3), new nn.Dropout(), new nn.Linear(3, 2));
  model.at(1).eval();
  const before = JSON.stringify(Object.entries(model.stateDict()).map(([key, x]) => [key, x.toArray()]));
  const rng = getRngState();
  summary(model, [4, 3]);
  expect(JSON.stringify(Object.entries(model.stateDict()).map(([key, x]) => [key, x.toArray()]))).toBe(before);
  expect(getRngState()).toEqual(rng);
  expect(model.modules().map(({ training }) => training)).toEqual([true, true, false, true]);
  expect(model.modules().some(({ hasHooks }) => hasHooks)).toBe(false);
  expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
  // Also after an error.
  expect(() => summary(model, [4, 5])).toThrow();
  expect(model.modules().some(({ hasHooks }) => hasHooks)).toBe(false);
  expect(model.modules().map(({ training }) => training)).toEqual([true, true, false, true]);
});

class Shared extends nn.Module {
  readonly layer = new nn.Linear(4, 4);
  readonly unused = new nn.Linear(5, 5);
  readonly inner = new nn.Linear(4, 4, { bias: false });

  forward(x: Tensor, y: Tensor): { sum: Tensor; parts: Tensor[] } {
    const parts = [this.layer.call(x), this.layer.call(y)];
    return { sum: nn.functional.linear(parts[0]!.add(parts[1]!), this.inner.weight), parts };
  }
}

test("counts shared modules once, and shows with the model what no call shows", () => {
  const model = new Shared();
  model.unused.weight.requiresGrad = false;
  const s = summary(model, [ones([2, 4]), [2, 4]]);
  expect(told(s)).toEqual([
    ["", 0, [2, 4], [2, 4], [2, 4], 46, 0],
    ["layer", 1, [2, 4], 20, 32],
    ["layer", 1, [2, 4], 0, 32],
  ]);
  expect([s.parameters, s.trainable]).toEqual([66, 41]);
  expect(s.rows[0]!.inputShapes).toEqual([
    [2, 4],
    [2, 4],
  ]);
  expect(s.rows[0]!.trainable).toBe(21);
});

test("knows embeddings and recurrent layers", () => {
  class Reader extends nn.Module {
    readonly table = new nn.Embedding(100, 8);
    readonly reader = new nn.LSTM(8, 6, { batchFirst: true });

    forward(x: Tensor): Tensor {
      return this.reader.call(this.table.call(x))[0];
    }
  }
  const s = summary(new Reader(), [2, 5], { dtype: "int32" });
  expect(told(s)).toEqual([
    ["", 0, [2, 5, 6], 0, 0],
    ["table", 1, [2, 5, 8], 800, 0],
    ["reader", 1, [2, 5, 6], [1, 2, 6], [1, 2, 6], 4 * 6 * (8 + 6 + 2), 10 * 4 * 6 * (8 + 6)],
  ]);
});

test("knows convolutions over any axes, in groups, and transposed ones", () => {
  const cost = (layer: nn.Module, input: Shape): number => summary(layer, input).multiplyAdds;
  expect(cost(new nn.Conv1d(4, 8, 3), [2, 4, 6])).toBe(2 * 8 * 4 * (4 * 3));
  expect(cost(new nn.Conv3d(4, 8, 2, { groups: 2 }), [4, 3, 3, 3])).toBe(8 * 8 * (2 * 8));
  expect(cost(new nn.ConvTranspose2d(4, 8, 2, { stride: 2 }), [2, 4, 3, 3])).toBe(2 * 4 * 9 * (8 * 4));
  expect(cost(new nn.ConvTranspose2d(4, 4, 2, { groups: 2 }), [2, 4, 3, 3])).toBe(2 * 4 * 9 * (2 * 4));
  expect(cost(new nn.PReLU(4), [2, 4, 3])).toBe(24);
});

test("knows attention", () => {
  const [N, L, S, E] = [2, 3, 5, 8];
  const projections = (2 * N * L + 2 * N * S) * E * E;
  for (const batchFirst of [true, false]) {
    const shape = (length: number): Shape => (batchFirst ? [N, length, E] : [length, N, E]);
    const s = summary(new nn.MultiheadAttention(E, 2, { batchFirst }), [shape(L), shape(S), shape(S)]);
    expect(s.multiplyAdds).toBe(projections + 2 * N * L * S * E);
    expect(s.parameters).toBe(4 * (E * E + E));
    expect(s.rows[0]!.parameters).toBe(s.parameters);
  }
  // Self-attention, two linear layers, two normalisations.
  const layer = summary(new nn.TransformerEncoderLayer(E, 2, { dimFeedforward: 16, batchFirst: true }), [N, L, E]);
  expect(layer.multiplyAdds).toBe(4 * N * L * E * E + 2 * N * L * L * E + 2 * N * L * E * 16 + 2 * N * L * E);
});

test("a parametrized weight counts", () => {
  const s = summary(nn.utils.weightNorm(new nn.Linear(3, 2)), [5, 3]);
  expect([s.parameters, s.multiplyAdds]).toEqual([2 + 2 + 6, 30]);
  const lstm = nn.utils.weightNorm(new nn.LSTM(3, 4), { name: "weightHhL0" });
  expect(summary(lstm, [5, 2, 3]).multiplyAdds).toBe(10 * (16 * 3 + 16 * 4));
});

test("a scalar goes in like any other", () => {
  expect(told(summary(new nn.ReLU(), []))).toEqual([["", 0, [], 0, 0]]);
});

test("rejects what is no input", () => {
  expect(() => summary(new nn.Linear(2, 2), ["2"] as never)).toThrow(
    "summary: 2 is no input; give tensors, or shapes as arrays of numbers",
  );
  expect(() => summary(new nn.Linear(2, 2), [1, 2], { depht: 1 } as never)).toThrow(
    'summary: there is no option "depht"',
  );
});

import { cpu } from "@descent/backend-cpu";
import { grad, manualSeed, type NestedArray, randn, setBackend, type Tensor, tensor } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BagMode, Embedding, EmbeddingBag, functional as F } from "./index.ts";

setBackend(cpu());

const int = (values: NestedArray): Tensor => tensor(values, { dtype: "int32" });
const rounded = (x: Tensor): unknown =>
  JSON.parse(JSON.stringify(x.toArray(), (_, v) => (typeof v === "number" ? +v.toFixed(4) : v)));

describe("Embedding", () => {
  test("takes rows, and gives the padding row no gradient", () => {
    const layer = new Embedding(5, 2, { paddingIdx: -1 });
    expect((layer.weight.toArray() as number[][])[4]).toEqual([0, 0]);
    const y = layer.call(
      int([
        [0, 4],
        [0, 1],
      ]),
    );
    expect(y.shape).toEqual([2, 2, 2]);
    y.sum().backward();
    expect(layer.weight.grad!.toArray()).toEqual([
      [2, 2],
      [1, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(`${layer}`).toBe("Embedding(5, 2, padding_idx=4)");
  });

  test("scaleGradByFreq divides the gradient of a row by how often it was taken", () => {
    const layer = new Embedding(3, 1, { scaleGradByFreq: true });
    layer
      .call(int([0, 0, 2]))
      .sum()
      .backward();
    expect(layer.weight.grad!.toArray()).toEqual([[1], [0], [1]]);
  });

  test("maxNorm scales the rows down that were taken, as PyTorch does", () => {
    const layer = Embedding.fromPretrained(
      tensor([
        [3, 4],
        [3, 4],
        [0.3, 0.4],
      ]),
      { maxNorm: 1, freeze: false },
    );
    layer.call(int([0, 2]));
    expect(rounded(layer.weight)).toEqual([
      [0.6, 0.8],
      [3, 4],
      [0.3, 0.4],
    ]);
    expect(`${layer}`).toBe("Embedding(3, 2, max_norm=1)");
  });

  test("begins with given rows, frozen unless asked otherwise", () => {
    const rows = randn([3, 2]);
    expect(Embedding.fromPretrained(rows).weight.requiresGrad).toBe(false);
    expect(Embedding.fromPretrained(rows, { freeze: false }).weight.toArray()).toEqual(rows.toArray());
    expect(EmbeddingBag.fromPretrained(rows).weight.requiresGrad).toBe(false);
  });

  test("bad arguments and inputs are rejected", () => {
    expect(() => new Embedding(3, 2, { paddingIdx: 3 })).toThrow(
      "Embedding: paddingIdx 3 names no row of 3; use -3 to 2",
    );
    expect(() => new Embedding(3, 2, { weight: randn([2, 2]) })).toThrow(
      "Embedding: the weight must be [3,2], got [2,2]",
    );
    expect(() => Embedding.fromPretrained(randn([2]))).toThrow("fromPretrained: the rows must be [num, dim], got [2]");
    expect(() => new Embedding(3, 2).call(int([3]))).toThrow(
      "indexSelect: index 3 is out of range for axis 0 of size 3 (in Embedding); use 0 to 2",
    );
    expect(() => F.embedding(int([0]), randn([2]))).toThrow("embedding: the weight must be [num, dim], got [2]");
    expect(() => F.embedding(int([0]), randn([2, 2]), { maxNorm: 1 })).toThrow(
      "embedding: maxNorm changes the weight, which is no Parameter; pass a Parameter",
    );
  });
});

const NAIVE: Record<BagMode, (rows: readonly number[]) => number> = {
  sum: (rows) => rows.reduce((a, b) => a + b, 0),
  mean: (rows) => (rows.length === 0 ? 0 : rows.reduce((a, b) => a + b, 0) / rows.length),
  max: (rows) => (rows.length === 0 ? 0 : Math.max(...rows)),
};

describe("EmbeddingBag", () => {
  test("does with the rows of each bag what its mode says, without those of the padding", () => {
    const bags = fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), { minLength: 1, maxLength: 4 });
    const modes = fc.constantFrom(...(Object.keys(NAIVE) as BagMode[]));
    fc.assert(
      fc.property(bags, modes, fc.constantFrom(null, 2), fc.boolean(), (bags, mode, paddingIdx, includeLastOffset) => {
        manualSeed(bags.length);
        const weight = randn([5, 2], { requiresGrad: true });
        const starts = bags.map((_, k) => bags.slice(0, k).flat().length);
        if (includeLastOffset) starts.push(bags.flat().length);
        const y = F.embeddingBag(int(bags.flat()), weight, {
          mode,
          paddingIdx,
          includeLastOffset,
          offsets: int(starts),
        });
        const rows = weight.toArray() as number[][];
        const expected = bags.map((bag) =>
          [0, 1].map((d) => NAIVE[mode](bag.filter((i) => i !== paddingIdx).map((i) => rows[i]![d]!))),
        );
        const close = (value: NestedArray): unknown =>
          JSON.parse(JSON.stringify(value), (_, v) => (typeof v === "number" ? Math.round(v * 1e4) / 1e4 + 0 : v));
        expect(close(y.toArray())).toEqual(close(expected));
        if (mode === "sum" && bags.flat().length > 0) {
          const counts = [0, 1, 2, 3, 4].map((i) => (i === paddingIdx ? 0 : bags.flat().filter((j) => j === i).length));
          expect(grad(y.sum(), weight).toArray()).toEqual(counts.map((n) => [n, n]));
        }
      }),
    );
  });

  test("bags of one size come in rows, and may be weighted", () => {
    const weight = tensor([[1], [10], [100]]);
    expect(
      F.embeddingBag(
        int([
          [0, 1],
          [2, 2],
        ]),
        weight,
      ).toArray(),
    ).toEqual([[5.5], [100]]);
    const perSampleWeights = tensor([
      [1, 2],
      [3, 0.5],
    ]);
    expect(
      F.embeddingBag(
        int([
          [0, 1],
          [2, 2],
        ]),
        weight,
        { mode: "sum", perSampleWeights },
      ).toArray(),
    ).toEqual([[21], [350]]);
    expect(`${new EmbeddingBag(3, 1, { mode: "sum", paddingIdx: 0 })}`).toBe(
      "EmbeddingBag(3, 1, mode='sum', padding_idx=0)",
    );
  });

  test("bad arguments and inputs are rejected", () => {
    const layer = new EmbeddingBag(3, 1);
    expect(() => layer.call(int([0, 1]))).toThrow(
      "embeddingBag: expected [N,L] alone, or one axis and offsets, got [2]",
    );
    expect(() => layer.call(int([[0]]), int([0]))).toThrow(
      "embeddingBag: expected [N,L] alone, or one axis and offsets, got [1,1] and offsets",
    );
    expect(() => layer.call(int([0]), int([1]))).toThrow(
      "embeddingBag: the offsets [1,1] do not divide 1 indices into bags (in EmbeddingBag); begin with 0",
    );
    expect(() => layer.call(int([[0]]), null, tensor([[1]]))).toThrow(
      'embeddingBag: perSampleWeights need mode "sum", got "mean"',
    );
    expect(() => F.embeddingBag(int([[0]]), layer.weight, { mode: "sum", perSampleWeights: tensor([1]) })).toThrow(
      "embeddingBag: perSampleWeights [1] must have the shape of the input [1,1]",
    );
    expect(() => new EmbeddingBag(3, 1, { mode: "min" as never })).toThrow('EmbeddingBag: unknown mode "min"');
  });
});

import { cpu } from "@descent/backend-cpu";
import { grad, setBackend, tensor, zeros } from "@descent/core";
import { expect, test } from "vitest";
import { CosineSimilarity, functional as F, PairwiseDistance } from "./index.ts";

setBackend(cpu());
const inf = Number.POSITIVE_INFINITY;

test("distances of every exponent are PyTorch's", () => {
  const x = tensor([
    [0, 1, 2],
    [3, 4, 5],
  ]);
  const of = (p: number): unknown => F.pairwiseDistance(x, tensor([1, 1, 1]), { p }).toArray();
  const expected: [p: number, distances: number[]][] = [
    [1, [2, 9]],
    [3, [1.2599, 4.6261]],
    [0.5, [4.004, 26.484]],
    [0, [3, 3]],
    [inf, [1, 4]],
    [-1, [1e-6, 0.9231]],
  ];
  for (const [p, distances] of expected)
    distances.forEach((d, i) => {
      expect((of(p) as number[])[i]).toBeCloseTo(d, 3);
    });
  expect(F.pairwiseDistance(x, x, { keepdim: true }).shape).toEqual([2, 1]);
  expect(new PairwiseDistance({ p: 1, eps: 0 }).call(x, x.add(1)).toArray()).toEqual([3, 3]);
});

test("the norm of zeros has the gradient 0, for every exponent", () => {
  for (const p of [0.5, 1, 2, 3]) {
    const x = zeros([1, 2], { requiresGrad: true });
    expect(grad(F.pairwiseDistance(x, zeros([1, 2]), { p, eps: 0 }).sum(), x).toArray()).toEqual([[0, 0]]);
  }
});

test("normalize gives vectors of norm 1, and zeros for zeros", () => {
  const x = tensor([
    [3, 4],
    [0, 0],
  ]);
  expect(F.normalize(x).toArray()).toEqual([[0.6, 0.8].map(Math.fround), [0, 0]]);
  expect(F.normalize(x, { p: inf, dim: [0, 1] }).toArray()).toEqual([
    [0.75, 1],
    [0, 0],
  ]);
  const zero = zeros([1, 3], { requiresGrad: true });
  expect(grad(F.normalize(zero).sum(), zero).dataSync()[0]).toBeCloseTo(1e12, -6);
});

test("cosineSimilarity broadcasts, and passes the gradient through its bound", () => {
  const [x, y] = [
    tensor([
      [1, 0],
      [0, 2],
      [1, 1],
    ]),
    tensor([2, 0]),
  ];
  const cosines = new CosineSimilarity().call(x, y).toArray() as number[];
  [1, 0, Math.SQRT1_2].forEach((c, i) => {
    expect(cosines[i]).toBeCloseTo(c, 6);
  });
  expect(F.cosineSimilarity(x, x, { dim: 0 }).shape).toEqual([2]);
  const zero = zeros([1, 3], { requiresGrad: true });
  expect(grad(F.cosineSimilarity(zero, tensor([[1, 1, 1]])).sum(), zero).dataSync()[0]).toBeCloseTo(57735028, -2);
  expect(() => F.cosineSimilarity(x, tensor([1, 2, 3]))).toThrow("cosineSimilarity: shapes do not broadcast");
  expect(() => new CosineSimilarity({ axis: 1 } as never)).toThrow('CosineSimilarity: there is no option "axis"');
});

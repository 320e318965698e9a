import { cpu } from "@descent/backend-cpu";
import {
  arange,
  cos,
  Generator,
  grad,
  noGrad,
  ones,
  randn,
  type Shape,
  setBackend,
  sin,
  stack,
  type Tensor,
  tensor,
  withBackend,
  zeros,
} from "@descent/core";
import { countingBackend, expectClose } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AttentionOptions, scaledDotProductAttention as attention } from "./attention.ts";

setBackend(cpu());
const f64 = { dtype: "float64" } as const;
const close = (actual: Tensor, expected: Tensor): void => expectClose(actual, expected, { rtol: 1e-9, atol: 1e-9 });
const size = fc.integer({ min: 1, max: 4 });
const inf = Number.POSITIVE_INFINITY;

/** Row by row, with numbers. */
function naive(q: number[][], k: number[][], v: number[][], sees: (i: number, j: number) => boolean): number[][] {
  return q.map((query, i) => {
    const scores = k.map((key) => key.reduce((sum, x, e) => sum + x * query[e]!, 0) / Math.sqrt(query.length));
    const weights = scores.map((score, j) => (sees(i, j) ? Math.exp(score) : 0));
    const total = weights.reduce((a, b) => a + b, 0);
    return v[0]!.map((_, e) => (total === 0 ? 0 : weights.reduce((sum, w, j) => sum + w * v[j]![e]!, 0) / total));
  });
}

const operands = fc.tuple(size, size, size, size).map(([l, s, e, ev]) => ({
  l,
  s,
  q: randn([l, e], f64),
  k: randn([s, e], f64),
  v: randn([s, ev], f64),
}));
const rows = (x: Tensor): number[][] => x.toArray() as number[][];

test("equals a loop over queries and keys, whichever mask there is", () => {
  fc.assert(
    fc.property(operands, fc.infiniteStream(fc.boolean()), ({ l, s, q, k, v }, stream) => {
      const seen = Array.from({ length: l }, () => [...stream.take(s)].map(Number));
      const mask = tensor(seen, { dtype: "bool" });
      const hiding = tensor(
        seen.map((row) => row.map((x) => (x ? 0 : -inf))),
        f64,
      );
      const expectNaive = (options: AttentionOptions, sees: (i: number, j: number) => boolean): void =>
        close(attention(q, k, v, options), tensor(naive(rows(q), rows(k), rows(v), sees), f64));
      expectNaive({}, () => true);
      expectNaive({ isCausal: true }, (i, j) => j <= i);
      expectNaive({ attnMask: mask }, (i, j) => seen[i]![j] === 1);
      expectNaive({ attnMask: hiding }, (i, j) => seen[i]![j] === 1);
    }),
  );
});

test("treats every leading axis by itself", () => {
  const [q, k, v] = [randn([2, 3, 4, 5], f64), randn([2, 3, 6, 5], f64), randn([2, 3, 6, 2], f64)];
  const mask = randn([3, 4, 6], f64);
  const y = attention(q, k, v, { attnMask: mask });
  const at = (x: Tensor, i: number, j: number): Tensor => x.narrow(0, i, 1).narrow(1, j, 1).squeeze([0, 1]);
  for (const [i, j] of [
    [0, 2],
    [1, 0],
  ] as const)
    close(at(y, i, j), attention(at(q, i, j), at(k, i, j), at(v, i, j), { attnMask: mask.narrow(0, j, 1).squeeze(0) }));
});

test("several heads may share a key and a value", () => {
  const [q, k, v] = [randn([2, 4, 3, 5], f64), randn([2, 2, 6, 5], f64), randn([2, 1, 6, 2], f64)];
  const repeat = (x: Tensor, order: number[]): Tensor =>
    stack(
      order.map((h) => x.narrow(1, h, 1).squeeze(1)),
      1,
    );
  close(attention(q, k, v, { enableGqa: true }), attention(q, repeat(k, [0, 0, 1, 1]), repeat(v, [0, 0, 0, 0])));
});

test("a scale takes the place of 1/√E", () => {
  const [q, k, v] = [randn([3, 4], f64), randn([5, 4], f64), randn([5, 2], f64)];
  close(attention(q.mul(4), k, v, { scale: 0.125 }), attention(q, k, v));
});

test("a query that sees nothing gets zeros and no gradient, as in PyTorch", () => {
  const [q, k] = [sin(arange(4).to("float64")).reshape([2, 2]), cos(arange(6).to("float64")).reshape([3, 2])];
  const v = arange(6).to("float64").reshape([3, 2]);
  const inputs = [q, k, v].map((x) => x.clone().detach());
  for (const x of inputs) x.requiresGrad = true;
  const attnMask = tensor(
    [
      [0, -inf, 0],
      [-inf, -inf, -inf],
    ],
    { ...f64, requiresGrad: true },
  );
  const y = attention(inputs[0]!, inputs[1]!, inputs[2]!, { attnMask });
  expectClose(y, { shape: [2, 2], data: [1.8476, 2.8476, 0, 0] }, { rtol: 0, atol: 5e-5 });
  const gradients = grad(y.sum(), [...inputs, attnMask]);
  expect(gradients.every((g) => [...g.dataSync()].every(Number.isFinite))).toBe(true);
  expect(rows(gradients[0]!)[1]).toEqual([0, 0]);
  expect(rows(gradients[3]!)[1]).toEqual([0, 0, 0]);
});

test("without keys everything is zero, without queries there is nothing", () => {
  const [q, k, v] = [ones([2, 3]), ones([0, 3]), ones([0, 4])];
  const attnMask = zeros([2, 0]);
  for (const options of [{}, { isCausal: true }, { attnMask }])
    expect(attention(q, k, v, options).toArray()).toEqual(zeros([2, 4]).toArray());
  expect(attention(k, q, q, { attnMask: zeros([0, 2]) }).shape).toEqual([0, 3]);
});

test("drops weights with dropoutP, drawn from the generator", () => {
  const [q, k, v] = [zeros([1, 2]), zeros([1000, 2]), ones([1000, 1])];
  const drop = (seed: number): number => attention(q, k, v, { dropoutP: 0.25, generator: new Generator(seed) }).item();
  expect(drop(1)).toBe(drop(1));
  expect(drop(1)).not.toBe(drop(2));
  // Kept weights are 1/1000 / 0.75, and about 750 are kept.
  expect(Math.abs(drop(1) - 1)).toBeLessThan(0.1);
  expect(attention(q, k, v, { dropoutP: 1 }).item()).toBe(0);
});

test("frees what it makes on the way", () => {
  const backend = countingBackend();
  withBackend(backend, () => {
    const operands = [ones([2, 3, 4]), ones([2, 5, 4]), ones([2, 5, 6])] as const;
    const attnMask = ones([3, 5]).gt(0);
    const before = backend.liveBytes;
    const y = noGrad(() => attention(...operands, { attnMask }));
    expect(backend.liveBytes - before).toBe(4 * y.numel());
  });
});

describe("rejects", () => {
  const of = (q: Shape, k: Shape, v: Shape, options: AttentionOptions = {}): Tensor =>
    attention(ones(q), ones(k), ones(v), options);
  const name = "scaledDotProductAttention";

  test.each<[() => unknown, string]>([
    [() => of([2, 3], [4, 3], [4, 3], { causal: true } as never), `${name}: there is no option "causal"`],
    [() => of([3], [3], [3]), `${name}: expected […,L,E], […,S,E] and […,S,Ev], got [3], [3], [3]`],
    [() => of([2, 3], [2, 4], [2, 3]), `${name}: expected […,L,E], […,S,E] and […,S,Ev], got [2,3], [2,4], [2,3]`],
    [() => of([2, 3], [4, 3], [5, 3]), `${name}: expected […,L,E], […,S,E] and […,S,Ev], got [2,3], [4,3], [5,3]`],
    [
      () => attention(ones([2, 3]), ones([2, 3]), ones([2, 3], f64)),
      `${name}: expected one floating dtype, got float32, float32, float64`,
    ],
    [
      () => of([2, 3], [4, 3], [4, 3], { attnMask: ones([2, 4]), isCausal: true }),
      `${name}: both attnMask and isCausal are given; put the causal mask into attnMask`,
    ],
    [
      () => of([2, 3], [4, 3], [4, 3], { attnMask: zeros([2, 4], { dtype: "int32" }) }),
      `${name}: attnMask must be bool or float32, got int32; convert it with .to("float32")`,
    ],
    [
      () => of([2, 3], [4, 3], [4, 3], { attnMask: zeros([5, 2, 4]) }),
      `${name}: attnMask [5,2,4] must broadcast to the scores [2,4]`,
    ],
    [
      () => of([2, 3], [4, 3], [4, 3], { attnMask: zeros([3, 4]) }),
      `${name}: shapes do not broadcast: [2,4] and [3,4] (axis -2: 2 ≠ 3)`,
    ],
    [() => of([2, 3], [4, 3], [4, 3], { dropoutP: 1.5 }), "dropout: p must lie in [0, 1], got 1.5"],
    [
      () => of([3, 2, 3], [2, 4, 3], [2, 4, 3], { enableGqa: true }),
      `${name}: [2,4,3] does not have heads, in axis -3, of which 3 is a multiple`,
    ],
    [() => of([3, 2, 3], [2, 4, 3], [2, 4, 3]), "matmul: shapes do not broadcast: [3] and [2]"],
  ])("%#", (run, message) => {
    expect(run).toThrow(message);
  });
});

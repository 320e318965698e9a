import { cpu } from "@descent/backend-cpu";
import {
  arange,
  cat,
  cos,
  Generator,
  noGrad,
  ones,
  randn,
  setBackend,
  sin,
  type Tensor,
  tensor,
  withBackend,
  zeros,
} from "@descent/core";
import { countingBackend, expectClose } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { functional as F, MultiheadAttention, type MultiheadAttentionOptions, Transformer } from "./index.ts";

setBackend(cpu());
const f64 = { dtype: "float64" } as const;
const close = (actual: Tensor, expected: Tensor): void => expectClose(actual, expected, { rtol: 1e-9, atol: 1e-9 });
const bool = (values: number[] | number[][]): Tensor => tensor(values, { dtype: "bool" });
const inf = Number.POSITIVE_INFINITY;

const make = (options: MultiheadAttentionOptions = {}): MultiheadAttention =>
  new MultiheadAttention(4, 2, { batchFirst: true, ...options }).to("float64");

test("equals PyTorch's, with its parameters and a mask of keys", () => {
  const layer = make();
  let at = 0;
  for (const p of layer.parameters()) {
    p.assign(sin(arange(at, at + p.numel()).to("float64")).reshape(p.shape));
    at += p.numel();
  }
  const x = cos(arange(24).to("float64")).reshape([2, 3, 4]);
  const [y, weights] = layer.call(x, x, x, {
    keyPaddingMask: bool([
      [0, 1, 0],
      [0, 0, 1],
    ]),
  });
  const output = [
    -1.227573, 0.582255, 2.853145, -3.084809, -1.360017, -0.384955, 4.250009, -3.943703, 0.386744, -0.078189, 2.102217,
    -1.442688, -0.655509, 1.034813, 1.689457, -2.016094, 0.067589, -0.354933, 2.783156, -2.056126, 1.04937, 0.422213,
    0.785422, -0.221661,
  ];
  const shares = [
    0.041579, 0, 0.958421, 0.479344, 0, 0.520656, 0.820964, 0, 0.179036, 0.006802, 0.993198, 0, 0.925012, 0.074988, 0,
    0.269683, 0.730317, 0,
  ];
  expectClose(y, { shape: [2, 3, 4], data: output }, { rtol: 0, atol: 1e-6 });
  expectClose(weights!, { shape: [2, 3, 3], data: shares }, { rtol: 0, atol: 1e-6 });
});

test("is attention of projections, head by head", () => {
  const layer = make();
  const [q, k, v] = [randn([2, 3, 4], f64), randn([2, 5, 4], f64), randn([2, 5, 4], f64)];
  const [y, weights] = layer.call(q, k, v, { averageAttnWeights: false });
  const heads = [0, 1].map((h) => {
    const project = (x: Tensor, which: number): Tensor => {
      const [first, bias] = [layer.inProjWeight!, layer.inProjBias!].map((p) => p.narrow(0, 4 * which + 2 * h, 2));
      return F.linear(x, first!, { bias: bias! });
    };
    return F.scaledDotProductAttention(project(q, 0), project(k, 1), project(v, 2));
  });
  close(y, layer.outProj.call(cat(heads, -1)));
  expect(weights!.shape).toEqual([2, 2, 3, 5]);
  close(weights!.sum(-1), ones([2, 2, 3], f64));
});

describe("gives the same", () => {
  const inputs = [randn([2, 3, 4], f64), randn([2, 5, 4], f64), randn([2, 5, 4], f64)] as const;
  const keyPaddingMask = bool([
    [0, 1, 0, 0, 1],
    [0, 0, 0, 0, 0],
  ]);
  const attnMask = bool([
    [0, 1, 0, 0, 0],
    [0, 0, 1, 1, 0],
    [0, 0, 0, 0, 1],
  ]);
  const masks = { keyPaddingMask, attnMask };

  test("with and without weights", () => {
    for (const options of [{}, { addBiasKv: true }, { addZeroAttn: true }, { addBiasKv: true, addZeroAttn: true }]) {
      const layer = make(options);
      const [y, weights] = layer.call(...inputs, masks);
      const [faster, none] = layer.call(...inputs, { ...masks, needWeights: false });
      close(faster, y);
      expect(none).toBe(null);
      expect(weights!.shape).toEqual([2, 3, 5 + Object.keys(options).length]);
    }
  });

  test("wherever the batch is", () => {
    const [first, second] = [make(), make({ batchFirst: false })];
    second.loadStateDict(first.stateDict());
    const [y, weights] = first.call(...inputs, masks);
    const turned = inputs.map((x) => x.transpose(0, 1)) as [Tensor, Tensor, Tensor];
    const [y2, weights2] = second.call(...turned, masks);
    close(y2.transpose(0, 1), y);
    close(weights2!, weights!);
  });

  test("for one sample without a batch", () => {
    const layer = make();
    const [y, weights] = layer.call(...inputs, masks);
    const one = inputs.map((x) => x.narrow(0, 0, 1).squeeze(0)) as [Tensor, Tensor, Tensor];
    const [y1, weights1] = layer.call(...one, { attnMask, keyPaddingMask: keyPaddingMask.narrow(0, 0, 1).squeeze(0) });
    close(y1, y.narrow(0, 0, 1).squeeze(0));
    close(weights1!, weights!.narrow(0, 0, 1).squeeze(0));
    for (const batchFirst of [true, false]) expect(make({ batchFirst }).call(...one)[0].shape).toEqual([3, 4]);
  });

  test("however masks are written", () => {
    const layer = make();
    const [expected] = layer.call(...inputs, masks);
    const hide = (mask: Tensor): Tensor =>
      tensor(
        [...mask.dataSync()].map((x) => (x ? -inf : 0)),
        f64,
      ).reshape(mask.shape);
    const perHead = attnMask.unsqueeze(0).expand([4, 3, 5]);
    for (const mask of [hide(attnMask), perHead, hide(perHead)])
      close(layer.call(...inputs, { attnMask: mask, keyPaddingMask: hide(keyPaddingMask) })[0], expected);
  });

  test("where inputs are one tensor and where they are equal", () => {
    const layer = make();
    const [x, y] = [inputs[0], inputs[1]];
    const copy = (t: Tensor): Tensor => t.clone();
    close(layer.call(x, x, x)[0], layer.call(x, copy(x), copy(x))[0]);
    close(layer.call(x, y, y)[0], layer.call(x, y, copy(y))[0]);
  });

  test("whether the weights are packed or not", () => {
    const [packed, apart] = [make(), make({ kdim: 3 })];
    const wide = randn([2, 5, 3], f64);
    apart.loadStateDict({ ...packed.stateDict() }, { strict: false });
    const [wq, wk, wv] = packed.inProjWeight!.chunk(3) as [Tensor, Tensor, Tensor];
    apart.qProjWeight!.assign(wq);
    apart.kProjWeight!.assign(wk.narrow(1, 0, 3));
    apart.vProjWeight!.assign(wv);
    const padded = cat([wide, zeros([2, 5, 1], f64)], -1);
    close(apart.call(inputs[0], wide, inputs[2])[0], packed.call(inputs[0], padded, inputs[2])[0]);
  });
});

test("masks per head are listed sample by sample", () => {
  const layer = make();
  const x = randn([2, 3, 4], f64);
  const [, whole] = layer.call(x, x, x, { averageAttnWeights: false });
  const none = new Array<number>(9).fill(0);
  const attnMask = bool([...none, ...none, ...none.with(3, 1), ...none]).reshape([4, 3, 3]);
  const [, masked] = layer.call(x, x, x, { attnMask, averageAttnWeights: false });
  const changed = [...masked!.dataSync()].flatMap((w, i) => (w === whole!.dataSync()[i] ? [] : [i]));
  expect(changed).toEqual([21, 22, 23]); // of sample 1, head 0, query 1
  expect(masked!.dataSync()[21]).toBe(0);
});

test("does not see the order of keys, and follows that of queries", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (order) => {
      const layer = make();
      const [x, y] = [randn([2, 4, 4], f64), randn([2, 4, 4], f64)];
      const shuffle = (t: Tensor): Tensor => t.indexSelect(1, tensor(order, { dtype: "int32" }));
      close(layer.call(x, shuffle(y), shuffle(y))[0], layer.call(x, y, y)[0]);
      close(layer.call(shuffle(x), y, y)[0], shuffle(layer.call(x, y, y)[0]));
    }),
    { numRuns: 10 },
  );
});

test("a query that sees no key gets NaN where weights are needed and the bias otherwise, as in PyTorch", () => {
  const layer = make();
  layer.outProj.bias!.assign(tensor([1, 2, 3, 4], f64));
  const x = randn([1, 2, 4], f64);
  const attnMask = bool([
    [1, 1],
    [0, 1],
  ]);
  const [y, weights] = layer.call(x, x, x, { attnMask });
  expect([...y.dataSync()].map(Number.isNaN)).toEqual([true, true, true, true, false, false, false, false]);
  expect([...weights!.dataSync()].map(Number.isNaN)).toEqual([true, true, false, false]);
  const [plain] = layer.call(x, x, x, { attnMask, needWeights: false });
  expect([...plain.dataSync()].slice(0, 4)).toEqual([1, 2, 3, 4]);
});

test("takes empty batches and sequences", () => {
  const layer = make();
  for (const shape of [
    [0, 3, 4],
    [2, 0, 4],
  ]) {
    const x = zeros(shape, f64);
    const [y, weights] = layer.call(x, x, x);
    expect([y.shape, weights!.shape]).toEqual([shape, [shape[0], shape[1], shape[1]]]);
    expect(layer.call(x, x, x, { needWeights: false })[0].shape).toEqual(shape);
  }
});

test("drops weights in training only", () => {
  const layer = make({ dropout: 0.5, generator: new Generator(3) });
  const x = randn([2, 6, 4], f64);
  const [, weights] = layer.call(x, x, x, { averageAttnWeights: false });
  expect([...weights!.dataSync()].filter((w) => w === 0).length).toBeGreaterThan(10);
  expect([...layer.call(x, x, x, { needWeights: false })[0].dataSync()]).not.toEqual([
    ...layer.call(x, x, x, { needWeights: false })[0].dataSync(),
  ]);
  layer.eval();
  close(layer.call(x, x, x)[1]!.sum(-1), ones([2, 6], f64));
});

test("state, beginnings, and how it is printed", () => {
  const names = (options: MultiheadAttentionOptions): string[] => Object.keys(make(options).stateDict());
  expect(names({ addBiasKv: true })).toEqual([
    "in_proj_weight",
    "in_proj_bias",
    "bias_k",
    "bias_v",
    "out_proj.weight",
    "out_proj.bias",
  ]);
  expect(names({ vdim: 3, bias: false })).toEqual([
    "q_proj_weight",
    "k_proj_weight",
    "v_proj_weight",
    "out_proj.weight",
  ]);
  const layer = new MultiheadAttention(64, 4, { addBiasKv: true });
  const bound = Math.sqrt(6 / (4 * 64));
  const largest = layer.inProjWeight!.abs().amax().item();
  expect(largest).toBeLessThanOrEqual(bound);
  expect(largest).toBeGreaterThan(0.98 * bound);
  for (const bias of [layer.inProjBias!, layer.outProj.bias!]) expect(bias.abs().amax().item()).toBe(0);
  expect(layer.biasK!.std().item()).toBeCloseTo(1 / 8, 1);
  expect(String(new MultiheadAttention(4, 2))).toBe(
    "MultiheadAttention(\n  (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=True)\n)",
  );
});

test("frees what it makes on the way", () => {
  const backend = countingBackend();
  withBackend(backend, () => {
    const layer = new MultiheadAttention(4, 2, { addBiasKv: true, addZeroAttn: true, batchFirst: true });
    const x = ones([2, 3, 4]);
    const keyPaddingMask = x.narrow(2, 0, 1).squeeze(2).gt(1);
    const before = backend.liveBytes;
    const [y, weights] = noGrad(() => layer.call(x, x, x, { keyPaddingMask }));
    expect(backend.liveBytes - before).toBe(4 * (y.numel() + weights!.numel()));
  });
});

describe("rejects", () => {
  const layer = new MultiheadAttention(4, 2, { batchFirst: true });
  const x = ones([2, 3, 4]);
  const own = (options: object): unknown => layer.forward(x, x, x, options);
  const name = "MultiheadAttention";

  test.each<[() => unknown, string]>([
    [() => new MultiheadAttention(4, 3), `${name}: embedDim 4 does not divide into 3 heads`],
    [() => new MultiheadAttention(0, 3), `${name}: embedDim must be a positive integer, got 0`],
    [() => new MultiheadAttention(4, 2, { kdim: 0 }), `${name}: kdim must be a positive integer, got 0`],
    [() => new MultiheadAttention(4, 2, { dropout: 2 }), `${name}: dropout must lie in [0, 1], got 2`],
    [
      () => layer.forward(x, x.narrow(1, 0, 2), x),
      `${name}: expected [N,L,4], [N,S,4], [N,S,4], all with or without N, got [2,3,4], [2,2,4], [2,3,4]`,
    ],
    [
      () => new MultiheadAttention(4, 2, { kdim: 3, vdim: 5 }).forward(x, x, x),
      `${name}: expected [L,N,4], [S,N,3], [S,N,5], all with or without N, got [2,3,4], [2,3,4], [2,3,4]`,
    ],
    [
      () => layer.forward(ones([1, 3, 4]), x, x),
      `${name}: expected [N,L,4], [N,S,4], [N,S,4], all with or without N, got [1,3,4], [2,3,4], [2,3,4]`,
    ],
    [
      () => layer.forward(ones([3, 4]), x, x),
      `${name}: expected [N,L,4], [N,S,4], [N,S,4], all with or without N, got [3,4], [2,3,4], [2,3,4]`,
    ],
    [
      () => layer.forward(ones([1, 2, 3, 4]), x, x),
      `${name}: expected [N,L,4], [N,S,4], [N,S,4], all with or without N, got [1,2,3,4], [2,3,4], [2,3,4]`,
    ],
    [
      () => own({ isCausal: true }),
      `${name}: isCausal needs attnMask; pass Transformer.generateSquareSubsequentMask(L)`,
    ],
    [() => own({ attnMask: zeros([2, 2]) }), `${name}: attnMask must be [3,3] or [4,3,3], got [2,2]`],
    [() => own({ keyPaddingMask: bool([0, 0, 0]) }), `${name}: keyPaddingMask must be [2,3], got [3]`],
    [
      () => own({ keyPaddingMask: zeros([2, 3], { dtype: "int32" }) }),
      `${name}: keyPaddingMask must be bool or float32, got int32; convert it with .to("float32")`,
    ],
    [() => own({ mask: null }), `${name}: there is no option "mask"`],
  ])("%#", (run, message) => {
    expect(run).toThrow(message);
  });

  test("nothing about a causal mask that is there", () => {
    const attnMask = Transformer.generateSquareSubsequentMask(3);
    const [y] = layer.call(x, x, x, { attnMask, isCausal: true });
    expectClose(y, layer.call(x, x, x, { attnMask })[0], 0);
  });
});

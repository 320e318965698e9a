import { cpu } from "@descent/backend-cpu";
import { gradcheck, noGrad, ones, randn, setBackend, type Tensor, tanh, tensor, withBackend } from "@descent/core";
import { countingBackend, expectClose } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Identity,
  LayerNorm,
  Module,
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./index.ts";

setBackend(cpu());
const f64 = { dtype: "float64" } as const;
const close = (actual: Tensor, expected: Tensor): void => expectClose(actual, expected, { rtol: 1e-9, atol: 1e-9 });
const bool = (values: number[][]): Tensor => tensor(values, { dtype: "bool" });
const small = { dimFeedforward: 5, dropout: 0, batchFirst: true } as const;
const causal = (size: number): Tensor => Transformer.generateSquareSubsequentMask(size, f64);

const encoderLayer = (options: TransformerLayerOptions = {}): TransformerEncoderLayer =>
  new TransformerEncoderLayer(4, 2, { ...small, ...options }).to("float64");
const decoderLayer = (options: TransformerLayerOptions = {}): TransformerDecoderLayer =>
  new TransformerDecoderLayer(4, 2, { ...small, ...options }).to("float64");

const variants: TransformerLayerOptions[] = [
  {},
  { normFirst: true },
  { activation: "gelu", bias: false },
  { activation: tanh, normFirst: true },
];

test("an encoder without a mask follows the order of its positions", () => {
  fc.assert(
    fc.property(fc.constantFrom(...variants), fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (options, order) => {
      const encoder = new TransformerEncoder(encoderLayer(options), 2);
      const x = randn([2, 4, 4], f64);
      const shuffle = (t: Tensor): Tensor => t.indexSelect(1, tensor(order, { dtype: "int32" }));
      close(encoder.call(shuffle(x)), shuffle(encoder.call(x)));
    }),
    { numRuns: 12 },
  );
});

describe("no position sees", () => {
  const x = randn([2, 4, 4], f64);
  const changed = x.add(randn([2, 1, 4], f64).mul(tensor([0, 0, 0, 1], f64).reshape([4, 1])));
  const first = (t: Tensor): Tensor => t.narrow(1, 0, 3);

  test("what a mask hides from it", () => {
    const layer = encoderLayer();
    const mask = causal(4);
    const run = (t: Tensor): Tensor => first(layer.call(t, { srcMask: mask, isCausal: true }));
    close(run(changed), run(x));
    const plain = (t: Tensor): Tensor => first(layer.call(t));
    expect(plain(changed).sub(plain(x)).abs().amax().item()).toBeGreaterThan(1e-6);
    close(layer.call(x, { srcMask: mask.ne(0) }), layer.call(x, { srcMask: mask }));
  });

  test("padding", () => {
    const srcKeyPaddingMask = bool([
      [0, 0, 0, 1],
      [0, 0, 0, 1],
    ]);
    const encoder = new TransformerEncoder(() => encoderLayer(), 2);
    close(first(encoder.call(changed, { srcKeyPaddingMask })), first(encoder.call(x, { srcKeyPaddingMask })));
    const model = new Transformer({ ...small, dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1 });
    model.to("float64");
    const masks = { srcKeyPaddingMask, memoryKeyPaddingMask: srcKeyPaddingMask };
    close(model.call(changed, x, masks), model.call(x, x, masks));
    const tgtKeyPaddingMask = srcKeyPaddingMask;
    close(first(model.call(x, changed, { tgtKeyPaddingMask })), first(model.call(x, x, { tgtKeyPaddingMask })));
    const memoryMask = bool(Array.from({ length: 4 }, () => [0, 0, 0, 1]));
    const decoder = decoderLayer();
    close(decoder.call(x, changed, { memoryMask }), decoder.call(x, x, { memoryMask }));
  });
});

test("gives the same wherever the batch is, and for one sample without a batch", () => {
  const [x, memory] = [randn([2, 3, 4], f64), randn([2, 5, 4], f64)];
  const one = (t: Tensor): Tensor => t.narrow(0, 1, 1).squeeze(0);
  for (const options of variants) {
    const [first, second] = [decoderLayer(options), decoderLayer({ ...options, batchFirst: false })];
    second.loadStateDict(first.stateDict());
    const y = first.call(x, memory, { tgtMask: causal(3) });
    close(second.call(x.transpose(0, 1), memory.transpose(0, 1), { tgtMask: causal(3) }).transpose(0, 1), y);
    close(first.call(one(x), one(memory), { tgtMask: causal(3) }), one(y));
  }
});

test("its gradients", () => {
  for (const options of variants) {
    const layer = decoderLayer(options);
    const inputs = [randn([2, 3, 4], { ...f64, requiresGrad: true }), randn([2, 2, 4], { ...f64, requiresGrad: true })];
    expect(gradcheck((x, memory) => layer.call(x!, memory!, { tgtMask: causal(3) }), inputs)).toBe(true);
  }
});

test("is made of attention, two linear layers and norms, before or after the sum", () => {
  const x = randn([2, 3, 4], f64);
  for (const normFirst of [false, true]) {
    const layer = encoderLayer({ normFirst, activation: tanh });
    const attend = (t: Tensor): Tensor => layer.selfAttn.call(t, t, t)[0];
    const feed = (t: Tensor): Tensor => layer.linear2.call(layer.linear1.call(t).tanh());
    const { norm1, norm2 } = layer;
    const y = normFirst ? x.add(attend(norm1.call(x))) : norm1.call(x.add(attend(x)));
    close(layer.call(x), normFirst ? y.add(feed(norm2.call(y))) : norm2.call(y.add(feed(y))));
  }
});

test("drops in training only", () => {
  const layer = encoderLayer({ dropout: 0.5 });
  const x = randn([2, 3, 4], f64);
  expect([...layer.call(x).dataSync()]).not.toEqual([...layer.call(x).dataSync()]);
  layer.eval();
  expectClose(layer.call(x), layer.call(x), 0);
  const all = encoderLayer({ dropout: 1, normFirst: true });
  expectClose(all.call(x), x, 0);
});

describe("a stack", () => {
  test("copies a layer, with its values, dtype, mode, and what is frozen", () => {
    const layer = encoderLayer({ activation: "gelu" }).eval();
    layer.linear1.weight.requiresGrad = false;
    const { layers } = new TransformerEncoder(layer, 3);
    expect(layers.length).toBe(3);
    const x = randn([2, 3, 4], f64);
    for (const copy of layers as Iterable<TransformerEncoderLayer>) {
      expect(copy).not.toBe(layer);
      expect([copy.training, copy.selfAttn.training]).toEqual([false, false]);
      expect(copy.parameters().map((p) => p.requiresGrad)).toEqual(layer.parameters().map((p) => p.requiresGrad));
      expectClose(copy.call(x), layer.call(x), 0);
    }
    const [a, b] = layers as Iterable<TransformerEncoderLayer>;
    a!.linear1.weight.assign(ones([5, 4], f64));
    expectClose(b!.call(x), layer.call(x), 0);
    const decoders = new TransformerDecoder(decoderLayer(), 2).layers;
    expectClose(decoders.at(0).call(x, x), decoders.at(1).call(x, x), 0);
  });

  test("takes what a function makes, each with values of its own", () => {
    const { layers } = new TransformerEncoder(() => encoderLayer(), 2);
    const [a, b] = [...layers].map((layer) => (layer as TransformerEncoderLayer).linear1.weight);
    expect(a!.toArray()).not.toEqual(b!.toArray());
  });

  test("ends with its norm", () => {
    const x = randn([2, 3, 4], f64);
    const encoder = new TransformerEncoder(encoderLayer({ normFirst: true }), 2, {
      norm: new LayerNorm(4).to("float64"),
    });
    close(encoder.call(x).mean(-1), x.mean(-1).mul(0));
    const decoder = new TransformerDecoder(decoderLayer({ normFirst: true }), 2, {
      norm: new LayerNorm(4).to("float64"),
    });
    close(decoder.call(x, x).mean(-1), x.mean(-1).mul(0));
  });

  test("names its layers as in PyTorch, and prints them in one line where they are alike", () => {
    const encoder = new TransformerEncoder(encoderLayer({ bias: false }), 2, {
      norm: new LayerNorm(4, { bias: false }),
    });
    const names = ["self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight"];
    const layer = [...names, "norm1.weight", "norm2.weight"];
    expect(Object.keys(encoder.stateDict())).toEqual([
      ...layer.map((name) => `layers.0.${name}`),
      ...layer.map((name) => `layers.1.${name}`),
      "norm.weight",
    ]);
    expect(String(encoder)).toMatch(
      /^TransformerEncoder\(\n {2}\(layers\): ModuleList\(\n {4}\(0-1\): 2 x TransformerEncoderLayer\(\n {6}\(self_attn\): MultiheadAttention\(/,
    );
    expect(Object.keys(decoderLayer().stateDict()).filter((name) => name.endsWith("weight"))).toEqual([
      "self_attn.in_proj_weight",
      "self_attn.out_proj.weight",
      "multihead_attn.in_proj_weight",
      "multihead_attn.out_proj.weight",
      "linear1.weight",
      "linear2.weight",
      "norm1.weight",
      "norm2.weight",
      "norm3.weight",
    ]);
  });
});

describe("a Transformer", () => {
  const options = { ...small, dModel: 4, nhead: 2, numEncoderLayers: 2, numDecoderLayers: 1 };

  test("is an encoder and a decoder", () => {
    const model = new Transformer(options).to("float64");
    const [src, tgt] = [randn([2, 5, 4], f64), randn([2, 3, 4], f64)];
    const [srcMask, tgtMask] = [causal(5), causal(3)];
    const memory = model.encoder.call(src, { mask: srcMask });
    close(
      model.call(src, tgt, { srcMask, tgtMask, tgtIsCausal: true, srcIsCausal: true }),
      model.decoder.call(tgt, memory, { tgtMask }),
    );
    expect(String(model)).toMatch(/\(decoder\): TransformerDecoder\(\n {4}\(layers\): ModuleList\(\n {6}\(0\): /);
  });

  test("begins with weights uniform over ±√(6 / (in + out)), and with layers that differ", () => {
    const model = new Transformer({ ...options, dModel: 32, dimFeedforward: 64 });
    const largest = (path: string): number => model.getParameter(path).abs().amax().item();
    expect(largest("encoder.layers.1.linear1.weight")).toBeGreaterThan(0.95 * Math.sqrt(6 / 96));
    expect(largest("encoder.layers.1.linear1.weight")).toBeLessThanOrEqual(Math.sqrt(6 / 96));
    expect(model.getParameter("encoder.layers.0.linear1.weight").toArray()).not.toEqual(
      model.getParameter("encoder.layers.1.linear1.weight").toArray(),
    );
  });

  test("takes other encoders and decoders", () => {
    class Second extends Module {
      forward(_tgt: Tensor, memory: Tensor): Tensor {
        return memory.add(1);
      }
    }
    const model = new Transformer({ ...options, customEncoder: new Identity(), customDecoder: new Second() });
    expect(model.parameters()).toEqual([]);
    expect(model.call(ones([1, 2]), ones([1])).toArray()).toEqual([[2, 2]]);
  });

  test("has a mask that hides what comes later", () => {
    const inf = Number.POSITIVE_INFINITY;
    expect(Transformer.generateSquareSubsequentMask(3).toArray()).toEqual([
      [0, -inf, -inf],
      [0, 0, -inf],
      [0, 0, 0],
    ]);
    const other = cpu();
    const mask = Transformer.generateSquareSubsequentMask(2, { dtype: "float64", backend: other });
    expect([mask.dtype, mask.backend]).toEqual(["float64", other]);
  });
});

describe("what a layer makes on the way", () => {
  const left = (prepare: (layer: TransformerEncoderLayer) => void, options: TransformerLayerOptions = {}): number => {
    const backend = countingBackend();
    return withBackend(backend, () => {
      const layer = new TransformerEncoderLayer(4, 2, { ...small, dropout: 0.1, ...options });
      prepare(layer);
      const x = ones([2, 3, 4]);
      const before = backend.liveBytes;
      const y = noGrad(() => layer.call(x));
      return backend.liveBytes - before - 4 * y.numel();
    });
  };

  test("is freed", () => {
    expect(left(() => {})).toBe(0);
    expect(left(() => {}, { normFirst: true, activation: "gelu" })).toBe(0);
  });

  test("is left alone where a hook or a function may hold it", () => {
    const seen: Tensor[] = [];
    left((layer) => layer.norm1.registerForwardHook((_, __, y) => void seen.push(y)));
    left(() => {}, {
      activation: (x) => {
        seen.push(x);
        return x.relu();
      },
    });
    left((layer) => layer.linear1.registerForwardHook((_, __, y) => void seen.push(y)));
    expect(seen.map(({ shape }) => shape)).toEqual([
      [2, 3, 4],
      [2, 3, 5],
      [2, 3, 5],
    ]);
    // The last is what the linear layer gave, before the ReLU.
    expect(seen.every((x) => x.dataSync().length > 0)).toBe(true);
    expect(seen[2]!.amin().item()).toBeLessThan(0);
  });
});

test.each<[() => unknown, string]>([
  [
    () => new TransformerEncoderLayer(8, 2, { activation: "tanh" as "relu" }),
    'TransformerEncoderLayer: unknown activation "tanh"; use one of "relu", "gelu"',
  ],
  [
    () => new TransformerDecoderLayer(8, 2, { dimFeedforward: 0 }),
    "TransformerDecoderLayer: dimFeedforward must be a positive integer, got 0",
  ],
  [() => new TransformerEncoderLayer(8, 3), "MultiheadAttention: embedDim 8 does not divide into 3 heads"],
  [() => new TransformerEncoder(encoderLayer(), 0), "TransformerEncoder: numLayers must be a positive integer, got 0"],
  [
    () => new TransformerEncoder(new (class Mine extends TransformerEncoderLayer {})(4, 2), 1),
    "Mine: a layer of this class cannot be copied; pass a function that makes one",
  ],
  [
    () => encoderLayer().call(ones([1, 2, 4], f64), { isCausal: true }),
    "MultiheadAttention: isCausal needs attnMask (in self_attn (MultiheadAttention)); pass Transformer.generateSquareSubsequentMask(L)",
  ],
  [
    () => encoderLayer().call(ones([1, 2, 4], f64), { mask: null } as never),
    'TransformerEncoderLayer: there is no option "mask"',
  ],
  [() => new Transformer({ heads: 2 } as never), 'Transformer: there is no option "heads"'],
])("rejects what does not fit: %#", (run, message) => {
  expect(run).toThrow(message);
});

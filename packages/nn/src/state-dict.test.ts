import { cpu } from "@descent/backend-cpu";
import { BackendError, ones, randn, StateDictError, setBackend, type Tensor, tensor, zeros } from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  decodeSafetensors,
  encodeSafetensors,
  type Layer,
  LayerNorm,
  Linear,
  ReLU,
  Sequential,
} from "./index.ts";

setBackend(cpu());

const KINDS: Record<string, (width: number) => Layer> = {
  linear: (width) => new Linear(width, width),
  plain: (width) => new Linear(width, width, { bias: false }),
  batchNorm: (width) => new BatchNorm1d(width),
  layerNorm: (width) => new LayerNorm(width),
  relu: () => new ReLU(),
  nested: (width) => new Sequential(new Linear(width, width), new BatchNorm1d(width)),
};
const kinds = fc.array(fc.constantFrom(...Object.keys(KINDS)), { maxLength: 6 });
const build = (names: readonly string[], width: number): Sequential =>
  new Sequential(names.map((name) => KINDS[name]!(width)));
const values = (state: Record<string, Tensor>): unknown[] =>
  Object.entries(state).map(([name, x]) => [name, x.dtype, x.shape, [...x.dataSync()]]);

test("what is saved is what is loaded", () => {
  fc.assert(
    fc.property(kinds, fc.integer({ min: 1, max: 4 }), (names, width) => {
      const [a, b] = [build(names, width), build(names, width)];
      a.call(randn([5, width]));
      const result = b.loadStateDict(a.stateDict());
      expect(result).toEqual({ missingKeys: [], unexpectedKeys: [] });
      expect(values(b.stateDict())).toEqual(values(a.stateDict()));
      const x = randn([3, width]);
      expect(b.eval().call(x).toArray()).toEqual(a.eval().call(x).toArray());
    }),
    { numRuns: 40 },
  );
});

test("safetensors take the weights of a model to the next", () => {
  const [a, b] = [build(["nested"], 3), build(["nested"], 3)];
  b.loadStateDict(decodeSafetensors(encodeSafetensors(a.stateDict(), { epoch: "3" })));
  expect(values(b.stateDict())).toEqual(values(a.stateDict()));
});

describe("stateDict", () => {
  test("is a snapshot outside of the graph", () => {
    const layer = new Linear(2, 1);
    const state = layer.stateDict();
    const before = values(state);
    layer.weight.assign(ones([1, 2]));
    expect(values(state)).toEqual(before);
    expect(state.weight!.requiresGrad).toBe(false);
    expect(Object.getPrototypeOf(state)).toBe(Object.prototype);
  });

  test("keeps the elements when the module's are disposed of", () => {
    const layer = new Linear(1, 1);
    const state = layer.stateDict();
    layer.weight.dispose();
    expect(state.weight!.numel()).toBe(1);
    expect(state.weight!.item()).toBeTypeOf("number");
  });
});

describe("loadStateDict", () => {
  test("takes pairs and maps too", () => {
    const layer = new Linear(1, 1);
    const pairs: [string, Tensor][] = [
      ["weight", tensor([[3]])],
      ["bias", tensor([4])],
    ];
    layer.loadStateDict(pairs);
    expect(layer.call(ones([1])).item()).toBe(7);
    layer.loadStateDict(new Map([...pairs, ["bias", tensor([5])]]));
    expect(layer.call(ones([1])).item()).toBe(8);
    layer.loadStateDict(new Linear(1, 1).namedParameters());
  });

  test("keeps parameters in place, whether they train or not", () => {
    const layer = new Linear(1, 1);
    const { weight } = layer;
    layer.bias!.requiresGrad = false;
    layer.loadStateDict(new Linear(1, 1).stateDict());
    expect(layer.weight).toBe(weight);
    expect([weight.requiresGrad, layer.bias!.requiresGrad]).toEqual([true, false]);
    layer.call(ones([1])).backward();
    expect(weight.grad!.item()).toBe(1);
  });

  test("converts between floating dtypes and moves between backends", () => {
    const [other, small] = [cpu(), { ...cpu(), name: "small", dtypes: ["float32", "int32", "bool"] as const }];
    const wide = new Linear(2, 1).to("float64");
    const layer = new Linear(2, 1).to(small);
    layer.loadStateDict(wide.stateDict());
    expect(layer.weight.backend).toBe(small);
    expect(layer.weight.dtype).toBe("float32");
    expect([...layer.weight.dataSync()]).toEqual([...Float32Array.from(wide.weight.dataSync())]);
    wide.to(other).loadStateDict(layer.stateDict());
    expect(wide.weight.backend).toBe(other);
    expect(wide.weight.dtype).toBe("float64");
    expect([...wide.weight.dataSync()]).toEqual([...layer.weight.dataSync()]);
  });

  test("lists everything that does not fit, and changes nothing", () => {
    const model = new Sequential({ fc: new Linear(2, 3), norm: new BatchNorm1d(3), out: new Linear(3, 1) });
    const before = values(model.stateDict());
    const { "fc.bias": _, "norm.running_mean": __, ...rest } = model.stateDict();
    const bad = {
      ...rest,
      "fc.weight": zeros([3, 4]),
      "norm.num_batches_tracked": zeros([]),
      "norm.weight": tensor([1, 2, 3], { dtype: "int32" }),
      "out.weight": zeros([1], { dtype: "bool" }),
      "out.bias": ones([1]),
      "head.weight": ones([1]),
      extra: ones([1]),
    };
    expect(() => model.loadStateDict(bad)).toThrow(StateDictError);
    expect(() => model.loadStateDict(bad)).toThrow(
      `loadStateDict: the state dict does not fit Sequential, which stays as it is:
  missing: fc.bias, norm.running_mean
  unexpected: head.weight, extra
  fc.weight: shape [3,4], expected [3,2]
  norm.weight: dtype int32, expected float32
  norm.num_batches_tracked: dtype float32, expected int32
  out.weight: shape [1], expected [1,3]
  out.weight: dtype bool, expected float32; { strict: false } skips what is missing or unexpected, shapes and dtypes must fit`,
    );
    expect(values(model.stateDict())).toEqual(before);
  });

  test("skips with strict: false what one side lacks, and says so", () => {
    const model = new Sequential({ fc: new Linear(1, 1), out: new Linear(1, 1) });
    const bias = model.stateDict()["out.bias"]!.item();
    const state = { "fc.weight": tensor([[2]]), "fc.bias": tensor([3]), "out.weight": tensor([[4]]), old: ones([2]) };
    expect(() => model.loadStateDict(state)).toThrow("missing: out.bias\n  unexpected: old");
    expect(model.loadStateDict(state, { strict: false })).toEqual({
      missingKeys: ["out.bias"],
      unexpectedKeys: ["old"],
    });
    expect(model.call(ones([1])).item()).toBeCloseTo(4 * 5 + bias, 5);
    expect(() => model.loadStateDict({ "fc.weight": ones([2]) }, { strict: false })).toThrow(
      "fc.weight: shape [2], expected [1,1]",
    );
  });

  test("does without a count of batches, as PyTorch does, for its older files have none", () => {
    const [a, b] = [new BatchNorm1d(2), new BatchNorm1d(2)];
    a.call(randn([3, 2]));
    b.call(randn([3, 2]));
    const { num_batches_tracked: _, ...old } = a.stateDict();
    expect(b.loadStateDict(old)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(b.runningMean!.toArray()).toEqual(a.runningMean!.toArray());
    expect(b.numBatchesTracked!.item()).toBe(1);
    const { "0.num_batches_tracked": __, ...nested } = new Sequential(a).stateDict();
    expect(new Sequential(b).loadStateDict(nested)).toEqual({ missingKeys: [], unexpectedKeys: [] });
  });

  test("changes nothing where a value cannot be moved", () => {
    const slow = { ...cpu(), name: "slow", synchronous: false };
    const layer = new Linear(1, 1);
    const before = values(layer.stateDict());
    const state = { weight: tensor([[1]]), bias: ones([1], { backend: slow }) };
    expect(() => layer.loadStateDict(state)).toThrow(BackendError);
    expect(values(layer.stateDict())).toEqual(before);
  });

  test("is not fooled by names of Object's prototype", () => {
    const layer = new Linear(1, 1);
    const state = Object.fromEntries([...Object.entries(layer.stateDict()), ["__proto__", ones([1])]]);
    expect(() => layer.loadStateDict(state)).toThrow("unexpected: __proto__");
    expect(() => layer.loadStateDict({})).toThrow("missing: weight, bias");
  });
});

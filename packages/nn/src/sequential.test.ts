import { cpu } from "@descent/backend-cpu";
import { grad, IndexError, noGrad, ones, setBackend, type Tensor, tensor, withBackend } from "@descent/core";
import { countingBackend } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { CrossEntropyLoss, Dropout, Flatten, Identity, type Layer, Linear, ReLU, Sequential, Tanh } from "./index.ts";

setBackend(cpu());

test("takes layers one by one, as an array, or by name", () => {
  const layers = [new Linear(2, 3), new ReLU(), new Linear(3, 1)];
  const x = ones([4, 2]);
  const models = [
    new Sequential(...layers),
    new Sequential(layers),
    new Sequential({ fc1: layers[0]!, act: layers[1]!, outProj: layers[2]! }),
  ];
  for (const model of models) expect(model.call(x).toArray()).toEqual(models[0]!.call(x).toArray());
  expect(Object.keys(models[0]!.stateDict())).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  expect(Object.keys(models[1]!.stateDict())).toEqual(Object.keys(models[0]!.stateDict()));
  expect(Object.keys(models[2]!.stateDict())).toEqual(["fc1.weight", "fc1.bias", "out_proj.weight", "out_proj.bias"]);
});

test("is a list of its layers", () => {
  const [a, b] = [new ReLU(), new Tanh()];
  const model = new Sequential(a, b);
  expect(model.length).toBe(2);
  expect([...model]).toEqual([a, b]);
  expect(model.at(0)).toBe(a);
  expect(model.at(-1)).toBe(b);
  expect(() => model.at(2)).toThrow(IndexError);
  expect(() => model.at(2)).toThrow("Sequential.at: there is no item 2 among 2");
  expect(() => model.at(0.5)).toThrow("Sequential.at: there is no item 0.5 among 2");
});

test("takes further layers", () => {
  const [a, b, c, d] = [new Linear(1, 1), new ReLU(), new Linear(1, 1), new Tanh()];
  const model = new Sequential(a);
  expect(model.append(d).insert(1, c).insert(-2, b)).toBe(model);
  const places = (found: Sequential): number[] => [...found].map((layer) => [a, b, c, d].indexOf(layer as ReLU));
  expect(places(model)).toEqual([0, 1, 2, 3]);
  expect(model.namedChildren().map(([name]) => name)).toEqual(["0", "1", "2", "3"]);
  expect(places(new Sequential().extend([a, b]).insert(2, c))).toEqual([0, 1, 2]);
  const named = new Sequential({ first: a }).append(b);
  expect(named.namedChildren().map(([name]) => name)).toEqual(["first", "1"]);
  expect(() => named.insert(0, c)).toThrow(
    'Sequential.insert: the layer "first" has a name of its own; append() the layer',
  );
  expect(() => model.insert(5, a)).toThrow(new IndexError("Sequential.insert", "there is no item 5 among 4"));
  expect(() => model.append(3 as never)).toThrow('Sequential: layer "4" is no module');
});

test("without layers returns what it gets", () => {
  const x = tensor([1, 2]);
  expect(new Sequential().call(x)).toBe(x);
  expect(String(new Sequential([]))).toBe("Sequential()");
});

describe("a Linear with a ReLU behind it", () => {
  /** The ops behind a result, from the last to the first. */
  const opsOf = (y: Tensor): string[] => {
    const names: string[] = [];
    for (let node = y.edge?.node; node !== undefined && node.op !== null; node = node.inputs[0]?.node)
      names.push(node.op.name);
    return names;
  };
  const x = tensor([
    [0.5, -1],
    [2, 0.25],
  ]);
  const make = (): [Linear, ReLU, Linear] => [new Linear(2, 3), new ReLU(), new Linear(3, 1)];

  test("is one op, with the results and gradients of two", () => {
    const layers = make();
    const parameters = layers.flatMap((layer) => layer.parameters());
    const fused = new Sequential(layers).call(x);
    const plain = layers.reduce<Tensor>((y, layer) => layer.call(y), x);
    expect(opsOf(fused)).toEqual(["linear", "linearRelu"]);
    expect(opsOf(plain)).toEqual(["linear", "relu", "linear"]);
    expect(fused.toArray()).toEqual(plain.toArray());
    const gradients = [fused, plain].map((y) => grad(y.sum(), parameters).map((g) => g.toArray()));
    expect(gradients[0]).toEqual(gradients[1]);
  });

  test("is two ops where one of them has hooks", () => {
    for (const position of [0, 1]) {
      const model = new Sequential(make());
      const layer = model.at(position);
      const seen: number[][] = [];
      const remove = layer.registerForwardHook((_, [input], output) => {
        seen.push([...(input as Tensor).shape, ...(output as Tensor).shape]);
        return undefined;
      });
      expect(opsOf(model.call(x))).toEqual(["linear", "relu", "linear"]);
      expect(seen).toEqual([position === 0 ? [2, 2, 2, 3] : [2, 3, 2, 3]]);
      remove();
      expect(opsOf(model.call(x))).toEqual(["linear", "linearRelu"]);
    }
  });

  test("is two ops where one of them computes something else", () => {
    class Twice extends Linear {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    class Squared extends ReLU {
      override forward(x: Tensor): Tensor {
        return super.forward(x).square();
      }
    }
    const [linear, relu, last] = make();
    expect(opsOf(new Sequential(new Twice(2, 3), relu, last).call(x))).toEqual(["linear", "relu", "mul", "linear"]);
    expect(opsOf(new Sequential(linear, new Squared(), last).call(x))).toEqual(["linear", "mul", "relu", "linear"]);
  });

  test("is named in errors as ever", () => {
    expect(() => new Sequential(make()).call(ones([2, 4]))).toThrow(/\(in 0 \(Linear\)\)/);
  });
});

describe("what goes from layer to layer", () => {
  const layers = (): Layer[] => [new Linear(4, 8), new Tanh(), new Dropout(0.5), new Identity(), new Linear(8, 2)];
  const bytes = { input: 4 * 3 * 4, output: 4 * 3 * 2 };

  /** Bytes that a call without recording leaves behind, beside the parameters. */
  function left(model: (layers: Layer[]) => Layer): number {
    const backend = countingBackend();
    return withBackend(backend, () => {
      const net = model(layers());
      const before = backend.liveBytes;
      const x = ones([3, 4]);
      const y = noGrad(() => net.call(x));
      expect(y.numel()).toBe(6); // alive
      expect(x.sum().item()).toBe(12);
      return backend.liveBytes - before - 4; // the sum
    });
  }

  test("is freed where nobody can have seen it; what goes in and comes out is not", () => {
    expect(left((all) => new Sequential(all))).toBe(bytes.input + bytes.output);
    expect(left((all) => new Sequential(all).eval())).toBe(bytes.input + bytes.output);
    const nested = (all: Layer[]): Layer => new Sequential(new Sequential(all.slice(0, 3)), ...all.slice(3));
    expect(left(nested)).toBe(bytes.input + bytes.output);
  });

  test("is left alone where a hook, a subclass or a patched layer may hold it", () => {
    const seen: Tensor[] = [];
    class Curious extends Tanh {
      override forward(x: Tensor): Tensor {
        seen.push(x);
        return super.forward(x);
      }
    }
    const spies: ((all: Layer[]) => Layer)[] = [
      ([first, , ...rest]) => new Sequential(first!, new Curious(), ...rest),
      (all) => {
        const net = new Sequential(all);
        net.at(0).registerForwardHook((_, __, y) => void seen.push(y as Tensor));
        return net;
      },
      (all) => {
        const net = new Sequential(new Sequential(all.slice(0, 2)), ...all.slice(2));
        (net.at(0) as Sequential).at(1).registerForwardPreHook((_, [x]) => void seen.push(x as Tensor));
        return net;
      },
      (all) => {
        const tanh = all[1]!;
        const { forward } = tanh;
        tanh.forward = (x) => {
          seen.push(x);
          return forward.call(tanh, x);
        };
        return new Sequential(all);
      },
    ];
    for (const spy of spies) {
      seen.length = 0;
      left(spy);
      expect(seen.map((x) => x.shape)).toEqual([[3, 8]]);
      expect(seen[0]!.toString()).not.toBe("tensor(disposed)");
    }
  });

  test("is still there for the backward pass", () => {
    const [quiet, watched] = [new Sequential(layers()).eval(), new Sequential(layers()).eval()];
    watched.loadStateDict(quiet.stateDict());
    for (const layer of watched) layer.registerForwardHook(() => undefined);
    const gradients = [quiet, watched].map((net) =>
      grad(
        net
          .call(ones([3, 4]))
          .square()
          .sum(),
        net.parameters(),
      ).map((g) => g.toArray()),
    );
    expect(gradients[0]).toEqual(gradients[1]);
  });
});

test("its subclasses may have fields of their own", () => {
  class Head extends Sequential {
    readonly extra = new Linear(1, 1, { bias: false });
    constructor() {
      super(new Flatten(), new Linear(2, 1, { bias: false }));
    }
  }
  expect(Object.keys(new Head().stateDict())).toEqual(["extra.weight", "1.weight"]);
});

test("rejects what is no layer", () => {
  expect(() => new Sequential(new ReLU(), 3 as never)).toThrow('Sequential: layer "1" is no module');
  expect(() => new Sequential({ "a.b": new ReLU() })).toThrow(
    'Sequential: "a.b" cannot be a name; use one without dots',
  );
  // @ts-expect-error: a loss takes two tensors
  const layer: Layer = new CrossEntropyLoss();
  expect(layer).toBeDefined();
});

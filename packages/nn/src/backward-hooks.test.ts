import { cpu } from "@descent/backend-cpu";
import {
  checkpoint,
  detectAnomaly,
  GradientError,
  grad,
  manualSeed,
  noGrad,
  ones,
  randn,
  setBackend,
  type Tensor,
  tensor,
} from "@descent/core";
import { Identity, Linear, Module, ReLU, Sequential } from "@descent/nn";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => {
  setBackend(cpu());
  manualSeed(1);
});

const arrays = (gradients: readonly (Tensor | null)[]): unknown => gradients.map((g) => g?.toArray() ?? null);
const leaf = (values: number[]): Tensor => tensor(values, { requiresGrad: true });

/** `[a·b, 3a]`, and something that is no tensor. */
class Two extends Module {
  forward(a: Tensor, b: Tensor, _option?: string): readonly unknown[] {
    return [a.mul(b), "text", a.mul(3)];
  }
}

describe("full backward hooks", () => {
  test("see the gradients of inputs and outputs", () => {
    const seen: unknown[] = [];
    const two = new Two();
    two.registerFullBackwardPreHook((module, outputs) => {
      seen.push(["pre", module === two, arrays(outputs)]);
    });
    two.registerFullBackwardHook((module, inputs, outputs) => {
      seen.push(["post", module === two, arrays(inputs), arrays(outputs)]);
    });
    const [a, b] = [leaf([2]), leaf([5])];
    const [product, text, triple] = two.call(a, b, "option") as [Tensor, string, Tensor];
    expect(text).toBe("text");
    product.mul(10).add(triple).sum().backward();
    expect(seen).toEqual([
      ["pre", true, [[10], null, [1]]],
      ["post", true, [[53], [20], null], [[10], null, [1]]],
    ]);
    expect(arrays([a.grad, b.grad])).toEqual([[53], [20]]);
  });

  test("give null for outputs and inputs without a gradient", () => {
    const seen: unknown[] = [];
    const two = new Two();
    two.registerFullBackwardHook((_, inputs, outputs) => {
      seen.push(arrays(inputs), arrays(outputs));
    });
    const [, , triple] = two.call(leaf([2]), tensor([5])) as [Tensor, string, Tensor];
    triple.sum().backward();
    expect(seen).toEqual([
      [[3], null],
      [null, null, [1]],
    ]);
    noGrad(() => two.call(leaf([1]), leaf([1])));
    expect(seen).toHaveLength(2);
  });

  test("run where no input has a gradient, but a parameter", () => {
    const seen: unknown[] = [];
    const layer = new Linear(2, 1);
    layer.registerFullBackwardHook((_, inputs, outputs) => {
      seen.push(arrays(inputs), arrays(outputs));
    });
    layer
      .call(tensor([[1, 2]]))
      .sum()
      .backward();
    expect(seen).toEqual([[null], [[[1]]]]);
    expect(layer.weight.grad!.toArray()).toEqual([[1, 2]]);
  });

  test("replace gradients, one after the other, until they are removed", () => {
    const identity = new Identity();
    const removers = [
      identity.registerFullBackwardPreHook((_, [g]) => [g!.mul(2)]),
      identity.registerFullBackwardHook((_, [g]) => g!.mul(3)),
      identity.registerFullBackwardHook((_, [g], [out]) => [g!.add(out!.mul(100))]),
    ];
    const gradient = (): unknown => {
      const x = leaf([1]);
      identity.call(x).sum().backward();
      return x.grad!.toArray();
    };
    const found = [gradient()];
    for (const remove of removers) {
      remove();
      found.push(gradient());
    }
    expect(found).toEqual([[206], [103], [101], [1]]);
    expect(identity.hasHooks).toBe(false);
  });

  test("can be differentiated, and see the second pass", () => {
    let calls = 0;
    const layer = new ReLU();
    layer.registerFullBackwardHook((_, [g]) => {
      calls++;
      return [g!.mul(g!)];
    });
    const x = leaf([2]);
    const w = leaf([3]);
    const g = grad(layer.call(x).mul(w).sum(), x, { createGraph: true });
    expect(g.toArray()).toEqual([9]);
    expect(grad(g.sum(), w).toArray()).toEqual([6]);
    expect(calls).toBe(1);
  });

  test("are seen by a Sequential, which fuses and frees nothing around them", () => {
    const seen: unknown[] = [];
    const net = new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1));
    const x = ones([1, 2]);
    const plain = net.call(x).toArray();
    net.at(1).registerFullBackwardHook((_, inputs) => {
      seen.push(inputs[0]!.shape);
    });
    const y = net.call(x);
    expect(y.toArray()).toEqual(plain);
    y.sum().backward();
    expect(seen).toEqual([[1, 3]]);
  });

  test("run once where a checkpoint runs the module twice", () => {
    let calls = 0;
    const layer = new Linear(2, 2);
    layer.registerFullBackwardHook(() => {
      calls++;
      return null;
    });
    checkpoint((x: Tensor) => layer.call(x).tanh(), randn([1, 2], { requiresGrad: true }))
      .sum()
      .backward();
    expect(calls).toBe(1);
  });

  test("errors", () => {
    const identity = new Identity();
    const remove = identity.registerFullBackwardHook((_, [g]) => [g!, g!]);
    const run = () =>
      identity
        .call(leaf([1]))
        .sum()
        .backward();
    expect(run).toThrow(GradientError);
    expect(run).toThrow(
      "registerFullBackwardHook: the hook returned 2 gradients in place of 1; return one for each, or nothing",
    );
    remove();
    identity.registerFullBackwardPreHook(() => []);
    expect(run).toThrow("registerFullBackwardPreHook: the hook returned 0 gradients in place of 1");

    class Odd extends Module {
      forward(x: Tensor): { y: Tensor } {
        return { y: x };
      }
    }
    const odd = new Odd();
    odd.registerFullBackwardHook(() => null);
    expect(() => odd.call(leaf([1]))).toThrow(
      "registerFullBackwardHook: forward() returned neither a tensor nor an array (in Odd); register the hook on a module that does",
    );
  });
});

test("anomaly mode names the module that was running when the op was called", () => {
  class Root extends Module {
    readonly layers = [new Identity(), new Log()];
    forward(x: Tensor): Tensor {
      return this.layers.reduce((x: Tensor, layer) => layer.call(x), x).exp();
    }
  }
  class Log extends Module {
    forward(x: Tensor): Tensor {
      return x.log();
    }
  }
  const run = (): void =>
    detectAnomaly(() =>
      new Root()
        .call(leaf([0]))
        .sum()
        .backward(),
    );
  expect(run).toThrow(
    /backward: the gradient of input 0 of "log" is (NaN|Infinity) at element 0 of \[1\]; the op was called at .*backward-hooks\.test\.ts:\d+:\d+ \(in layers\.1 \(Log\)\)$/,
  );
  try {
    run();
  } catch (error) {
    expect((error as GradientError).modulePath).toBe("layers.1 (Log)");
  }
  // However deep the layers of the library lie.
  let net = new Sequential(new Linear(1, 1));
  net.parameters()[0]!.assign(tensor([[Number.POSITIVE_INFINITY]]));
  for (let i = 0; i < 10; i++) net = new Sequential(net);
  expect(() =>
    detectAnomaly(() =>
      net
        .call(tensor([[1]], { requiresGrad: true }))
        .sum()
        .backward(),
    ),
  ).toThrow(/backward-hooks\.test\.ts:\d+:\d+ \(in 0(\.0){10} \(Linear\)\)$/);
  // Without a model there is no path.
  expect(() => detectAnomaly(() => leaf([0]).log().sum().backward())).toThrow(/backward-hooks\.test\.ts:\d+:\d+$/);
});

import { cpu } from "@descent/backend-cpu";
import {
  Buffer,
  checkpoint,
  DisposedError,
  grad,
  gradcheck,
  hessian,
  jacobian,
  manualSeed,
  noGrad,
  Parameter,
  randn,
  StateDictError,
  scope,
  setBackend,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import { BatchNorm1d, functionalCall, Linear, Module, Sequential, Tanh } from "@descent/nn";
import { countingBackend, expectClose } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => {
  setBackend(cpu());
  manualSeed(1);
});

const state = (module: Module): unknown => Object.entries(module.stateDict()).map(([name, x]) => [name, x.toArray()]);

/** An array of parameters, one that is used twice, one in a private field, and a buffer. */
class Odd extends Module {
  readonly weights = [new Parameter(tensor([1, 2])), new Parameter(tensor([3, 4]))];
  readonly first = this.weights[0]!;
  readonly offset = new Buffer(tensor([10, 10]));
  readonly #second = this.weights[1]!;

  forward(x: Tensor): Tensor {
    return x.mul(this.first).add(this.#second).add(this.offset);
  }
}

describe("functionalCall", () => {
  test("computes with other values, and changes nothing", () => {
    const [net, other] = [0, 0].map(() => new Sequential(new Linear(3, 4), new Tanh(), new Linear(4, 2)));
    const x = randn([5, 3]);
    const before = state(net!);
    const y = functionalCall(net!, other!.stateDict(), x);
    expect(y.toArray()).toEqual(other!.call(x).toArray());
    expect(state(net!)).toEqual(before);
  });

  test("takes some of the values, or several objects of them", () => {
    const layer = new Linear(2, 1);
    const x = tensor([[1, 2]]);
    const bias = tensor([100]);
    const y = functionalCall(layer, { bias }, x);
    expect(y.item()).toBeCloseTo(layer.call(x).sub(layer.bias!).item() + 100, 4);
    expect(functionalCall(layer, [{ bias }, { weight: tensor([[1, 1]]) }], x).item()).toBe(103);
    expect(functionalCall(layer, {}, x).item()).toBe(layer.call(x).item());
  });

  test("sends gradients to the values, of any order, and none to the module", () => {
    const layer = new Linear(2, 2).to("float64");
    const x = randn([3, 2], { dtype: "float64" });
    const weight = randn([2, 2], { dtype: "float64", requiresGrad: true });
    const loss = (weight: Tensor): Tensor => functionalCall(layer, { weight }, x).tanh().square().sum();
    gradcheck((weight) => loss(weight!), [weight]);
    loss(weight.mul(2)).backward();
    expect(layer.weight.grad).toBeNull();
    expect(layer.bias!.grad).not.toBeNull();
    expect(weight.grad!.shape).toEqual([2, 2]);
    expect(hessian(loss, weight).shape).toEqual([2, 2, 2, 2]);
    // The gradient of the parameters themselves is the same.
    const [direct] = grad(layer.call(x).tanh().square().sum(), [layer.weight]);
    expectClose(jacobian(loss, layer.weight), direct!);
  });

  test("finds parameters wherever the module keeps them", () => {
    const odd = new Odd();
    const x = tensor([1, 1]);
    expect(odd.call(x).toArray()).toEqual([14, 16]);
    const values = { "weights.0": tensor([5, 6]), "weights.1": tensor([7, 8]), offset: tensor([0, 0]) };
    expect(functionalCall(odd, values, x).toArray()).toEqual([12, 14]);
    expect(functionalCall(odd, { first: tensor([0, 0]) }, x).toArray()).toEqual([13, 14]);
    expect(odd.call(x).toArray()).toEqual([14, 16]);
  });

  test("changes running statistics only where they are the module's own", () => {
    const norm = new BatchNorm1d(2);
    const x = randn([8, 2]);
    const [runningMean, runningVar] = [tensor([0, 0]), tensor([1, 1])];
    functionalCall(norm, { running_mean: runningMean, running_var: runningVar }, x);
    expect([runningMean.toArray(), norm.runningMean!.toArray(), norm.runningVar!.toArray()]).toEqual([
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
    functionalCall(norm, { weight: tensor([2, 2]) }, x);
    expect(norm.runningMean!.toArray()).not.toEqual([0, 0]);
  });

  test("takes values of other shapes and dtypes", () => {
    const layer = new Linear(2, 3);
    const y = functionalCall(
      layer,
      { weight: tensor([[1, 2, 3]], { dtype: "float64" }), bias: tensor([4], { dtype: "float64" }) },
      tensor([[1, 1, 1]], { dtype: "float64" }),
    );
    expect([y.toArray(), y.dtype]).toEqual([[[10]], "float64"]);
    expect([layer.weight.shape, layer.weight.dtype]).toEqual([[3, 2], "float32"]);
  });

  test("restores the module when forward throws, and frees nothing that it should not", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const layer = new Linear(2, 2);
      const weight = tensor([
        [1, 2],
        [3, 4],
      ]);
      const [before, bytes] = [state(layer), backend.liveBytes];
      expect(() => scope(() => functionalCall(layer, { weight }, tensor([1, 2, 3])))).toThrow("in Linear");
      expect(state(layer)).toEqual(before);
      scope(() => noGrad(() => functionalCall(layer, { weight }, tensor([[1, 2]]))).dispose());
      expect(weight.toArray()).toEqual([
        [1, 2],
        [3, 4],
      ]);
      weight.dispose();
      expect(backend.liveBytes).toBe(bytes - 16);
    });
  });

  test("gives back the value where forward returns a parameter", () => {
    class Constant extends Module {
      readonly value = new Parameter(tensor([1]));
      forward(): Tensor {
        return this.value;
      }
    }
    const value = tensor([2]);
    expect(functionalCall(new Constant(), { value })).toBe(value);
  });

  test("a checkpoint inside notices that the values are gone", () => {
    class Checkpointed extends Module {
      readonly weight = new Parameter(tensor([1]));
      forward(x: Tensor): Tensor {
        return checkpoint((x: Tensor) => x.mul(this.weight).tanh(), x);
      }
    }
    const weight = tensor([2], { requiresGrad: true });
    const y = functionalCall(new Checkpointed(), { weight }, tensor([1]));
    expect(() => y.sum().backward()).toThrow(
      "the function did something else when it was run again: step 0 was mul, and is that of another tensor",
    );
  });

  test("rejects names that the module has not, and two values for one tensor", () => {
    const call = (values: Record<string, Tensor>) => () => functionalCall(new Odd(), values, tensor([1, 1]));
    const one = tensor([1, 1]);
    expect(call({ weight: one, other: one })).toThrow(StateDictError);
    expect(call({ weight: one, other: one })).toThrow(
      "functionalCall: Odd has no parameter or buffer named weight, other; its names are first, offset, weights.0, weights.1",
    );
    expect(call({ first: one, "weights.0": one })).not.toThrow();
    expect(call({ first: one, "weights.0": tensor([1, 1]) })).toThrow(
      'functionalCall: "first" and "weights.0" are one tensor, and get different values; give it one value',
    );
    const gone = tensor([1, 1]);
    gone.dispose();
    expect(call({ first: gone })).toThrow(DisposedError);
    expect(call({ first: gone })).toThrow('functionalCall: the value of "first", of shape [2], was disposed');
  });
});

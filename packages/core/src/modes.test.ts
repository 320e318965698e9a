import { cpu } from "@descent/backend-cpu";
import {
  CustomFunction,
  checkpoint,
  enableGrad,
  type FunctionContext,
  GradientError,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  linear,
  noGrad,
  Parameter,
  setBackend,
  setGradEnabled,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => setBackend(cpu()));

const leaf = (values: number[]): Tensor => tensor(values, { requiresGrad: true });

describe("setGradEnabled", () => {
  test("records or does not, for the time of the call", () => {
    expect(setGradEnabled(false, isGradEnabled)).toBe(false);
    expect(noGrad(() => setGradEnabled(true, isGradEnabled))).toBe(true);
    expect(isGradEnabled()).toBe(true);
  });
});

describe("inferenceMode", () => {
  test("records nothing, also inside of enableGrad", () => {
    const x = leaf([1]);
    expect(inferenceMode(() => x.mul(2)).requiresGrad).toBe(false);
    expect(inferenceMode(() => enableGrad(() => x.mul(2))).requiresGrad).toBe(false);
    expect([isInferenceModeEnabled(), inferenceMode(isInferenceModeEnabled)]).toEqual([false, true]);
    expect(() => inferenceMode(async () => {})).toThrow("inferenceMode: the function returned a promise");
    expect(isInferenceModeEnabled()).toBe(false);
  });

  test("marks what is made in it, and what has the same elements", () => {
    const x = tensor([1, 2]);
    const y = inferenceMode(() => x.add(1));
    expect([x, y, y.reshape([2, 1]), y.detach(), y.clone(), y.add(1)].map((t) => t.isInference())).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(inferenceMode(() => x.reshape([2, 1])).isInference()).toBe(false);
  });

  test("makes tensors that no op saves for a backward pass", () => {
    const y = inferenceMode(() => tensor([[1, 2]]));
    const w = new Parameter(tensor([[3, 4]]));
    const message = (op: string): string =>
      `${op}: a tensor that was made in inferenceMode cannot be saved for a backward pass; use a clone() of it, or noGrad() in place of inferenceMode()`;
    expect(() => y.mul(w)).toThrow(GradientError);
    expect(() => y.mul(w)).toThrow(message("mul"));
    expect(() => linear(y, w)).toThrow(message("linear"));
    expect(() => {
      y.requiresGrad = true;
    }).toThrow(message("requiresGrad"));
    class Product extends CustomFunction {
      static forward(ctx: FunctionContext, a: Tensor, b: Tensor): Tensor {
        ctx.saveForBackward(a, b);
        return a.mul(b);
      }
      static backward(): null {
        return null;
      }
    }
    expect(() => Product.apply(y, w)).toThrow(message("Product"));
    // Addition saves nothing, and what is not recorded is free.
    expect(y.add(w).requiresGrad).toBe(true);
    expect(noGrad(() => y.mul(w)).toArray()).toEqual([[3, 8]]);
    y.clone().mul(w).sum().backward();
    expect(w.grad!.toArray()).toEqual([[1, 2]]);
  });

  test("lets a backward pass run", () => {
    const x = leaf([3]);
    const y = x.mul(x).sum();
    inferenceMode(() => y.backward());
    expect(x.grad!.toArray()).toEqual([6]);
    const z = checkpoint((x) => x.mul(x).square().sum(), x);
    inferenceMode(() => z.backward());
    expect(x.grad!.toArray()).toEqual([6 + 4 * 27]);
  });
});

describe("retainGrad", () => {
  test("collects the gradient of a tensor that is no leaf, summed over passes", () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    expect([y.grad, y.retainsGrad]).toEqual([null, false]);
    y.retainGrad();
    y.retainGrad();
    expect(y.retainsGrad).toBe(true);
    const z = y.square().sum();
    z.backward(undefined, { retainGraph: true });
    expect(y.grad!.toArray()).toEqual([6, 12]);
    z.backward();
    expect(y.grad!.toArray()).toEqual([12, 24]);
    y.grad = null;
    expect(y.grad).toBeNull();
    expect(x.grad!.toArray()).toEqual([36, 72]);
  });

  test("comes after all hooks, whenever they were registered", () => {
    const y = leaf([1]).mul(3);
    y.registerHook((g) => g.mul(10));
    y.retainGrad();
    y.registerHook((g) => g.mul(10));
    y.sum().backward();
    expect(y.grad!.toArray()).toEqual([100]);
  });

  test("keeps the graph of a gradient that has one", () => {
    const x = leaf([2]);
    const y = x.mul(x);
    y.retainGrad();
    y.pow(3).sum().backward(undefined, { createGraph: true });
    expect(y.grad!.toArray()).toEqual([48]);
    expect(y.grad!.requiresGrad).toBe(true);
  });

  test("leaves leaves alone, and needs a gradient", () => {
    const x = leaf([1]);
    x.retainGrad();
    expect(x.retainsGrad).toBe(false);
    expect(() => tensor([1]).retainGrad()).toThrow(
      "retainGrad: the tensor requires no gradient; set requiresGrad = true first",
    );
  });
});

test("gradFn names the op", () => {
  const x = leaf([1]);
  expect([x.gradFn, x.mul(2).gradFn?.name, x.detach().gradFn]).toEqual([null, "mul", null]);
});

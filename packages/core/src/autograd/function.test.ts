import { cpu } from "@descent/backend-cpu";
import {
  autograd,
  CustomFunction,
  DTypeError,
  type FunctionContext,
  Function as FunctionOfPyTorch,
  GradientError,
  grad,
  gradcheck,
  gradgradcheck,
  noGrad,
  ones,
  Parameter,
  ShapeError,
  scope,
  setBackend,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => setBackend(cpu()));

const leaf = (values: number | number[]): Tensor => tensor(values, { requiresGrad: true });
const double = (values: number[]): Tensor => tensor(values, { dtype: "float64", requiresGrad: true });

class Square extends CustomFunction {
  static forward(ctx: FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }

  static backward(ctx: FunctionContext<[x: Tensor]>, g: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return g.mul(x).mul(2);
  }
}

/** exp(scale·x), through its output. */
class Exp extends CustomFunction {
  static forward(ctx: FunctionContext & { scale?: number }, x: Tensor, scale: number): Tensor {
    const y = x.mul(scale).exp();
    ctx.saveForBackward(y);
    ctx.scale = scale;
    return y;
  }

  static backward(ctx: FunctionContext & { scale: number }, g: Tensor): [Tensor, null] {
    return [g.mul(ctx.savedTensors[0]!).mul(ctx.scale), null];
  }
}

/** Sum and product of two tensors. */
class SumAndProduct extends CustomFunction {
  static needs: readonly boolean[][] = [];

  static forward(ctx: FunctionContext, a: Tensor, b: Tensor): [Tensor, Tensor] {
    ctx.saveForBackward(a, b);
    return [a.add(b), a.mul(b)];
  }

  static backward(ctx: FunctionContext<[Tensor, Tensor]>, sum: Tensor, product: Tensor): (Tensor | null)[] {
    const [a, b] = ctx.savedTensors;
    const [needsA, needsB] = ctx.needsInputGrad;
    return [needsA ? sum.add(product.mul(b)) : null, needsB ? sum.add(product.mul(a)) : null];
  }
}

test("the class has three names", () => {
  expect(FunctionOfPyTorch).toBe(CustomFunction);
  expect(autograd.Function).toBe(CustomFunction);
});

describe("a function of one's own", () => {
  test("has the value of forward and the gradient of backward", () => {
    const x = leaf([1, -2, 3]);
    const y = Square.apply(x);
    expect(y.toArray()).toEqual([1, 4, 9]);
    expect(y.gradFn?.name).toBe("Square");
    y.backward(tensor([1, 10, 100]));
    expect(x.grad!.toArray()).toEqual([2, -40, 600]);
  });

  test("passes gradcheck and gradgradcheck, through inputs, outputs and several of them", () => {
    const values = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(values, values, (a, b) => {
        const xs = [a, b].map((list) => double(list.map((v) => v / 10)));
        for (const check of [gradcheck, gradgradcheck]) {
          check((x) => Square.apply(x!), [xs[0]!]);
          check((x) => Exp.apply(x!, 0.5), [xs[0]!]);
          check((x, y) => SumAndProduct.apply(x!, y!), xs);
        }
      }),
      { numRuns: 10 },
    );
  });

  test("has third derivatives", () => {
    const x = double([0.3]);
    let y = Exp.apply(x, 2).sum();
    for (let i = 0; i < 3; i++) y = grad(y, x, { createGraph: true }).sum();
    expect(y.item()).toBeCloseTo(8 * Math.exp(0.6), 12);
  });

  test("is not recorded where no gradient is needed", () => {
    expect(Square.apply(tensor([2])).requiresGrad).toBe(false);
    expect(noGrad(() => Square.apply(leaf([2]))).requiresGrad).toBe(false);
  });

  test("computes only what needsInputGrad asks for", () => {
    const seen: unknown[] = [];
    class Watched extends SumAndProduct {
      static override backward(ctx: FunctionContext<[Tensor, Tensor]>, a: Tensor, b: Tensor): (Tensor | null)[] {
        seen.push(ctx.needsInputGrad);
        return SumAndProduct.backward(ctx, a, b);
      }
    }
    const [a, b] = [leaf([2]), leaf([3])];
    const [sum, product] = Watched.apply(a, tensor([3]));
    sum.add(product).sum().backward();
    expect(a.grad!.toArray()).toEqual([4]);
    grad(Watched.apply(a, b)[1].sum(), b);
    expect(seen).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  test("gets zeros, or null, for an output without a gradient", () => {
    const seen: (number[] | null)[] = [];
    class Two extends CustomFunction {
      static forward(ctx: FunctionContext, x: Tensor, materialize: boolean): [Tensor, Tensor] {
        ctx.setMaterializeGrads(materialize);
        return [x.mul(2), x.mul(3)];
      }

      static backward(_: FunctionContext, a: Tensor | null, b: Tensor | null): (Tensor | null)[] {
        seen.push(a && (a.toArray() as number[]), b && (b.toArray() as number[]));
        return [b!.mul(3), null];
      }
    }
    for (const materialize of [true, false])
      Two.apply(leaf([1, 1]), materialize)[1]
        .sum()
        .backward();
    expect(seen).toEqual([[0, 0], [1, 1], null, [1, 1]]);
  });

  test("marks outputs as not differentiable", () => {
    class SortedWithOrder extends CustomFunction {
      static forward(ctx: FunctionContext, x: Tensor): [Tensor, Tensor, Tensor] {
        const { values, indices } = x.sort();
        const sign = x.sign();
        ctx.markNonDifferentiable(indices, sign);
        ctx.saveForBackward(indices);
        return [values, indices, sign];
      }

      static backward(ctx: FunctionContext, g: Tensor, ...others: Tensor[]): Tensor {
        expect(others.map((other) => other.toArray())).toEqual([
          [0, 0, 0],
          [0, 0, 0],
        ]);
        return g.indexSelect(0, ctx.savedTensors[0]!.argsort());
      }
    }
    const x = leaf([3, 1, 2]);
    const [values, indices, sign] = SortedWithOrder.apply(x);
    expect([values.requiresGrad, indices.requiresGrad, sign.requiresGrad]).toEqual([true, false, false]);
    values
      .mul(tensor([1, 10, 100]))
      .sum()
      .backward();
    expect(x.grad!.toArray()).toEqual([100, 1, 10]);
  });

  test("may return its input, and return one tensor twice", () => {
    class Same extends CustomFunction {
      static forward(_: FunctionContext, x: Tensor): [Tensor, Tensor, Tensor] {
        const y = x.add(1);
        return [x, y, y];
      }

      static backward(_: FunctionContext, a: Tensor, b: Tensor, c: Tensor): Tensor {
        return a.add(b.mul(10)).add(c.mul(100));
      }
    }
    const x = leaf([1]);
    const [a, b, c] = Same.apply(x);
    expect(a).not.toBe(x);
    a.add(b.mul(2)).add(c.mul(3)).sum().backward();
    expect(x.grad!.toArray()).toEqual([321]);
    expect(x.isLeaf).toBe(true);
  });

  test("takes its context apart with setupContext", () => {
    class Cube extends CustomFunction {
      static forward(x: Tensor): Tensor {
        return x.mul(x).mul(x);
      }

      static setupContext(ctx: FunctionContext, [x]: [Tensor], _output: Tensor): void {
        ctx.saveForBackward(x);
      }

      static backward(ctx: FunctionContext, g: Tensor): Tensor {
        return g.mul(ctx.savedTensors[0]!.square()).mul(3);
      }
    }
    const x = double([2]);
    expect(Cube.apply(x).toArray()).toEqual([8]);
    gradgradcheck((x) => Cube.apply(x!), [x]);
  });

  test("may keep what it sees, and frees what it saved", () => {
    const kept: Tensor[] = [];
    class Keeper extends Square {
      static override backward(ctx: FunctionContext<[Tensor]>, g: Tensor): Tensor {
        const made = g.mul(2);
        kept.push(g, made, ...ctx.savedTensors);
        return made;
      }
    }
    const x = leaf([5]);
    Keeper.apply(x).mul(3).sum().backward();
    expect(kept.map((y) => y.toArray())).toEqual([[3], [6], [5]]);

    const backend = countingBackend();
    withBackend(backend, () => {
      const x = ones([100]);
      x.requiresGrad = true;
      const loss = scope(() => Exp.apply(x, 1).sum());
      const before = backend.liveBytes;
      expect(before).toBeGreaterThan(800);
      scope(() => loss.backward());
      loss.dispose();
      x.grad!.dispose();
      expect(backend.liveBytes).toBeLessThanOrEqual(before - 400);
    });
  });

  test("saves what a scope in forward frees", () => {
    class Scoped extends CustomFunction {
      static forward(ctx: FunctionContext, x: Tensor): Tensor {
        return scope(() => {
          const e = x.exp();
          ctx.saveForBackward(e);
          return e.mul(2);
        });
      }

      static backward(ctx: FunctionContext, g: Tensor): Tensor {
        return g.mul(ctx.savedTensors[0]!).mul(2);
      }
    }
    const x = leaf([0]);
    Scoped.apply(x).sum().backward();
    expect(x.grad!.toArray()).toEqual([2]);
  });

  test("notices a parameter that changed, and a graph that is gone", () => {
    const w = new Parameter(tensor([2]));
    const y = Square.apply(w).sum();
    w.assign(tensor([3]));
    expect(() => y.backward()).toThrow('has changed since "Square" saved it (version 0, now 1)');
    const z = Square.apply(w);
    z.backward();
    expect(() => z.backward()).toThrow('released the graph of "Square"');
  });
});

describe("errors", () => {
  const of = (result: (g: Tensor) => unknown): (() => void) => {
    class Odd extends CustomFunction {
      static forward(_: FunctionContext, x: Tensor, factor: number): Tensor {
        return x.mul(factor);
      }

      static backward(_: FunctionContext, g: Tensor): Tensor {
        return result(g) as Tensor;
      }
    }
    return () =>
      Odd.apply(leaf([1, 2]), 3)
        .sum()
        .backward();
  };

  test.each([
    [
      (g: Tensor) => g,
      GradientError,
      "Odd: backward() returned 1 gradients for 2 inputs of forward(); return one for each, null for what has none",
    ],
    [(g: Tensor) => [g, null, g], GradientError, "Odd: backward() returned 3 gradients for 2 inputs of forward()"],
    [
      (g: Tensor) => [g, g],
      GradientError,
      "Odd: backward() returned a tensor for input 1, which is no tensor; return null where there is no gradient",
    ],
    [
      () => [1, null],
      GradientError,
      "Odd: backward() returned number for input 0, which is a tensor; return null where there is no gradient",
    ],
    [
      (g: Tensor) => [g.sum(), null],
      ShapeError,
      "Odd: the gradient of input 0 has shape [], expected [2]; reshape(), expand() or sum() it",
    ],
    [
      (g: Tensor) => [g.to("float64"), null],
      DTypeError,
      'Odd: the gradient of input 0 is float64, expected float32; convert it with .to("float32")',
    ],
    [(g: Tensor) => [g.to(cpu()), null], Error, "Odd: operands live on two different instances"],
  ] as const)("%s", (result, kind, message) => {
    expect(of(result)).toThrow(kind);
    expect(of(result)).toThrow(message);
  });

  test("more gradients are no error where they are null", () => {
    expect(of((g) => [g, null, null])).not.toThrow();
  });

  test("backward has to exist once it is needed", () => {
    class Half extends CustomFunction {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x.mul(2);
      }
    }
    // @ts-expect-error The types say so too.
    const y: Tensor = Half.apply(leaf([1]));
    expect(y.toArray()).toEqual([2]);
    expect(() => y.backward()).toThrow("Half: the class has no static backward(); write one, or call it in noGrad()");
  });

  test("forward has to return tensors", () => {
    class Odd extends CustomFunction {
      static forward(): Tensor {
        return 1 as unknown as Tensor;
      }

      static backward(): null {
        return null;
      }
    }
    expect(() => Odd.apply()).toThrow("Odd: forward() returned something else than a tensor or an array of tensors");
  });
});

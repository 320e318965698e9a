import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  autograd,
  DTypeError,
  GradientError,
  grad,
  hessian,
  hvp,
  inferenceMode,
  jacobian,
  jvp,
  matmul,
  noGrad,
  ShapeError,
  setBackend,
  stack,
  type Tensor,
  tensor,
  vhp,
  vjp,
} from "@descent/core";
import "@descent/core/methods";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => setBackend(cpu()));

const double = (values: number | number[] | number[][], requiresGrad = false): Tensor =>
  tensor(values, { dtype: "float64", requiresGrad });
const shapes = (xs: unknown): unknown => (Array.isArray(xs) ? xs.map(shapes) : (xs as Tensor).shape);
const points = fc.tuple(
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
);

/** Three numbers of three. */
const f = (x: Tensor): Tensor => stack([x.square().sum(), x.sin().sum().exp(), x.tanh().mul(x).sum()]);
/** The Jacobian of `f` at `x` by central differences. */
function differences(fn: (x: Tensor) => Tensor, at: number[]): number[] {
  const h = 1e-5;
  const columns = at.map((_, j) => {
    const moved = (by: number): number[] => [...fn(double(at.map((v, k) => (k === j ? v + by : v)))).dataSync()];
    const [up, down] = [moved(h), moved(-h)];
    return up.map((v, i) => (v - down[i]!) / (2 * h));
  });
  return columns[0]!.flatMap((_, i) => columns.map((column) => column[i]!));
}

test("the namespace has PyTorch's names", () => {
  expect(autograd.functional).toMatchObject({ jacobian, hessian, vjp, jvp, hvp, vhp });
  expect(autograd.jacobian).toBe(jacobian);
});

describe("jacobian", () => {
  test("equals differences", () => {
    fc.assert(
      fc.property(points, ([x]) => {
        const J = jacobian(f, double(x));
        expectClose(J, { shape: [3, 3], data: differences(f, x) }, { atol: 1e-8 });
      }),
      { numRuns: 30 },
    );
  });

  test("has the structure of outputs and inputs", () => {
    const [a, b] = [double([1, 2]), double([[1, 2, 3]])];
    expect(shapes(jacobian((a) => a.mul(2), a))).toEqual([2, 2]);
    expect(shapes(jacobian((a) => [a.mul(2), a.sum()], a))).toEqual([[2, 2], [2]]);
    expect(shapes(jacobian((a, b) => a.sum().mul(b), [a, b]))).toEqual([
      [1, 3, 2],
      [1, 3, 1, 3],
    ]);
    expect(shapes(jacobian((a, b) => [a.sum().mul(b), b.sum()], [a, b]))).toEqual([
      [
        [1, 3, 2],
        [1, 3, 1, 3],
      ],
      [[2], [1, 3]],
    ]);
    expect(shapes(jacobian((a) => [a.sum()], [a]))).toEqual([[[2]]]);
    expect(shapes(jacobian((a) => a, double([])))).toEqual([0, 0]);
  });

  test("is zero where nothing depends, and an error when strict", () => {
    const fn = (a: Tensor, b: Tensor): Tensor[] => [a.mul(2), b.detach()];
    const inputs = [double([1]), double([1])];
    expect(jacobian(fn, inputs).map((row) => row.map((J) => J.toArray()))).toEqual([
      [[[2]], [[0]]],
      [[[0]], [[0]]],
    ]);
    expect(() => jacobian(fn, inputs, { strict: true })).toThrow(
      "jacobian: output 0 does not depend on input 1; leave strict out to get zeros",
    );
  });

  test("leaves inputs, their gradients and the mode alone", () => {
    const x = double([1, 2], true);
    const J = noGrad(() => jacobian((x) => x.exp(), x));
    expect([x.grad, J.requiresGrad]).toEqual([null, false]);
    expect(J.toArray()).toEqual([
      [Math.E, 0],
      [0, Math.exp(2)],
    ]);
    const y = double([1]);
    jacobian((y) => y.exp(), y);
    expect(y.requiresGrad).toBe(false);
    expect(inferenceMode(() => jacobian((x) => x.square(), x)).toArray()).toEqual([
      [2, 0],
      [0, 4],
    ]);
  });

  test("can be differentiated", () => {
    const x = double([1, 2], true);
    const w = double([3, 4], true);
    const J = jacobian((x) => x.square().mul(w), x, { createGraph: true });
    const [dx, dw] = grad(J.sum(), [x, w]);
    expect(dx!.toArray()).toEqual([6, 8]);
    expect(dw!.toArray()).toEqual([2, 4]);
    // What the function reads of `x` beside its argument is no argument.
    const partly = jacobian((y) => y.mul(x), x, { createGraph: true });
    expect(partly.toArray()).toEqual([
      [1, 0],
      [0, 2],
    ]);
    expect(grad(partly.sum(), x).toArray()).toEqual([1, 1]);
  });
});

describe("hessian", () => {
  test("equals differences of the gradient", () => {
    fc.assert(
      fc.property(points, ([x]) => {
        const g = (x: Tensor): Tensor => f(x).square().sum();
        const gradient = (x: Tensor): Tensor => jacobian(g, x);
        expectClose(hessian(g, double(x)), { shape: [3, 3], data: differences(gradient, x) }, { atol: 1e-6 });
      }),
      { numRuns: 20 },
    );
  });

  test("has blocks for several inputs, zero where the function is linear", () => {
    const H = hessian((a, b) => a.sum().mul(b.sum()), [double([1, 2]), double([3])]);
    expect(H.map((row) => row.map((block) => block.toArray()))).toEqual([
      [
        [
          [0, 0],
          [0, 0],
        ],
        [[1], [1]],
      ],
      [[[1, 1]], [[0]]],
    ]);
    expect(hessian((x) => x.sum(), double([1])).toArray()).toEqual([[0]]);
  });

  test("of a cube has a gradient", () => {
    const x = double([2], true);
    const H = hessian((x) => x.pow(3).sum(), x, { createGraph: true });
    expect(grad(H.sum(), x).toArray()).toEqual([6]);
  });
});

describe("products", () => {
  test("are those with the Jacobian", () => {
    fc.assert(
      fc.property(points, ([at, along]) => {
        const [x, v] = [double(at), double(along)];
        const J = jacobian(f, x);
        const [y1, left] = vjp(f, x, v);
        const [y2, right] = jvp(f, x, v);
        for (const y of [y1, y2]) expectClose(y, f(x));
        expectClose(left, matmul(v.reshape([1, 3]), J).reshape([3]), { atol: 1e-12 });
        expectClose(right, matmul(J, v.reshape([3, 1])).reshape([3]), { atol: 1e-12 });
      }),
      { numRuns: 30 },
    );
  });

  test("are those with the Hessian", () => {
    fc.assert(
      fc.property(points, ([at, along]) => {
        const [x, v] = [double(at), double(along)];
        const g = (x: Tensor): Tensor => f(x).square().sum();
        const Hv = matmul(hessian(g, x), v.reshape([3, 1])).reshape([3]);
        for (const product of [hvp, vhp]) {
          const [y, result] = product(g, x, v);
          expectClose(y, g(x));
          expectClose(result, Hv, { atol: 1e-9 });
        }
      }),
      { numRuns: 20 },
    );
  });

  test("take and give lists", () => {
    const [a, b] = [double([1, 2]), double([3])];
    const fn = (a: Tensor, b: Tensor): Tensor[] => [a.mul(b), b.square()];
    const [ys, gradients] = vjp(fn, [a, b], [double([1, 1]), double([1])]);
    expect([...ys, ...gradients].map((t) => t.toArray())).toEqual([[3, 6], [9], [3, 3], [9]]);
    const [, changes] = jvp(fn, [a, b], [double([1, 0]), double([1])]);
    expect(changes.map((t) => t.toArray())).toEqual([[4, 2], [6]]);
    const [, products] = hvp((a, b) => a.sum().mul(b.square().sum()), [a, b], [double([1, 0]), double([1])]);
    expect(products.map((t) => t.toArray())).toEqual([[6, 6], [12]]);
  });

  test("need no vector for one element, and may be recorded", () => {
    const x = double(3, true);
    expect(vjp((x) => x.square(), x)[1].item()).toBe(6);
    expect(jvp((x) => x.square(), x)[1].item()).toBe(6);
    for (const product of [hvp, vhp]) {
      const [y, h] = product((x) => x.pow(4), x, undefined, { createGraph: true });
      expect([y.item(), h.item()]).toEqual([81, 108]);
      expect(grad(y.add(h), x).item()).toBe(108 + 72);
    }
    const [y, g] = vjp((x) => x.square(), x);
    expect([y.requiresGrad, g.requiresGrad, x.grad]).toEqual([false, false, null]);
    expect(jvp((x) => x.mul(2), double(1))[1].item()).toBe(2);
    expect(jvp(() => double(1), double(1))[1].item()).toBe(0);
  });
});

describe("errors", () => {
  const x = (): Tensor => double([1, 2]);
  test.each([
    [() => hessian((x) => x, x()), ShapeError, "hessian: the function must return one tensor with one element"],
    [() => vhp((x) => x, x(), x()), ShapeError, "vhp: the function must return one tensor with one element"],
    [
      () => jacobian(() => 1 as unknown as Tensor, x()),
      ArgumentError,
      "jacobian: the function must return a tensor or a list of tensors",
    ],
    [
      () => jacobian((async (x: Tensor) => x) as never, x()),
      ArgumentError,
      "jacobian: the function must return a tensor or a list of tensors",
    ],
    [() => vjp((x) => x, x()), GradientError, "vjp: v may be left out for one tensor with one element alone; pass it"],
    [() => vjp((x) => [x, x], x(), x()), ArgumentError, "vjp: v has 1 tensors, not 2"],
    [() => jvp((x) => x, x(), double([1])), ShapeError, "jvp: v[0] has shape [1], expected [2]"],
    [() => jvp((x) => x, x(), tensor([1, 2])), DTypeError, "jvp: v[0] is float32, expected float64"],
  ] as const)("%s", (call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});

import { cpu } from "@descent/backend-cpu";
import {
  add,
  type Backend,
  composite,
  exp,
  grad,
  mul,
  type Op,
  sum,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { describe, expect, test } from "vitest";

// A composite can run in four ways: with or without gradient functions, fused or decomposed. Nobody may be able to tell.

type Two = [a: Tensor, b: Tensor];

/** `a · b + eᵃ`, differentiated through its decomposition. */
const transparent: Op<Two> = composite<Two>({
  name: "testTransparent",
  shape: ([a]) => a,
  decompose: ([a, b]) => add(mul(a, b), exp(a)),
});

/** The same with gradient functions. */
const opaque: Op<Two> = composite<Two>({
  name: "testOpaque",
  shape: ([a]) => a,
  decompose: ([a, b]) => add(mul(a, b), exp(a)),
  saves: ["inputs"],
  vjp: [(g, { inputs: [a, b] }) => mul(g, add(b, exp(a))), (g, { inputs: [a] }) => mul(g, a)],
});

/** The same with one function for both gradients, and what each call of it was asked for. */
const asked: boolean[][] = [];
const joint: Op<Two> = composite<Two>({
  name: "testJoint",
  shape: ([a]) => a,
  decompose: ([a, b]) => add(mul(a, b), exp(a)),
  saves: ["inputs"],
  vjp: (g, { inputs: [a, b], needs }) => {
    asked.push([...needs]);
    return [needs[0] ? mul(g, add(b, exp(a))) : null, needs[1] ? mul(g, a) : null];
  },
});

/** `a · b`, not differentiable in `b`. */
const halfway: Op<Two> = composite<Two>({
  name: "testHalfway",
  shape: ([a]) => a,
  decompose: ([a, b]) => mul(a, b),
  saves: ["input1"],
  vjp: [(g, { inputs: [, b] }) => mul(g, b), null],
});

/** Two outputs, `a + b` and `a · b`, of which the second may go unused. */
const both = composite<Two>({
  name: "testBoth",
  outputs: ([a], [dtype]) => [
    { shape: a, dtype },
    { shape: a, dtype },
  ],
  decompose: ([a, b]) => [add(a, b), mul(a, b)],
});

/** The reference backend with kernels for the composites, which may decline every call, and a count of their calls. */
function fusedBackend({ declines = false } = {}): { backend: Backend; calls: () => number } {
  let calls = 0;
  const inner = cpu();
  type Operands = readonly { readonly handle: Float64Array }[];
  const kernel =
    (...outputs: ((a: number, b: number) => number)[]) =>
    ([a, b]: Operands): Float64Array[] | null => {
      calls++;
      if (declines) return null;
      return outputs.map((f) => a!.handle.map((value, i) => f(value, b!.handle[i]!)));
    };
  const fused = {
    testTransparent: kernel((a, b) => a * b + Math.exp(a)),
    testOpaque: kernel((a, b) => a * b + Math.exp(a)),
    testJoint: kernel((a, b) => a * b + Math.exp(a)),
    testHalfway: kernel((a, b) => a * b),
    testBoth: kernel(
      (a, b) => a + b,
      (a, b) => a * b,
    ),
  };
  return {
    backend: { ...inner, fused: fused as unknown as NonNullable<Backend["fused"]> } as Backend,
    calls: () => calls,
  };
}

const round = (x: Tensor): number[] => [...x.dataSync()].map((v) => Math.round(v * 1e4) / 1e4);
const leaf = (values: number[]): Tensor => tensor(values, { dtype: "float64", requiresGrad: true });

/** Value, gradients and second derivatives of `f` on the current backend. */
function derivatives(f: Op<Two>): number[][] {
  const [a, b] = [leaf([0.5, 1]), leaf([2, -1])];
  const y = f([a, b]);
  const [ga, gb] = grad(sum(mul(y, y)), [a, b], { createGraph: true }) as [Tensor, Tensor];
  const [gaa, gab] = grad(sum(add(mul(ga, ga), gb)), [a, b]) as [Tensor, Tensor];
  return [y, ga, gb, gaa, gab].map(round);
}

describe("a fused composite", () => {
  test("has the same value, gradient and second derivative as its decomposition, with one gradient function, one per input, or none", () => {
    const expected = withBackend(cpu(), () => derivatives(opaque));
    for (const f of [transparent, opaque, joint]) {
      const { backend, calls } = fusedBackend();
      expect(withBackend(cpu(), () => derivatives(f))).toEqual(expected);
      expect(withBackend(backend, () => derivatives(f))).toEqual(expected);
      expect(calls()).toBe(1);
    }
  });

  test("is decomposed where the kernel declines, as if there were none", () => {
    for (const f of [transparent, opaque, joint]) {
      const { backend, calls } = fusedBackend({ declines: true });
      expect(withBackend(backend, () => derivatives(f))).toEqual(withBackend(cpu(), () => derivatives(f)));
      expect(calls()).toBe(1);
    }
  });

  test("asks one gradient function once per pass, and only for what is needed", () => {
    withBackend(cpu(), () => {
      const [a, b] = [leaf([2]), leaf([3])];
      asked.length = 0;
      joint([a, b]).sum().backward();
      joint([a, b.detach()]).sum().backward();
      grad(joint([a.mul(1), b]).sum(), b);
      expect(asked).toEqual([
        [true, true],
        [true, false],
        [false, true],
      ]);
    });
  });

  test("ignores what a gradient function returns for an input that needs nothing", () => {
    const eager = composite<Two>({
      name: "testEager",
      shape: ([a]) => a,
      decompose: ([a, b]) => mul(a, b),
      saves: ["inputs"],
      vjp: (g, { inputs: [a, b] }) => [mul(g, b), mul(g, a)],
    });
    withBackend(cpu(), () => {
      const [a, b] = [leaf([2]), leaf([3])];
      eager([a, b.detach()]).sum().backward();
      expect([a.grad!.toArray(), b.grad]).toEqual([[3], null]);
    });
  });

  test("counts an argument that is passed twice twice, not four times", () => {
    const { backend } = fusedBackend();
    for (const home of [cpu(), backend])
      withBackend(home, () => {
        const x = leaf([3]);
        const y = transparent([x, x]);
        const g = grad(y, x, { gradOutputs: tensor([1], { dtype: "float64" }), createGraph: true });
        expect(round(g)).toEqual([Math.round((6 + Math.exp(3)) * 1e4) / 1e4]);
        expect(round(grad(sum(g), x))).toEqual([Math.round((2 + Math.exp(3)) * 1e4) / 1e4]);
      });
  });

  test("does not differentiate into what its arguments were made of", () => {
    const { backend } = fusedBackend();
    withBackend(backend, () => {
      const x = leaf([3]);
      const h = x.mul(2);
      transparent([h, x]).sum().backward();
      // y = 2x² + e²ˣ
      expect(round(x.grad!)).toEqual([Math.round((12 + 2 * Math.exp(6)) * 100) / 100].map((v) => expect.closeTo(v, 1)));
    });
  });

  test("is not differentiable in an input on any backend, or on all", () => {
    for (const home of [cpu(), fusedBackend().backend])
      withBackend(home, () => {
        const [a, b] = [leaf([2]), leaf([3])];
        halfway([a, b]).sum().backward();
        expect([a.grad!.toArray(), b.grad]).toEqual([[3], null]);
        expect(halfway([leaf([1]).detach(), b]).requiresGrad).toBe(false);
      });
  });

  test("with several outputs takes gradients from those that were used", () => {
    for (const home of [cpu(), fusedBackend().backend])
      withBackend(home, () => {
        const [a, b] = [leaf([2]), leaf([5])];
        const [, product] = both([a, b]);
        product!.sum().backward();
        expect([a.grad!.toArray(), b.grad!.toArray()]).toEqual([[5], [2]]);
        const [total, again] = both([a, b]);
        total!.mul(again!).sum().backward();
        expect([a.grad!.toArray(), b.grad!.toArray()]).toEqual([[5 + 10 + 7 * 5], [2 + 10 + 7 * 2]]);
      });
  });

  test("must decompose at once, with gradient functions or without", () => {
    const late = async ([a]: Two): Promise<Tensor> => exp(a);
    const body = { name: "testLate", shape: ([a]: [readonly number[], unknown]) => a, decompose: late as never };
    for (const op of [composite<Two>(body as never), composite<Two>({ ...body, vjp: [null, null] } as never)])
      withBackend(cpu(), () => {
        expect(() => op([leaf([1]), leaf([2])])).toThrow("the function returned a promise");
      });
  });

  test("is one call on the tape if it has gradient functions, fused or not", () => {
    for (const home of [cpu(), fusedBackend().backend])
      withBackend(home, () => {
        const y = opaque([leaf([1]), leaf([2])]);
        expect(y.edge!.node.op?.name).toBe("testOpaque");
      });
  });
});

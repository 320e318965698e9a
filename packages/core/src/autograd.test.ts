import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  BackendError,
  cat,
  enableGrad,
  GradientError,
  getBackend,
  grad,
  gradcheck,
  gradgradcheck,
  isGradEnabled,
  noGrad,
  ones,
  Parameter,
  scope,
  setBackend,
  split,
  stack,
  type Tensor,
  tensor,
  withBackend,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => setBackend(cpu()));

const leaf = (values: number | number[] | number[][]): Tensor => tensor(values, { requiresGrad: true });
const values = (x: Tensor | null): unknown => x?.toArray() ?? null;

describe("backward", () => {
  test("adds to the grad of leaves, once per call", () => {
    const x = leaf([1, 2, 3]);
    x.mul(x).sum().backward();
    expect(values(x.grad)).toEqual([2, 4, 6]);
    x.sum().backward();
    expect(values(x.grad)).toEqual([3, 5, 7]);
  });

  test("takes the gradient of a result that is not a scalar", () => {
    const x = leaf([1, 2]);
    x.mul(3).backward(tensor([1, 10]));
    expect(values(x.grad)).toEqual([3, 30]);
  });

  test("collects for the leaves that it is told, and nowhere else", () => {
    const [a, b, c] = [leaf(2), leaf(3), leaf(4)];
    const y = a.mul(b).mul(c);
    y.backward(undefined, { inputs: b, retainGraph: true });
    expect([a, b, c].map(({ grad }) => values(grad))).toEqual([null, 8, null]);
    y.backward(undefined, { inputs: [a, leaf(1)] });
    expect([a, b, c].map(({ grad }) => values(grad))).toEqual([12, 8, null]);
    expect(() =>
      leaf(1)
        .mul(a)
        .backward(undefined, { inputs: [a, a.mul(2)] }),
    ).toThrow("backward: input 1 of shape [] is no leaf that requires a gradient; use grad() for other tensors");
  });

  test("starts at a leaf itself", () => {
    const x = leaf(2);
    x.backward();
    expect(values(x.grad)).toBe(1);
  });

  test("delivers zeros where a gradient is zero everywhere", () => {
    const x = leaf([0.4, 1.6]);
    x.round().sum().backward();
    expect(values(x.grad)).toEqual([0, 0]);
  });

  test("walks a chain of 100,000 calls without recursion", () => {
    const x = leaf(1);
    let y = x;
    for (let i = 0; i < 100_000; i++) y = y.add(1);
    y.backward();
    expect(values(x.grad)).toBe(1);
  });

  test("reaches every branch of a graph that joins again", () => {
    const x = leaf(3);
    const a = x.mul(2);
    const b = a.mul(a).add(a);
    b.add(x).backward();
    expect(values(x.grad)).toBe(4 * 2 * 3 + 2 + 1);
  });

  test("gives a leaf that needs no gradient none", () => {
    const x = leaf(1);
    const c = tensor(2);
    x.mul(c).backward();
    expect(c.grad).toBeNull();
  });

  test("collects the parts of a split in one gradient", () => {
    const x = leaf([1, 2, 3, 4, 5]);
    const [, middle] = split(x, [2, 2, 1]);
    middle!
      .mul(tensor([10, 20]))
      .sum()
      .backward();
    expect(values(x.grad)).toEqual([0, 0, 10, 20, 0]);
  });

  test("sends each joined tensor its own part", () => {
    const [a, b] = [leaf([1, 2]), leaf([3])];
    cat([a, b, a])
      .mul(tensor([1, 2, 3, 4, 5]))
      .sum()
      .backward();
    expect([values(a.grad), values(b.grad)]).toEqual([[5, 7], [3]]);
    expect(stack([a, a], 1).shape).toEqual([2, 2]);
  });
});

describe("what a backward pass refuses, changing nothing", () => {
  const refuses = (fn: () => unknown, message: string): void => {
    expect(fn).toThrow(GradientError);
    expect(fn).toThrow(message);
  };

  test("a result with many elements and no gradient", () => {
    refuses(
      () => leaf([1, 2]).mul(2).backward(),
      "backward: the result has shape [2], and only a scalar has a gradient of its own; reduce it with sum() or mean(), or pass the gradient of the result",
    );
  });

  test("a gradient of another shape, dtype or backend", () => {
    const x = leaf([1, 2]);
    expect(() => x.mul(2).backward(tensor([1]))).toThrow("backward: the gradient has shape [1], expected [2]");
    expect(() => x.mul(2).backward(tensor([1, 1], { dtype: "float64" }))).toThrow(
      'backward: the gradient is float64, expected float32; convert it with .to("float32")',
    );
    expect(() => x.mul(2).backward(ones([2], { backend: cpu() }))).toThrow(BackendError);
    expect(x.grad).toBeNull();
  });

  test("a tensor that needs no gradient", () => {
    refuses(() => tensor(1).backward(), "backward: the tensor of shape [] does not require a gradient");
    refuses(() => grad(leaf(1).mul(2), tensor(1)), "grad: input 0 of shape [] does not require a gradient");
  });

  test("a graph that an earlier pass released", () => {
    const x = leaf(2);
    const y = x.mul(x);
    y.backward();
    refuses(
      () => y.backward(),
      'backward: an earlier backward pass released the graph of "mul"; pass retainGraph: true to the first one',
    );
    expect(values(x.grad)).toBe(4);
  });

  test("a released part behind one that is not", () => {
    const x = leaf(2);
    const shared = x.mul(x);
    shared.mul(1).backward();
    const late = shared.mul(5);
    refuses(() => late.backward(), "released the graph of");
    expect(values(x.grad)).toBe(4);
  });

  test("a parameter that changed after it was saved", () => {
    const p = new Parameter(tensor([1, 2]));
    const y = p.mul(p).sum();
    p.assign(tensor([5, 6]));
    refuses(() => y.backward(), 'a parameter of shape [2] has changed since "mul" saved it (version 0, now 1)');
    expect(p.grad).toBeNull();
  });

  test("a change does not matter where the value was not saved", () => {
    const p = new Parameter(tensor([1, 2]));
    const y = p.add(1).sum();
    p.assign(tensor([5, 6]));
    y.backward();
    expect(values(p.grad)).toEqual([1, 1]);
  });

  test("an input that the result does not depend on", () => {
    const [x, z] = [leaf(1), leaf([1, 2])];
    const y = x.mul(2);
    refuses(() => grad(y, [x, z]), "grad: the result does not depend on input 1 of shape [2]; pass allowUnused: true");
    expect(grad(y, [x, z], { allowUnused: true }).map(values)).toEqual([2, null]);
  });

  test("a requiresGrad on what is no leaf, or no float", () => {
    const y = leaf(1).mul(2);
    refuses(() => {
      y.requiresGrad = false;
    }, "requiresGrad: only leaves can be switched");
    refuses(() => tensor([1], { dtype: "int32", requiresGrad: true }), "requiresGrad: a int32 tensor has no gradient");
  });

  test("a grad of the wrong shape", () => {
    const x = leaf([1, 2]);
    expect(() => {
      x.grad = tensor([1]);
    }).toThrow("grad: the gradient has shape [1], expected [2]");
  });
});

describe("grad", () => {
  test("returns gradients of leaves and of what lies between, without touching grad", () => {
    const x = leaf([1, 2]);
    const h = x.mul(x);
    const y = h.mul(3).sum();
    const [gh, gx] = grad(y, [h, x], { retainGraph: true });
    expect([values(gh!), values(gx!)]).toEqual([
      [3, 3],
      [6, 12],
    ]);
    expect(x.grad).toBeNull();
    expect(values(grad(y, h))).toEqual([3, 3]);
  });

  test("asks nothing of the graph before its inputs", () => {
    const x = leaf(2);
    const h = x.mul(x);
    const y = h.mul(h);
    h.backward();
    expect(values(grad(y, h, { retainGraph: true }))).toBe(8);
    expect(() => grad(y, x)).toThrow('grad: an earlier backward pass released the graph of "mul"');
  });

  test("sums over several results", () => {
    const x = leaf(3);
    expect(values(grad([x.mul(2), x.mul(x)], x))).toBe(8);
  });

  test("walks only what lies between results and inputs", () => {
    const x = leaf(2);
    const h = x.mul(x);
    const y = h.mul(h);
    grad(y, h);
    h.backward();
    expect(values(x.grad)).toBe(4);
  });

  test("differentiates itself with createGraph, to any order", () => {
    const x = leaf(2);
    let y = x.pow(5);
    const orders = [5 * 16, 20 * 8, 60 * 4, 120 * 2, 120];
    for (const expected of orders) {
      y = grad(y, x, { createGraph: true });
      expect(y.item()).toBeCloseTo(expected, 3);
    }
  });

  test("backward with createGraph leaves a gradient that can be differentiated", () => {
    const x = leaf(3);
    x.pow(3).backward(undefined, { createGraph: true });
    const g = x.grad!;
    x.grad = null;
    g.backward();
    expect(values(x.grad)).toBe(18);
  });
});

describe("retainGraph", () => {
  test("lets a pass be repeated with the same result", () => {
    const x = leaf([1, 2]);
    const y = x.mul(x).sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(values(x.grad)).toEqual([4, 8]);
  });
});

describe("noGrad, enableGrad, withBackend, scope", () => {
  test("switch recording for the length of a call, also when it throws", () => {
    const x = leaf(1);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(noGrad(() => enableGrad(() => x.mul(2))).requiresGrad).toBe(true);
    expect(() =>
      noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(isGradEnabled()).toBe(true);
  });

  test("reject functions that return a promise, and undo their effect", () => {
    const before = getBackend();
    const promised = async (): Promise<void> => {};
    for (const [name, run] of [
      ["noGrad", () => noGrad(promised)],
      ["enableGrad", () => enableGrad(promised)],
      ["scope", () => scope(promised)],
      ["withBackend", () => withBackend(cpu(), promised)],
    ] as const)
      expect(run).toThrow(`${name}: the function returned a promise`);
    expect([isGradEnabled(), getBackend()]).toEqual([true, before]);
  });
});

describe("detach and assign", () => {
  test("what was detached before an assignment keeps its value", () => {
    const p = new Parameter(tensor([1, 2]));
    const snapshot = p.detach();
    p.assign(tensor([3, 4]));
    expect([values(snapshot), values(p)]).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(snapshot.requiresGrad).toBe(false);
  });

  test("an assignment is checked first", () => {
    const p = new Parameter(tensor([1, 2]));
    expect(() => p.assign(tensor([1]))).toThrow("assign: the value has shape [1], expected [2]");
    expect(() => p.assign(tensor([1, 2], { dtype: "float64" }))).toThrow(
      "assign: the value is float64, expected float32",
    );
    expect(values(p)).toEqual([1, 2]);
  });
});

describe("hooks", () => {
  test("see the whole gradient once, and may replace it", () => {
    const x = leaf([1, 2]);
    const h = x.mul(2);
    const seen: unknown[] = [];
    h.registerHook((g) => {
      seen.push(values(g));
      return g.mul(10);
    });
    const remove = x.registerHook((g) => {
      seen.push(values(g));
    });
    h.add(h).sum().backward();
    expect(seen).toEqual([
      [2, 2],
      [40, 40],
    ]);
    expect(values(x.grad)).toEqual([40, 40]);
    remove();
    x.sum().backward();
    expect(seen).toHaveLength(2);
  });

  test("may keep the gradient", () => {
    const x = leaf([1, 2]);
    const kept: Tensor[] = [];
    const h = x.mul(3);
    h.registerHook((g) => {
      kept.push(g);
    });
    h.mul(h).sum().backward();
    expect(kept.map(values)).toEqual([[6, 12]]);
  });

  test("of a leaf run as soon as its last consumer has been walked", () => {
    const [early, late] = [leaf(1), leaf(2)];
    const log: string[] = [];
    const y = late.mul(3).mul(early);
    late.registerHook(() => {
      log.push(`late, early has ${values(early.grad)}`);
    });
    early.registerHook(() => {
      log.push("early");
    });
    y.backward();
    expect(log).toEqual(["early", "late, early has 6"]);
  });
});

describe("a pass", () => {
  /** `4x⁴ + x²` with `h = x²` on two ways, and the tensor on one of them. */
  const graph = (x: Tensor): { y: Tensor; way: Tensor } => {
    const h = x.mul(x);
    const way = h.mul(2);
    return { y: way.mul(way).add(h).sum(), way };
  };

  test("may begin in a hook of another over the same graph", () => {
    const x = leaf([1, 2]);
    const { y, way } = graph(x);
    const inner: unknown[] = [];
    let depth = 0;
    way.registerHook(() => {
      if (depth++ < 2) inner.push(values(grad(y, x, { retainGraph: true })));
    });
    y.backward(undefined, { retainGraph: true });
    const expected = [16 + 2, 16 * 8 + 4];
    expect(inner).toEqual([expected, expected]);
    expect(values(x.grad)).toEqual(expected);
  });

  test("that a hook breaks off leaves nothing behind", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const x = leaf([1, 2]);
      const { y, way } = graph(x);
      const before = backend.liveBytes;
      const remove = way.registerHook(() => {
        throw new Error("enough");
      });
      expect(() => y.backward(undefined, { retainGraph: true })).toThrow("enough");
      // The gradient in the hook's hands is left to the collector, as what user code can see.
      expect(backend.liveBytes).toBeLessThanOrEqual(before + 8);
      remove();
      y.backward();
      expect(values(x.grad)).toEqual([18, 132]);
    });
  });

  test("frees the gradients of roots that lead nowhere", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const [a, b] = [leaf([1]), leaf([2])];
      const [y, z] = [a.mul(2), b.mul(2)];
      const before = backend.liveBytes;
      const g = grad([y, z], a, { gradOutputs: [undefined, undefined] });
      expect(values(g)).toEqual([2]);
      g.dispose();
      expect(backend.liveBytes).toBe(before);
    });
  });
});

describe("operands of different devices", () => {
  test("are refused, two instances of one backend too", () => {
    const [a, b] = [tensor(1), tensor(1, { backend: cpu() })];
    expect(() => a.add(b)).toThrow(
      'add: operands live on two different instances of backend "cpu"; move one with .to(backend)',
    );
    const counting: Backend = countingBackend();
    expect(() => a.add(tensor(1, { backend: counting }))).toThrow('add: operands live on "cpu" and "counting"');
  });

  test("can be brought together with to(), through which gradients flow back", () => {
    const other = cpu();
    const x = leaf([1, 2]);
    x.to(other)
      .mul(tensor([3, 4], { backend: other }))
      .sum()
      .backward();
    expect(values(x.grad)).toEqual([3, 4]);
    expect(x.grad!.backend).toBe(getBackend());
  });
});

describe("gradcheck", () => {
  test("finds a wrong gradient and names the element", () => {
    const x = tensor([0.5, 0.25], { dtype: "float64", requiresGrad: true });
    // The gradient of detach() is missing on purpose.
    expect(() => gradcheck((y) => y.mul(y.detach()), [x])).toThrow(
      /gradcheck: element 0 of input 0 \[2\] has gradient .* but differences give/,
    );
    expect(() => gradcheck((y) => y.mul(y.detach()), [x])).toThrow('look at the gradient of "mul"');
    expect(() => gradcheck((y) => y.exp().detach(), [x])).toThrow("look at the gradient of the function");
    expect(() => gradgradcheck((y) => y.square().mul(grad(y.square().sum(), y).mul(0).add(1)), [x])).not.toThrow();
    expect(() => gradgradcheck((y) => y.mul(y.square()).add(y.detach().square().mul(y)), [x])).toThrow(
      /gradgradcheck: element 0 of input 0 \[2\] has gradient .* but differences give/,
    );
    expect(gradcheck((y) => y.mul(y), [x])).toBe(true);
  });

  test("wants float64", () => {
    expect(() => gradcheck((y) => y, [leaf(1)])).toThrow(
      'gradcheck: input 0 is float32, too coarse for differences; use dtype: "float64"',
    );
    expect(() => gradcheck((y) => y, [tensor(1)])).toThrow("gradcheck: no input requires a gradient");
  });
});

describe("memory of the tape", () => {
  test("a chain of ops that save nothing does not grow with its length", () => {
    const peak = (length: number): number => {
      const backend = countingBackend();
      return withBackend(backend, () => {
        const x = zeros([1000], { requiresGrad: true });
        let y = x.add(1);
        for (let i = 0; i < length; i++) {
          const next = y.add(1);
          y.dispose();
          y = next;
        }
        y.sum().backward();
        return backend.peakBytes;
      });
    };
    expect(peak(500)).toBe(peak(5));
  });

  test("a backward pass frees what the ops saved and everything it made, but the gradients", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const x = ones([100], { requiresGrad: true });
      scope(() => x.exp().mul(x).tanh().sum().backward());
      expect(backend.liveBytes).toBe(2 * 400);
      scope(() => x.exp().mul(x).tanh().sum().backward());
      expect(backend.liveBytes).toBe(2 * 400);
      x.grad = null;
    });
  });

  test("retainGraph keeps what was saved, and the next pass frees it", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const x = ones([100], { requiresGrad: true });
      const y = scope(() => x.exp().sum());
      const before = backend.liveBytes;
      y.backward(undefined, { retainGraph: true });
      expect(backend.liveBytes).toBe(before + 400);
      y.backward();
      y.dispose();
      expect(backend.liveBytes).toBe(800);
    });
  });

  test("an error on the way frees what was made", () => {
    const backend = countingBackend();
    withBackend(backend, () => {
      const x = ones([2, 3], { requiresGrad: true });
      const before = backend.liveBytes;
      expect(() => scope(() => x.exp().matmul(x))).toThrow("matmul");
      expect(backend.liveBytes).toBeLessThanOrEqual(before + 24);
    });
  });
});

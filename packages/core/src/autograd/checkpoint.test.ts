import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  bernoulli,
  checkpoint,
  checkpointSequential,
  GradientError,
  getRngState,
  grad,
  gradgradcheck,
  manualSeed,
  matmul,
  noGrad,
  Parameter,
  randn,
  scope,
  setBackend,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend, pagedBackend } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";

beforeEach(() => setBackend(cpu()));

const leaf = (shape: number[], seed: number): Tensor => {
  manualSeed(seed);
  return randn(shape, { dtype: "float64", requiresGrad: true });
};
const dropped = (x: Tensor): Tensor => x.mul(bernoulli(0.5, x.shape, { dtype: "float64" })).mul(2);

type Wrap = <Y>(fn: (...xs: Tensor[]) => Y, ...xs: Tensor[]) => Y;
const plain: Wrap = (fn, ...xs) => fn(...xs);
const wrapped: Wrap = (fn, ...xs) => checkpoint(fn, ...xs);

/** Programs, given how to call their parts. */
const PROGRAMS: Readonly<Record<string, (part: Wrap, x: Tensor, w: Tensor) => Tensor>> = {
  "a parameter of the closure": (part, x, w) => part((x) => matmul(x!.tanh(), w).exp(), x),
  "several inputs and outputs": (part, x, w) => {
    const [a, b] = part((x, w) => [matmul(x!, w!).tanh(), w!.exp().mul(x!)] as const, x, w);
    return a.mul(b);
  },
  "an object of outputs": (part, x, w) => {
    const { a, b } = part((x) => ({ a: x!.tanh().exp(), b: x!.sigmoid().exp() }), x);
    return a.mul(b).mul(w);
  },
  "random numbers": (part, x, w) => part((x) => dropped(dropped(x!.tanh()).mul(w)), dropped(x)),
  "parts in a row": (part, x, w) => {
    let y = x;
    for (let i = 0; i < 4; i++) y = part((y) => matmul(y!, w).tanh().mul(y!), y);
    return y;
  },
  "parts within parts": (part, x, w) =>
    part((x) => {
      const a = dropped(x!.tanh());
      const b = part((a) => part((a) => dropped(a!.exp().sigmoid()).mul(w), a!.tanh()).tanh(), a);
      return b.exp().mul(part((b) => b!.tanh().sigmoid(), b));
    }, x),
  "a part that reads what its outer part made": (part, x, w) =>
    part((x) => {
      const hidden = matmul(x!, w).tanh();
      return part((y) => y!.exp().mul(hidden).sigmoid(), x!.sigmoid()).mul(hidden);
    }, x),
  "an input that is an output": (part, x, w) => {
    const [a, b] = part((x) => [x!, x!.tanh()] as const, x.mul(w));
    return a.mul(b);
  },
};

describe.each(Object.entries(PROGRAMS))("%s", (_, program) => {
  const of = (part: Wrap, differentiate: (y: Tensor, xs: Tensor[]) => Tensor[], n = 3): unknown => {
    const xs = [leaf([n, n], 1), leaf([n, n], 2)];
    manualSeed(3);
    const y = program(part, xs[0]!, xs[1]!);
    const state = getRngState();
    const gradients = differentiate(y.sum(), xs);
    expect(getRngState()).toEqual(state);
    return [y, ...gradients].map((t) => t.toArray());
  };

  test("has the same value and gradients", () => {
    const first = (y: Tensor, xs: Tensor[]): Tensor[] => grad(y, xs);
    expect(of(wrapped, first)).toEqual(of(plain, first));
    const added = (y: Tensor, xs: Tensor[]): Tensor[] => {
      y.backward();
      return xs.map((x) => x.grad!);
    };
    expect(of(wrapped, added)).toEqual(of(plain, added));
  });

  test("has the same second and third derivatives", () => {
    const third = (y: Tensor, xs: Tensor[]): Tensor[] => {
      let gradients = [y];
      for (let i = 0; i < 3; i++)
        gradients = grad(
          gradients.map((g) => g.square().sum()),
          xs,
          { createGraph: true },
        );
      return gradients;
    };
    expect(of(wrapped, third)).toEqual(of(plain, third));
  });

  test("can be walked twice", () => {
    const twice = (y: Tensor, xs: Tensor[]): Tensor[] => [...grad(y, xs, { retainGraph: true }), ...grad(y, xs)];
    expect(of(wrapped, twice)).toEqual(of(plain, twice));
  });

  test("computes the same where memory holds three tensors", () => {
    const paged = (part: Wrap): unknown =>
      withBackend(pagedBackend({ budget: 2 ** 14 }), () => of(part, (y, xs) => grad(y, xs), 24));
    expect(paged(wrapped)).toEqual(paged(plain));
  });
});

test("passes gradgradcheck", () => {
  const w = leaf([2, 2], 5);
  gradgradcheck((x, w) => checkpoint((x) => matmul(x, w!).tanh().exp(), x!), [leaf([2, 2], 4), w]);
});

describe("memory", () => {
  const peak = (part: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor): number => {
    const backend = countingBackend();
    return withBackend(backend, () => {
      const x = randn([1000], { requiresGrad: true });
      backend.resetPeak();
      const block = (x: Tensor): Tensor => {
        let y = x;
        for (let i = 0; i < 10; i++) y = y.tanh();
        return y;
      };
      scope(() => {
        let y = x;
        for (let i = 0; i < 10; i++) y = part((y) => scope(() => block(y)), y);
        y.sum().backward();
      });
      x.grad!.dispose();
      x.dispose();
      expect(backend.liveBytes).toBe(0);
      return backend.peakBytes / 4000;
    });
  };

  test("is that of the inputs of the parts, and of one part at a time", () => {
    expect(peak((fn, x) => fn(x))).toBeGreaterThan(100);
    expect(peak((fn, x) => checkpoint(fn, x))).toBeLessThan(30);
  });
});

test("a pass through one output releases its part alone", () => {
  const of = (part: Wrap): unknown => {
    const x = leaf([2], 1);
    const [a, b] = part((x) => {
      const y = x!.tanh();
      const z = y.add(1);
      return [z.sum(), z.exp().mul(y)] as const;
    }, x);
    return [grad(a!, x).toArray(), b!.toArray()];
  };
  expect(of(wrapped)).toEqual(of(plain));
});

test("nothing is recorded, and run again, without recording", () => {
  let runs = 0;
  const fn = (x: Tensor): Tensor => {
    runs++;
    return x.tanh();
  };
  const x = leaf([2], 1);
  expect(noGrad(() => checkpoint(fn, x)).requiresGrad).toBe(false);
  expect(checkpoint(fn, x.detach()).requiresGrad).toBe(false);
  expect(runs).toBe(2);
  checkpoint(fn, x).sum().backward();
  expect(runs).toBe(4);
});

test("hooks and retained gradients inside belong to the first run", () => {
  const seen: unknown[] = [];
  const x = leaf([2], 1);
  let inner: Tensor | undefined;
  checkpoint((x) => {
    const y = x.mul(3);
    inner ??= y;
    y.registerHook((g) => {
      seen.push(g.toArray());
    });
    y.retainGrad();
    return y.mul(y.exp().exp());
  }, x)
    .sum()
    .backward();
  expect(seen).toHaveLength(1);
  expect(inner!.grad!.toArray()).toEqual(seen[0]);
});

describe("errors", () => {
  test("a function that does something else", () => {
    const alternating = (first: (x: Tensor) => Tensor, second: (x: Tensor) => Tensor): Tensor => {
      let runs = 0;
      return checkpoint((x) => (runs++ === 0 ? first : second)(x), leaf([2], 1)).sum();
    };
    const of = (first: (x: Tensor) => Tensor, second: (x: Tensor) => Tensor) => () =>
      alternating(first, second).backward();
    const message = (then: string, now: string, step = 0): string =>
      `checkpoint: the function did something else when it was run again: step ${step} was ${then}, and is ${now}; let it depend on its inputs, parameters and the default generator alone`;
    expect(
      of(
        (x) => x.tanh(),
        (x) => x.exp(),
      ),
    ).toThrow(message("tanh", "exp"));
    expect(
      of(
        (x) => x.tanh(),
        (x) => x,
      ),
    ).toThrow(message("tanh", "nothing"));
    expect(
      of(
        (x) => x.tanh(),
        (x) => x.tanh().exp(),
      ),
    ).toThrow(message("nothing", "exp", 1));
    expect(
      of(
        (x) => x.tanh(),
        (x) => checkpoint((x) => x.tanh(), x),
      ),
    ).toThrow(message("tanh", "checkpoint"));
    expect(
      of(
        (x) => checkpoint((x) => x.tanh(), x).exp(),
        (x) => x.tanh().exp(),
      ),
    ).toThrow(message("checkpoint", "tanh"));
    expect(
      of(
        (x) => x.tanh(),
        (x) => x.sum().tanh(),
      ),
    ).toThrow(message("tanh", "sum"));
    // Another tensor is read.
    expect(
      of(
        (x) => x.tanh().mul(x.exp()),
        (x) => x.tanh().mul(x.detach().exp()),
      ),
    ).toThrow(GradientError);
  });

  test("a parameter that changed in between", () => {
    const w = new Parameter(tensor([1, 2]));
    const y = checkpoint((x) => x.add(w).tanh(), tensor([0, 0])).sum();
    w.assign(tensor([3, 4]));
    expect(() => y.backward()).toThrow(
      'backward: a parameter of shape [2] has changed since "checkpoint" saved it (version 0, now 1); run backward() before optimizer.step()',
    );
  });

  test("a gradient inside of the function, the first time or later", () => {
    const gradient = (x: Tensor): Tensor => grad(x.tanh().sum(), x, { createGraph: true });
    const message = "checkpoint: the function takes a gradient of what it computes itself; take it outside";
    expect(() => checkpoint(gradient, leaf([2], 1))).toThrow(message);
    let runs = 0;
    const y = checkpoint((x) => (runs++ === 0 ? x.tanh().sum() : gradient(x)), leaf([2], 1));
    expect(() => y.backward()).toThrow(message);
  });

  test("a promise", () => {
    expect(() => checkpoint(async (x: Tensor) => x.tanh(), leaf([2], 1))).toThrow("returned a promise");
  });
});

describe("checkpointSequential", () => {
  const steps = [
    (x: Tensor) => x.tanh(),
    (x: Tensor) => x.exp(),
    { call: (x: Tensor) => x.sigmoid() },
    (x: Tensor) => x.sin(),
    (x: Tensor) => x.cos(),
  ];

  test("is the steps one after the other", () => {
    const x = leaf([3], 1);
    const expected = grad(x.tanh().exp().sigmoid().sin().cos().sum(), x).toArray();
    for (let segments = 1; segments <= 5; segments++) {
      const y = checkpointSequential(steps, segments, x);
      expect(grad(y.sum(), x).toArray()).toEqual(expected);
    }
  });

  test.each([0, 6, 1.5])("rejects %s segments", (segments) => {
    const call = () => checkpointSequential(steps, segments, leaf([1], 1));
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(`checkpointSequential: 5 steps cannot be divided into ${segments} segments`);
  });
});

import { add, noGrad, ones, Parameter, scope, stack, type Tensor, tensor, Workspace, withBackend } from "@descent/core";
import "@descent/core/methods";
import { type CountingBackend, countingBackend } from "@descent/testing";
import { expect, test } from "vitest";

/** Runs `fn` on a backend with books of its own. */
const counted = (fn: (backend: CountingBackend) => void): void => {
  const backend = countingBackend();
  withBackend(backend, () => fn(backend));
};

test("a scope frees what was made in it, but not what it returns", () => {
  counted((backend) => {
    const y = scope(() => {
      const x = ones([100]);
      return { first: [x.add(1).mul(2)] };
    });
    expect(backend.liveBytes).toBe(400);
    expect(y.first[0]!.slice("0:1").toArray()).toEqual([4]);
    const { z } = scope(() => ({ z: ones([100]), absent: undefined }));
    expect(z.slice("0:1").toArray()).toEqual([1]);
  });
});

test("what an inner scope returns belongs to the outer one", () => {
  counted((backend) => {
    scope(() => {
      const x = scope(() => ones([10]));
      expect(x.numel()).toBe(10);
    });
    expect(backend.liveBytes).toBe(0);
  });
});

test("parameters, their gradients and assigned values outlive the scope", () => {
  counted((backend) => {
    let p: Parameter | null = null;
    scope(() => {
      p = new Parameter(ones([10]));
      p.mul(p).sum().backward();
      p.assign(noGrad(() => p!.mul(3)));
    });
    expect([p!.toArray(), p!.grad!.toArray()]).toEqual([new Array(10).fill(3), new Array(10).fill(2)]);
    expect(backend.liveBytes).toBe(80);
  });
});

test("what an op made on the way goes with its result", () => {
  counted((backend) => {
    const x = ones([2, 3, 4]);
    const y = ones([4, 2]);
    for (const make of [
      () => x.matmul(y),
      () => x.matmul(ones([3, 4]), false, true),
      () => stack([x, x]),
      () => x.std(),
      () => x.any(),
    ])
      scope(() => void make());
    x.dispose();
    y.dispose();
    expect(backend.liveBytes).toBe(0);
    const [a, b] = [ones([2]), ones([2])];
    const joined = stack([a, b]);
    a.dispose();
    b.dispose();
    expect(backend.liveBytes).toBe(16);
    joined.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});

test("a parameter that moves leaves nothing behind and owns what it has", () => {
  counted((backend) => {
    const p = scope(() => new Parameter(ones([10])));
    scope(() => p.mul(p).sum().backward());
    p.relocate("float64");
    expect(backend.liveBytes).toBe(160);
    expect([p.dtype, p.storage!.exclusive, p.grad!.dtype, p.grad!.toArray()]).toEqual([
      "float64",
      true,
      "float64",
      new Array(10).fill(2),
    ]);
  });
});

test("a scope frees everything when its function throws", () => {
  counted((backend) => {
    expect(() =>
      scope(() => {
        ones([10]);
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(backend.liveBytes).toBe(0);
  });
});

test("views share their elements, which go with the last of them", () => {
  counted((backend) => {
    const x = ones([6]);
    const y = x.reshape([2, 3]);
    x.dispose();
    expect(y.toArray()).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    y[Symbol.dispose]();
    y.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});

test("a disposed tensor is refused by name", () => {
  counted(() => {
    const x = tensor([1, 2]);
    x.dispose();
    expect(() => x.add(1)).toThrow(
      "add: an operand of shape [2] was disposed; use it before dispose(), or return it from its scope()",
    );
    expect(() => x.toArray()).toThrow("tensor: the tensor of shape [2] was disposed");
    expect(() => new Parameter(x)).toThrow("Parameter: the tensor of shape [2] was disposed");
  });
});

test("what is not a tensor is refused by kind", () => {
  counted(() => {
    const array = [1] as unknown as Tensor;
    expect(() => add(tensor(1), array)).toThrow(
      "add: expected a tensor and a tensor or number, got a tensor and an array; make one with tensor(…)",
    );
    expect(() => add(1, 2)).toThrow("add: expected a tensor and a tensor or number, got number and number");
  });
});

test("a gradient that nobody looked at is freed when it is replaced; one that was is left alone", () => {
  counted((backend) => {
    const x = ones([10], { requiresGrad: true });
    x.sum().backward();
    const before = backend.liveBytes;
    x.grad = null;
    expect(backend.liveBytes).toBe(before - 40);
    scope(() => x.sum().backward());
    const seen = x.grad!;
    x.grad = null;
    expect(seen.toArray()).toEqual(new Array(10).fill(1));
  });
});

test("a workspace frees what was made in its parts, when it is told to, but for survivors", () => {
  counted((backend) => {
    const workspace = new Workspace();
    const [x, y] = workspace.run(() => [ones([10]), ones([20])] as const);
    const z = workspace.run(() => x.add(1));
    expect(backend.liveBytes).toBe(160);
    workspace.dispose([z]);
    expect(backend.liveBytes).toBe(40);
    expect(() => y.dataSync()).toThrow("was disposed");
    workspace.run(() => z.mul(2));
    workspace.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});

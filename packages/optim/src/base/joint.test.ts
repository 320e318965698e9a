import { cpu } from "@descent/backend-cpu";
import {
  getRngState,
  manualSeed,
  Parameter,
  rand,
  scope,
  setBackend,
  type Tensor,
  tensor,
  zerosLike,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";
import {
  type Evaluation,
  forgetAllBut,
  gradientsAt,
  type JointRule,
  lossAt,
  nonNegative,
  numbers,
  Optimizer,
} from "../index.ts";

beforeEach(() => setBackend(cpu()));

interface Hyper {
  readonly lr: number;
}
interface Own {
  readonly last: Tensor;
}
interface Common {
  readonly total: number;
  readonly vectors: readonly Tensor[];
}
type Toy = JointRule<Hyper, Own, Common>;

/** Moves along gradients that are divided by their norm, and remembers them. */
const toy: Toy = {
  name: "Toy",
  defaults: { lr: 0.5 },
  checks: { lr: nonNegative },
  init: (p) => ({ last: zerosLike(p) }),
  begin: () => ({ total: 0, vectors: [] }),
  *step(members, { total, vectors }) {
    const [gg] = (yield* numbers(members.map(({ g }) => g.square().sum()).reduce((a, b) => a.add(b)))) as [number];
    const norm = Math.sqrt(gg);
    return {
      values: members.map(({ p, g, hyper }) => p.sub(g.mul(hyper.lr / norm))),
      states: members.map(({ g }) => ({ last: g })),
      shared: { total: total + norm, vectors: [...vectors, members[0]!.g].slice(-2) },
    };
  },
};

/** Asks for losses at half, and at twice, the values, and for the gradients in the middle. */
const asking = (closure: "backward" | "loss", seen: unknown[] = []): Toy => ({
  ...toy,
  closure,
  *step(members, shared) {
    const x = members.map(({ p }) => p);
    seen.push(members.map(({ t }) => t));
    const { loss, gradients } = yield* gradientsAt(x);
    seen.push(loss, gradients.map(array));
    seen.push(yield* lossAt(x.map((p) => p.mul(0.5))));
    seen.push(yield* lossAt(x.map((p) => p.mul(2))));
    return { values: members.map(({ p, hyper }, i) => p.sub(gradients[i]!.mul(hyper.lr))), shared };
  },
});

const array = (x: Tensor): number[] => (x.backend.synchronous ? Array.from(x.dataSync()) : []);
const made = (...values: number[]): Parameter => new Parameter(tensor(values));
const square = (...ps: Parameter[]): Tensor => ps.map((p) => p.square().sum()).reduce((a, b) => a.add(b));

function backwards(ps: Parameter[], optimizer: { zeroGrad(): void }): () => Tensor {
  return () => {
    optimizer.zeroGrad();
    const loss = square(...ps);
    loss.backward();
    return loss;
  };
}

describe("a rule that sees all parameters", () => {
  test("is given those that have a gradient, unless it asks for evaluations", () => {
    const [p, q] = [made(1, 2), made(3)];
    const optimizer = new Optimizer(toy, [p, q]);
    p.grad = tensor([3, 4]);
    optimizer.step();
    expect([array(p), array(q)]).toEqual([[0.699999988079071, 1.600000023841858], [3]]);
    expect(Object.keys(optimizer.stateDict().state)).toEqual(["0"]);

    const seen: unknown[] = [];
    new Optimizer(asking("loss", seen), [p, made(3)]).step(() => p.sum());
    expect(seen[2]).toEqual([[1, 1], [0]]);
  });

  test("without any that has a gradient nothing happens, and a closure is called all the same", () => {
    const optimizer = new Optimizer(toy, [made(1)]);
    expect(optimizer.step(() => tensor(7)).item()).toBe(7);
    expect(optimizer.stateDict()).toMatchObject({ state: {} });
    expect(optimizer.stateDict().shared).toBeUndefined();
  });

  test("options are those of the group of each parameter", () => {
    const [p, q] = [made(0), made(0)];
    const optimizer = new Optimizer(toy, [{ params: p, lr: 1 }, { params: q }]);
    [p.grad, q.grad] = [tensor([-3]), tensor([-4])];
    optimizer.step();
    expect([...array(p), ...array(q)].map((x) => x.toFixed(6))).toEqual(["0.600000", "0.400000"]);
  });

  test.each(["backward", "loss"] as const)("gets answers, and the caller the first loss: %s", (kind) => {
    const seen: unknown[] = [];
    const ps = [made(1, 2), made(3)];
    const optimizer = new Optimizer(asking(kind, seen), ps);
    const closure = kind === "backward" ? backwards(ps, optimizer) : () => square(...ps);
    expect(optimizer.step(closure).item()).toBe(14);
    expect(seen).toEqual([[1, 1], 14, [[2, 4], [6]], 3.5, 56]);
    expect(ps.map(array)).toEqual([[0, 0], [0]]);
  });

  test("counts steps, and keeps what parameters share", () => {
    const p = made(10, 0);
    const optimizer = new Optimizer(toy, [p]);
    for (let step = 1; step <= 4; step++) {
      p.grad = tensor([step, 0]);
      optimizer.step();
    }
    const { state, shared } = optimizer.stateDict();
    expect(state[0]!.step).toBe(4);
    expect(shared!.total).toBe(10);
    expect(shared!.vectors.map(array)).toEqual([
      [3, 0],
      [4, 0],
    ]);
    const copy = new Optimizer(toy, [made(0, 0)]);
    copy.loadStateDict(optimizer.stateDict());
    expect(copy.stateDict().shared!.vectors.map(array)).toEqual(shared!.vectors.map(array));
    expect(copy.stateDict().state[0]!.step).toBe(4);
  });

  test("needs a closure where it asks for evaluations", () => {
    expect(() => new Optimizer(asking("loss"), [made(1)]).step()).toThrow(
      "Toy.step: undefined is no closure; pass a function that returns the loss, and does not call backward()",
    );
    expect(() => new Optimizer(asking("backward"), [made(1)]).step()).toThrow(
      "Toy.step: undefined is no closure; pass a function that computes the loss, calls backward() and returns the loss",
    );
    expect(() => new Optimizer(asking("loss"), [made(1)]).step((() => 3) as never)).toThrow(
      "Toy.step: the closure returned 3; return the loss, a tensor with one element",
    );
    expect(() => new Optimizer(asking("loss"), [made(1)]).step(() => tensor([1, 2]))).toThrow(
      "Toy.step: the closure returned a tensor of shape [2]; return the loss, a tensor with one element",
    );
  });

  test("a closure that calls backward() where it must not is an error", () => {
    const ps = [made(1)];
    const optimizer = new Optimizer(asking("loss"), ps);
    expect(() => optimizer.step(backwards(ps, optimizer))).toThrow(
      "Toy.step: the closure called backward(); return the loss only: the step needs its gradients once",
    );
    expect(ps.map(array)).toEqual([[1]]);
  });

  test.each([1, 2, 3])("an error in evaluation %i leaves values and state as they were", (at) => {
    const ps = [made(1, 2), made(3)];
    const optimizer = new Optimizer(asking("loss"), ps);
    optimizer.step(() => square(...ps));
    ps[0]!.assign(tensor([1, 2]));
    const before = JSON.stringify([ps.map(array), optimizer.stateDict().state[0]!.step]);
    let calls = 0;
    const failing = (): Tensor => {
      if (++calls === at) throw new RangeError("no loss");
      return square(...ps);
    };
    expect(() => optimizer.step(failing)).toThrow("no loss");
    expect(JSON.stringify([ps.map(array), optimizer.stateDict().state[0]!.step])).toBe(before);
    optimizer.step(() => square(...ps));
  });

  test("a value that does not fit its parameter changes none of them", () => {
    const ps = [made(1), made(2)];
    const wrong: Toy = {
      ...toy,
      // biome-ignore lint/correctness/useYield: nothing is read.
      *step(members, shared) {
        return { values: [members[0]!.p.mul(5), tensor([1, 2, 3])], shared: { ...shared, total: 1 } };
      },
    };
    const optimizer = new Optimizer(wrong, ps);
    for (const p of ps) p.grad = tensor([1]);
    expect(() => optimizer.step()).toThrow("assign");
    expect(ps.map(array)).toEqual([[1], [2]]);
    expect(optimizer.stateDict()).toMatchObject({ state: {} });
    expect(optimizer.stateDict().shared).toBeUndefined();
  });

  test("a saved state has to fit", () => {
    const optimizer = new Optimizer({ ...toy, fits: ({ vectors }) => (vectors.length > 1 ? "has too much" : null) }, [
      made(1),
    ]);
    const dict = { ...optimizer.stateDict(), shared: { total: 0, vectors: [tensor([1])] } };
    optimizer.loadStateDict(dict);
    for (const [shared, message] of [
      [{ total: 0, vectors: [tensor(1), tensor(2)] }, "shared has too much"],
      [{ total: 0, vectors: 3 }, "shared.vectors is 3, expected [] or its like"],
      [{ total: 0 }, "shared.vectors is undefined"],
      [{ total: 0, vectors: [], more: 1 }, "shared.more is unknown (known: total, vectors)"],
    ] as const)
      expect(() => optimizer.loadStateDict({ ...dict, shared: shared as never })).toThrow(message);
    expect(optimizer.stateDict().shared!.vectors).toHaveLength(1);
  });
});

describe("evaluations of a loss", () => {
  test("see the same random numbers, and draw them once", () => {
    const p = made(1);
    const seen: number[] = [];
    const closure = (): Tensor => {
      const noise = rand([1]);
      seen.push(noise.item());
      return p.mul(noise).sum();
    };
    const optimizer = new Optimizer(asking("loss"), [p]);
    manualSeed(3);
    closure();
    const after = getRngState();
    manualSeed(3);
    optimizer.step(closure);
    expect(seen).toEqual(Array(4).fill(seen[0]));
    expect(getRngState()).toEqual(after);
    optimizer.step(closure);
    expect(seen[4]).not.toBe(seen[0]);
  });

  test("do not draw anew what others draw while the device computes", async () => {
    setBackend(later());
    const p = made(1);
    let drawn = 0;
    const closure = (): Tensor => {
      void Promise.resolve().then(() => {
        rand([1]);
        drawn++;
      });
      return p.mul(rand([1])).sum();
    };
    manualSeed(3);
    await new Optimizer(asking("loss"), [p]).stepAsync(closure);
    expect(getRngState().counter).toBe(drawn + 1);
  });
});

/** A backend that nobody can wait for. */
const later = () => ({
  ...cpu(),
  name: "later",
  synchronous: false,
  download: () => {
    throw new Error("download of a backend that computes asynchronously");
  },
});

describe("on a backend that computes asynchronously", () => {
  test("step() throws and changes nothing; stepAsync() moves", async () => {
    setBackend(later());
    const ps = [made(1, 2), made(3)];
    const loss = () => square(...ps);
    const quiet: Toy = {
      ...toy,
      closure: "loss",
      *step(members, shared) {
        const { gradients }: Evaluation = yield* gradientsAt(members.map(({ p }) => p));
        const [first] = (yield* numbers(gradients[0]!.sum())) as [number];
        return { values: gradients.map((g) => g.mul(first)), shared };
      },
    };
    const optimizer = new Optimizer(quiet, ps);
    expect(() => optimizer.step(loss)).toThrow(
      'Toy.step: the algorithm reads values, and backend "later" computes asynchronously; await optimizer.stepAsync()',
    );
    expect(await Promise.all(ps.map(async (p) => [...(await p.data())]))).toEqual([[1, 2], [3]]);
    const moving = optimizer.stepAsync(loss);
    expect(() => optimizer.step(loss)).toThrow("Toy.step: the last step is not over; await stepAsync()");
    expect([...(await (await moving).data())]).toEqual([14]);
    expect(await Promise.all(ps.map(async (p) => [...(await p.data())]))).toEqual([[12, 24], [36]]);
  });

  test("an error on the device, too, leaves values as they were", async () => {
    const backend = later();
    setBackend(backend);
    const p = made(1);
    const { read } = backend;
    let reads = 0;
    backend.read = (x) => (++reads === 2 ? Promise.reject(new Error("device lost")) : read(x));
    const optimizer = new Optimizer(asking("backward"), [p]);
    await expect(optimizer.stepAsync(backwards([p], optimizer))).rejects.toThrow("device lost");
    expect([...(await p.data())]).toEqual([1]);
    expect(optimizer.stateDict().state).toEqual({});
  });
});

describe("memory", () => {
  test("after a step, and after one that fails, nothing is alive but parameters, gradients and state", () => {
    const backend = countingBackend();
    setBackend(backend);
    const ps = [made(1, 2), made(3)];
    const optimizer = new Optimizer(toy, ps);
    const train = (step = () => optimizer.step()): void =>
      scope(() => {
        backwards(ps, optimizer)();
        try {
          step();
        } finally {
          optimizer.zeroGrad();
        }
      });
    const sizes = [1, 2, 3, 4, 5].map(() => {
      train();
      return backend.liveBytes;
    });
    expect(sizes.slice(1)).toEqual(Array(4).fill(sizes[1]));
    const failing = (): void => {
      const { binary } = backend;
      let left = 3;
      backend.binary = (...args) => {
        if (left-- === 0) throw new RangeError("out of memory");
        return binary(...args);
      };
      optimizer.step();
    };
    expect(() => train(failing)).toThrow("out of memory");
    expect(backend.liveBytes).toBe(sizes[1]);
  });

  test("what is forgotten is freed at once; survivors, and what the step began with, are not", () => {
    const backend = countingBackend();
    setBackend(backend);
    const p = made(1, 2, 3, 4);
    const peaks: number[] = [];
    const around = (times: number): Toy => ({
      ...toy,
      *step([member], shared) {
        let x = member!.p;
        for (let i = 0; i < times; i++) {
          x = x.add(1).mul(member!.g);
          yield* forgetAllBut([x]);
        }
        return { values: [x], shared };
      },
    });
    for (const times of [3, 20]) {
      p.grad = tensor([1, 1, 1, 1]);
      const before = backend.liveBytes;
      backend.resetPeak();
      new Optimizer(around(times), [p]).step();
      peaks.push(backend.peakBytes - before);
    }
    expect(peaks[1]).toBe(peaks[0]);
    expect(array(p)).toEqual([24, 25, 26, 27]);
  });
});

import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import {
  bernoulli,
  getRngState,
  manualSeed,
  ones,
  Parameter,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  armijo,
  goldstein,
  type LineSearch,
  type Settled,
  SLS,
  type SLSHyper,
  SlsAcc,
  type SlsAccHyper,
} from "../index.ts";

beforeEach(() => setBackend(cpu()));

const DOUBLE = { dtype: "float64" } as const;
const values = (x: Tensor): number[] => Array.from(x.dataSync());

interface Array32 {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Case {
  readonly optimizer: string;
  readonly options: Partial<SLSHyper>;
  readonly X: Array32;
  readonly y: Array32;
  readonly batches: readonly (readonly number[])[];
  readonly x0: Array32;
  readonly trajectory: readonly {
    readonly x: Array32;
    readonly stepSize: number;
    readonly loss: number;
    readonly forwards: number;
  }[];
}
const golden = new URL("../../../testing/golden/optimizers-beyond-torch.json", import.meta.url);
const cases = (JSON.parse(readFileSync(golden, "utf8")) as { cases: Case[] }).cases.filter(
  ({ optimizer }) => optimizer === "SLS",
);
const toTensor = ({ shape, data }: Array32): Tensor => tensor([...data]).reshape([...shape]);

describe("SLS follows the authors' code", () => {
  test.each(cases.map((c) => ({ ...c, title: JSON.stringify(c.options) })))("$title", (c) => {
    const [X, y] = [toTensor(c.X), toTensor(c.y)];
    const p = new Parameter(toTensor(c.x0));
    const optimizer = new SLS([p], c.options);
    for (const [step, { x, stepSize, loss, forwards }] of c.trajectory.entries()) {
      const rows = tensor([...c.batches[step]!], { dtype: "int32" });
      const [Xb, yb] = [X.indexSelect(0, rows), y.indexSelect(0, rows)];
      const first = optimizer.step(() => Xb.matmul(p).sub(yb).square().mean()).item();
      expect(Math.abs(first - loss)).toBeLessThan(1e-5 * Math.max(1e-2, loss));
      expect(Math.abs(optimizer.stepSize - stepSize)).toBeLessThan(1e-12 * stepSize);
      expect(optimizer.nForwards).toBe(forwards);
      expect(optimizer.nBackwards).toBe(step + 1);
      for (const [i, value] of values(p).entries()) expect(Math.abs(value - x.data[i]!)).toBeLessThan(1e-5);
    }
  });
});

describe("line searches", () => {
  /** Searches along a loss, and notes what was tried. */
  function search(steps: LineSearch, loss: (eta: number) => number): Settled & { tried: number[] } {
    const tried: number[] = [];
    let next = steps.next();
    while (!next.done) {
      tried.push(next.value);
      next = steps.next(loss(next.value));
    }
    return { ...next.value, tried };
  }
  const wavy = fc.record({
    curvature: fc.constantFrom(0.1, 1, 50),
    height: fc.constantFrom(0, 0.1, 1),
    frequency: fc.constantFrom(1, 5, 20),
    eta: fc.constantFrom(1e-2, 1, 20),
    c: fc.constantFrom(0.01, 0.1, 0.5),
    betaB: fc.constantFrom(0.5, 0.9),
  });
  /** Falls at 0 with slope `−gg`. */
  const lossOf =
    ({ curvature, height: a, frequency: w }: { curvature: number; height: number; frequency: number }, gg: number) =>
    (eta: number) =>
      -gg * eta + (curvature * eta ** 2) / 2 + a * (1 - Math.cos(w * eta));

  test("Armijo's ends with the first of the shorter and shorter steps that is good enough", () => {
    fc.assert(
      fc.property(wavy, fc.constantFrom(0.25, 1, 9), ({ eta, c, betaB, ...shape }, gg) => {
        const loss = lossOf(shape, gg);
        const { length, stepSize, tried } = search(armijo(0, gg, eta, { c, betaB }), loss);
        const isLow = (t: number): boolean => loss(t) <= -c * t * gg;
        expect(tried[0]).toBe(eta);
        for (const [i, t] of tried.entries()) if (i > 0) expect(t).toBe(tried[i - 1]! * betaB);
        const isFound = tried.length < 100;
        expect(tried.map(isLow)).toEqual([...Array(tried.length - 1).fill(false), isFound]);
        if (isFound) expect([length, stepSize]).toEqual([tried.at(-1), tried.at(-1)]);
        else expect(length).toBe(1e-6);
      }),
    );
  });

  test("Goldstein's decreases the loss neither too little nor too much, unless it reports after 100 trials", () => {
    fc.assert(
      fc.property(wavy, fc.constantFrom(0.25, 1, 9), ({ eta, c, betaB, ...shape }, gg) => {
        const loss = lossOf(shape, gg);
        const { length, tried } = search(goldstein(0, gg, eta, { c, betaB, betaF: 2, etaMax: 10 }), loss);
        expect(tried[0]).toBe(eta);
        expect(length).toBe(tried.at(-1));
        if (tried.length === 100) return;
        expect(loss(length)).toBeLessThanOrEqual(-c * length * gg);
        expect(loss(length)).toBeGreaterThanOrEqual(-(1 - c) * length * gg);
      }),
    );
  });

  test("Goldstein's steps grow up to the bound", () => {
    const { length, stepSize, tried } = search(
      goldstein(0, 1, 1, { c: 0.1, betaB: 0.9, betaF: 3, etaMax: 20 }),
      (eta) => -eta,
    );
    expect(tried.slice(0, 5)).toEqual([1, 3, 9, 20, 20]);
    expect([length, stepSize, tried.length]).toEqual([20, 20, 100]);
  });

  test("where nothing helps, Armijo's makes a tiny step; NaN counts as too large", () => {
    const { length, stepSize, tried } = search(armijo(0, 1, 1, { c: 0.1, betaB: 0.9 }), () => Number.NaN);
    expect([length, tried.length]).toEqual([1e-6, 100]);
    expect(stepSize).toBeCloseTo(0.9 ** 100, 12);
    const { tried: others } = search(goldstein(0, 1, 1, { c: 0.1, betaB: 0.5, betaF: 2, etaMax: 10 }), (eta) =>
      eta > 0.2 ? Number.NaN : -0.5 * eta,
    );
    expect(others).toEqual([1, 0.5, 0.25, 0.125]);
  });
});

const grid = (length: number) =>
  fc.array(
    fc.integer({ min: -8, max: 8 }).map((i) => i / 4),
    { minLength: length, maxLength: length },
  );
/** A linear model that can fit its data: `X w* = y`. */
const problem = fc.record({ X: fc.array(grid(3), { minLength: 4, maxLength: 8 }), w: grid(3), start: grid(3) });
type Problem = typeof problem extends fc.Arbitrary<infer P> ? P : never;

/** The loss on the `i`-th pair of rows. */
const lossOf =
  ({ X, w }: Problem, ps: readonly Parameter[]) =>
  (i: number): Tensor => {
    const rows = [X[i % X.length]!, X[(i + 1) % X.length]!];
    return rows
      .map((row) => {
        let at = 0;
        const y = row.reduce((sum, x, k) => sum + x * w[k]!, 0);
        const products = ps.map((p) => {
          const part = tensor(row.slice(at, at + p.numel()), DOUBLE);
          at += p.numel();
          return part.mul(p).sum();
        });
        return products
          .reduce((a, b) => a.add(b))
          .sub(y)
          .square();
      })
      .reduce((a, b) => a.add(b))
      .div(2);
  };
const parameters = ({ start }: Problem, cut = 3): Parameter[] =>
  [start.slice(0, cut), start.slice(cut)].filter((x) => x.length > 0).map((x) => new Parameter(tensor(x, DOUBLE)));

type Options = Partial<SLSHyper & SlsAccHyper>;
const MAKERS = {
  SLS: (ps: readonly Parameter[], options: Options = {}) => new SLS(ps, options),
  Goldstein: (ps: readonly Parameter[], options: Options = {}) =>
    new SLS(ps, { ...options, lineSearchFn: "goldstein" }),
  Polyak: (ps: readonly Parameter[], options: Options = {}) => new SlsAcc(ps, options) as unknown as SLS,
  Nesterov: (ps: readonly Parameter[], options: Options = {}) =>
    new SlsAcc(ps, { ...options, accelerationMethod: "nesterov" }) as unknown as SLS,
};
const options = fc.record({
  initStepSize: fc.constantFrom(0.1, 1, 10),
  nBatchesPerEpoch: fc.constantFrom(1, 3, 500),
  gamma: fc.constantFrom(1, 2),
  c: fc.constantFrom(0.1, 0.5),
  betaB: fc.constantFrom(0.5, 0.9),
  resetOption: fc.constantFrom(0 as const, 1 as const, 2 as const),
});

/** All that is saved, with arrays for tensors. */
const plain = (optimizer: SLS): unknown =>
  JSON.parse(
    JSON.stringify(optimizer.stateDict(), (_, x: unknown) =>
      typeof x === "object" && x !== null && "dataSync" in x ? values(x as Tensor) : x,
    ),
  );

describe.each(Object.keys(MAKERS) as (keyof typeof MAKERS)[])("%s", (name) => {
  const make = MAKERS[name];

  test("one vector in two parameters, in any order, moves as one, but for rounding", () => {
    fc.assert(
      fc.property(problem, options, fc.integer({ min: 1, max: 2 }), (problem, options, cut) => {
        const [whole, parts, swapped] = [parameters(problem), parameters(problem, cut), parameters(problem, cut)];
        for (const [ps, order] of [
          [whole, whole],
          [parts, parts],
          [swapped, [...swapped].reverse()],
        ] as const)
          make(order, options).step(() => lossOf(problem, ps)(0));
        const expected = whole.flatMap(values);
        for (const ps of [parts, swapped])
          for (const [i, value] of ps.flatMap(values).entries())
            expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-9);
      }),
      { numRuns: 15 },
    );
  });

  test("an error in the middle of a search leaves all as it was", () => {
    const p = new Parameter(tensor([3, -2], DOUBLE));
    const loss = (): Tensor =>
      p
        .square()
        .mul(tensor([1, 20], DOUBLE))
        .sum();
    const optimizer = make([p], { betaB: 0.5, resetOption: 2 });
    optimizer.step(loss);
    for (const at of [1, 2, 4]) {
      const before = [values(p), plain(optimizer)];
      let calls = 0;
      const failing = (): Tensor => {
        if (++calls === at) throw new RangeError("no loss");
        return loss();
      };
      expect(() => optimizer.step(failing)).toThrow("no loss");
      expect([values(p), plain(optimizer)]).toEqual(before);
    }
  });

  test("dropout is the same in all evaluations of a step, and drawn once", () => {
    const p = new Parameter(ones([8], DOUBLE));
    const optimizer = make([p], { betaB: 0.5, initStepSize: 4, resetOption: 2 });
    const masks: string[] = [];
    const loss = (): Tensor => {
      const mask = bernoulli(0.5, [8], DOUBLE);
      masks.push(String(values(mask)));
      return p.mul(mask).square().sum();
    };
    manualSeed(4);
    loss();
    const after = getRngState();
    manualSeed(4);
    masks.length = 0;
    optimizer.step(loss);
    expect(masks).toHaveLength(optimizer.nForwards);
    expect(optimizer.nForwards).toBeGreaterThan(2);
    expect(new Set(masks).size).toBe(1);
    expect(getRngState()).toEqual(after);
    optimizer.step(loss);
    expect(new Set(masks).size).toBe(2);
  });

  test("memory is level between steps, and does not grow with the number of trials", () => {
    const backend = countingBackend();
    setBackend(backend);
    const peaks = [0.5, 0.99].map((betaB) => {
      const p = scope(() => new Parameter(ones([64], DOUBLE)));
      const optimizer = make([p], { betaB, initStepSize: 1.5, resetOption: 2 });
      const step = (): void => {
        scope(() => void optimizer.step(() => scope(() => p.square().sum())));
        optimizer.zeroGrad();
      };
      const sizes = [1, 2, 3, 4, 5].map(() => {
        step();
        return backend.liveBytes;
      });
      expect(sizes.slice(1)).toEqual(Array(4).fill(sizes[1]));
      p.assign(scope(() => ones([64], DOUBLE)));
      backend.resetPeak();
      const before = backend.liveBytes;
      step();
      return backend.peakBytes - before;
    });
    expect(peaks[1]).toBeLessThan(peaks[0]! + 64 * 8);
  });

  test("on a backend that computes asynchronously step() throws, and stepAsync() makes the same steps", async () => {
    const loss = (p: Parameter) => (): Tensor =>
      p
        .square()
        .mul(tensor([1, 5], DOUBLE))
        .sum();
    const there = new Parameter(tensor([3, -2], DOUBLE));
    const expected = make([there]);
    for (let i = 0; i < 3; i++) expected.step(loss(there));
    setBackend({ ...cpu(), name: "later", synchronous: false });
    const here = new Parameter(tensor([3, -2], DOUBLE));
    const optimizer = make([here]);
    expect(() => optimizer.step(loss(here))).toThrow("await optimizer.stepAsync()");
    for (let i = 0; i < 3; i++) await optimizer.stepAsync(loss(here));
    expect([...(await here.data())]).toEqual([...(await there.data())]);
    expect([optimizer.stepSize, optimizer.nForwards]).toEqual([expected.stepSize, expected.nForwards]);
  });
});

describe("SLS", () => {
  test("the step that it makes satisfies Armijo's condition, on the loss of its batch", () => {
    fc.assert(
      fc.property(problem, options, (problem, options) => {
        const [p] = parameters(problem) as [Parameter];
        const optimizer = new SLS([p], options);
        const loss = lossOf(problem, [p]);
        for (let i = 0; i < 5; i++) {
          const f = optimizer.step(() => loss(i)).item();
          const gg = values(p.grad!).reduce((sum, g) => sum + g * g, 0);
          expect(loss(i).item()).toBeLessThanOrEqual(f - options.c * optimizer.stepSize * gg + 1e-12 * f);
        }
      }),
    );
  });

  test("fits data that the model can fit, without any tuning", () => {
    fc.assert(
      fc.property(problem, fc.constantFrom("armijo" as const, "goldstein" as const), (problem, lineSearchFn) => {
        const ps = parameters(problem);
        const loss = lossOf(problem, ps);
        const total = (): number => problem.X.reduce((sum, _, i) => sum + loss(i).item(), 0);
        const optimizer = new SLS(ps, { lineSearchFn });
        const before = total();
        for (let i = 0; i < 100; i++) optimizer.step(() => loss(i));
        expect(total()).toBeLessThanOrEqual(0.25 * before);
      }),
      { numRuns: 15 },
    );
  });

  test("searches begin where the reset rules say", () => {
    const first = (options: Partial<SLSHyper>): number[] => {
      const p = new Parameter(tensor([1], DOUBLE));
      const optimizer = new SLS([p], { initStepSize: 0.25, ...options });
      // The loss is steep enough for every step, so that a search ends where it begins.
      return [1, 2, 3].map(() => {
        optimizer.step(() => p.sum());
        return optimizer.stepSize;
      });
    };
    expect(first({ resetOption: 0 })).toEqual([0.25, 0.25, 0.25]);
    expect(first({ resetOption: 1, gamma: 4, nBatchesPerEpoch: 2 })).toEqual([0.5, 1, 2]);
    expect(first({ resetOption: 2 })).toEqual([0.25, 0.25, 0.25]);
    const p = new Parameter(tensor([1], DOUBLE));
    const optimizer = new SLS([p], { initStepSize: 4, resetOption: 2, betaB: 0.5 });
    expect([optimizer.stepSize, optimizer.nForwards, optimizer.nBackwards]).toEqual([4, 0, 0]);
    optimizer.step(() => p.square().sum());
    expect([optimizer.stepSize, optimizer.nForwards, optimizer.nBackwards]).toEqual([0.5, 5, 1]);
    optimizer.paramGroups[0]!.resetOption = 0;
    p.assign(tensor([1], DOUBLE));
    optimizer.step(() => p.square().sum());
    expect([optimizer.stepSize, optimizer.nForwards, optimizer.nBackwards]).toEqual([0.5, 7, 2]);
  });

  test("a gradient of zeros, or of NaN, moves nothing", () => {
    for (const factor of [0, Number.NaN]) {
      const p = new Parameter(tensor([1, 2], DOUBLE));
      const optimizer = new SLS([p]);
      optimizer.step(() => p.mul(factor).sum());
      expect(values(p)).toEqual([1, 2]);
      expect(optimizer.nForwards).toBe(1);
    }
  });

  test("a closure that calls backward() is an error, and changes nothing", () => {
    const p = new Parameter(tensor([1, 2]));
    const optimizer = new SLS([p]);
    const closure = (): Tensor => {
      const loss = p.square().sum();
      loss.backward();
      return loss;
    };
    expect(() => optimizer.step(closure)).toThrow(
      "SLS.step: the closure called backward(); return the loss only: the step needs its gradients once",
    );
    expect(values(p)).toEqual([1, 2]);
    expect(optimizer.nForwards).toBe(0);
  });

  test("leaves the gradient that it went along", () => {
    const p = new Parameter(tensor([1, 2]));
    p.grad = tensor([100, 100]);
    new SLS([p]).step(() => p.square().sum());
    expect(values(p.grad!)).toEqual([2, 4]);
  });

  test("says what is wrong", () => {
    const p = new Parameter(tensor([1]));
    expect(() => new SLS([p]).step()).toThrow(
      "SLS.step: undefined is no closure; pass a function that returns the loss, and does not call backward()",
    );
    expect(() => new SLS([{ params: p }, { params: new Parameter(tensor([2])) }])).toThrow(
      "SLS: 2 parameter groups, where all have the same options; pass one list",
    );
    for (const [options, message] of [
      [{ nBatchesPerEpoch: 0 }, "nBatchesPerEpoch is 0, expected an integer ≥ 1"],
      [{ initStepSize: 0 }, "initStepSize is 0, expected a number > 0"],
      [{ c: 1 }, "c is 1, expected a number in (0, 1)"],
      [{ betaB: 1 }, "betaB is 1, expected a number in (0, 1)"],
      [{ resetOption: 3 as never }, "resetOption is 3, expected 0 or 1 or 2"],
      [{ lineSearchFn: "wolfe" as never }, 'lineSearchFn is "wolfe", expected "armijo" or "goldstein"'],
      [{ lineSearchFn: "goldstein", c: 0.6 }, 'c is 0.6, expected at most 0.5 for lineSearchFn "goldstein"'],
    ] as const)
      expect(() => new SLS([p], options)).toThrow(`SLS: ${message}`);
    expect(() => new SlsAcc([p], { momentum: -1 })).toThrow("SlsAcc: momentum is -1, expected a number ≥ 0");
    expect(() => new SlsAcc([p], { accelerationMethod: "heavy" as never })).toThrow(
      'SlsAcc: accelerationMethod is "heavy", expected "polyak" or "nesterov"',
    );
  });
});

describe("SlsAcc", () => {
  test("without momentum is SLS", () => {
    fc.assert(
      fc.property(problem, options, (problem, options) => {
        const [a, b] = [parameters(problem), parameters(problem)];
        const [sls, acc] = [new SLS(a, options), new SlsAcc(b, { ...options, momentum: 0 })];
        for (let i = 0; i < 3; i++) {
          sls.step(() => lossOf(problem, a)(i));
          acc.step(() => lossOf(problem, b)(i));
        }
        expect(b.map(values)).toEqual(a.map(values));
        expect(acc.stepSize).toBe(sls.stepSize);
      }),
      { numRuns: 15 },
    );
  });

  test("makes a part of the last step again", () => {
    const p = new Parameter(tensor([1], DOUBLE));
    const optimizer = new SlsAcc([p], { initStepSize: 0.25, momentum: 0.5 });
    const at = [1, 2, 3].map(() => {
      optimizer.step(() => p.square().sum());
      return values(p)[0]!;
    });
    // Halves, and goes on by half of what the step before did.
    expect(at).toEqual([0.5, 0, -0.25]);
  });

  test("with Nesterov's, mixes the ends of the last two searches by the authors' numbers", () => {
    const p = new Parameter(tensor([1], DOUBLE));
    const optimizer = new SlsAcc([p], { initStepSize: 0.25, accelerationMethod: "nesterov" });
    const taus: number[] = [];
    const at = [1, 2, 3, 4].map(() => {
      optimizer.step(() => p.square().sum());
      taus.push(optimizer.stateDict().shared!.tau);
      return values(p)[0]!;
    });
    const golden = (1 + Math.sqrt(5)) / 2;
    expect(taus.slice(0, 3)).toEqual([0, 0, (1 - golden) / golden]);
    const tau = taus[2]!;
    expect(at).toEqual([1, 0.5, 0.25, 0.125 * (1 - tau) + 0.25 * tau]);
  });
});

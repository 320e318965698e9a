import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { cat, Parameter, scope, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { LBFGS, type LBFGSHyper, lbfgsDirection } from "../index.ts";

beforeEach(() => setBackend(cpu()));

const DOUBLE = { dtype: "float64" } as const;
type Objective = (x: Tensor) => Tensor;

const rosenbrock: Objective = (x) => {
  const n = x.numel() - 1;
  const [u, v] = [x.narrow(0, 0, n), x.narrow(0, 1, n)];
  return u.neg().add(1).square().add(v.sub(u.square()).square().mul(100)).sum();
};
/** `½ Σ i xᵢ² − Σ xᵢ`. */
const quadratic: Objective = (x) => {
  const weights = tensor(
    Array.from({ length: x.numel() }, (_, i) => (i + 1) / 2),
    { dtype: x.dtype },
  );
  return x.square().mul(weights).sub(x).sum();
};
const OBJECTIVES: Readonly<Record<string, Objective>> = { rosenbrock, quadratic };

const values = (x: Tensor): number[] => Array.from(x.dataSync());
/** The numbers in parameters of some lengths. */
function split(x: readonly number[], lengths: readonly number[]): Parameter[] {
  let at = 0;
  return lengths.map((n) => {
    at += n;
    return new Parameter(tensor(x.slice(at - n, at), DOUBLE));
  });
}

function closureOf(objective: Objective, ps: readonly Parameter[], optimizer: LBFGS): () => Tensor {
  return () => {
    optimizer.zeroGrad();
    const loss = objective(cat(ps));
    loss.backward();
    return loss;
  };
}

/** Steps, and how often the closure was called. */
function run(objective: Objective, ps: readonly Parameter[], options: Partial<LBFGSHyper>, steps = 1) {
  const optimizer = new LBFGS(ps, options);
  const losses: number[] = [];
  let evaluations = 0;
  const closure = closureOf(objective, ps, optimizer);
  for (let i = 0; i < steps; i++)
    losses.push(
      optimizer
        .step(() => {
          evaluations++;
          return closure();
        })
        .item(),
    );
  return { optimizer, losses, evaluations, x: ps.flatMap(values) };
}

/** All that is saved, with arrays for tensors. */
const plain = (optimizer: LBFGS): unknown =>
  JSON.parse(
    JSON.stringify(optimizer.stateDict(), (_, x: unknown) =>
      typeof x === "object" && x !== null && "dataSync" in x ? values(x as Tensor) : x,
    ),
  );

interface Case {
  readonly objective: string;
  readonly x0: readonly number[];
  readonly options: Partial<LBFGSHyper>;
  readonly trajectory: readonly {
    readonly lossBefore: number;
    readonly x: readonly number[];
    readonly lossAfter: number;
    readonly functionEvaluations: number;
  }[];
}
const golden = new URL("../../../testing/golden/lbfgs.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(golden, "utf8")) as { cases: Case[] };

describe("LBFGS follows PyTorch", () => {
  test.each(cases.map((c) => ({ ...c, title: `${c.objective} of ${c.x0.length}: ${JSON.stringify(c.options)}` })))(
    "$title",
    ({ objective: name, x0, options, trajectory }) => {
      const objective = OBJECTIVES[name]!;
      // Rounding moves the longest of these runs: PyTorch is 1.4e-5 from itself with the terms of the objective the other way around.
      const tolerance = name === "rosenbrock" && x0.length === 3 ? 1e-4 : 1e-9;
      const p = new Parameter(tensor([...x0], DOUBLE));
      const optimizer = new LBFGS([p], options);
      let evaluations = 0;
      const closure = closureOf(objective, [p], optimizer);
      for (const { lossBefore, x, lossAfter, functionEvaluations } of trajectory) {
        const loss = optimizer.step(() => {
          evaluations++;
          return closure();
        });
        expect(Math.abs(loss.item() - lossBefore)).toBeLessThan(tolerance);
        for (const [i, value] of values(p).entries()) expect(Math.abs(value - x[i]!)).toBeLessThan(tolerance);
        expect(Math.abs(objective(p).item() - lossAfter)).toBeLessThan(tolerance);
        expect(evaluations).toBe(functionEvaluations);
        expect(optimizer.stateDict().shared!.funcEvals).toBe(evaluations);
      }
    },
  );
});

const grid = (length: number) =>
  fc.array(
    fc.integer({ min: -16, max: 16 }).map((i) => i / 8),
    { minLength: length, maxLength: length },
  );
const options = fc.record({
  lr: fc.constantFrom(0.1, 0.5, 1),
  maxIter: fc.constantFrom(1, 2, 5, 20),
  maxEval: fc.constantFrom(null, null, 1, 3, 30),
  historySize: fc.constantFrom(1, 2, 100),
  lineSearchFn: fc.constantFrom("strong_wolfe" as const, null),
});
const start = fc.integer({ min: 2, max: 5 }).chain(grid);

describe("LBFGS", () => {
  test("its direction is minus the gradient times the inverse Hessian that BFGS builds", () => {
    const pair = fc.tuple(grid(3), grid(3)).filter(([y, s]) => dot(y, s) > 0.1);
    fc.assert(
      fc.property(grid(3), fc.array(pair, { maxLength: 4 }), (g, pairs) => {
        const last = pairs.at(-1);
        const HDiag = last === undefined ? 1 : dot(...last) / dot(last[0], last[0]);
        let H = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? HDiag : 0)));
        for (const [y, s] of pairs) H = bfgs(H, y, s);
        const direction = lbfgsDirection(tensor(g, DOUBLE), {
          oldDirs: pairs.map(([y]) => tensor(y, DOUBLE)),
          oldStps: pairs.map(([, s]) => tensor(s, DOUBLE)),
          ro: pairs.map((pair) => 1 / dot(...pair)),
          HDiag,
        });
        const size = Math.max(1, ...H.flat().map(Math.abs));
        for (const [i, value] of values(direction).entries())
          expect(Math.abs(value + dot(H[i]!, g))).toBeLessThan(1e-9 * size);
      }),
      { numRuns: 30 },
    );
  });

  test("a convex quadratic converges, with a line search in few iterations", () => {
    fc.assert(
      fc.property(start, (x0) => {
        const { optimizer, x } = run(quadratic, split(x0, [x0.length]), {
          lineSearchFn: "strong_wolfe",
          toleranceChange: 0,
          toleranceGrad: 1e-6,
          maxIter: 100,
        });
        for (const [i, value] of x.entries()) expect(Math.abs(value - 1 / (i + 1))).toBeLessThan(1e-6);
        expect(optimizer.stateDict().shared!.nIter).toBeLessThanOrEqual(2 * x0.length + 4);
      }),
      { numRuns: 30 },
    );
  });

  test("the place it goes to satisfies the strong Wolfe conditions, where there was time to find it", () => {
    fc.assert(
      fc.property(start, fc.constantFrom(0.1, 1, 3), (x0, lr) => {
        const p = split(x0, [x0.length]);
        const gradient = (): number[] => {
          p[0]!.grad = null;
          rosenbrock(p[0]!).backward();
          return values(p[0]!.grad!);
        };
        const optimizer = new LBFGS(p, { lr, maxIter: 1, maxEval: 40, lineSearchFn: "strong_wolfe" });
        const closure = closureOf(rosenbrock, p, optimizer);
        for (let i = 0; i < 5; i++) {
          const [f0, g0] = [rosenbrock(p[0]!).item(), gradient()];
          optimizer.step(closure);
          const { d, t } = optimizer.stateDict().shared!;
          const slope = dot(g0, values(d!));
          if (Math.max(...g0.map(Math.abs)) < 1e-4) break;
          expect(rosenbrock(p[0]!).item()).toBeLessThanOrEqual(f0 + 1e-4 * t * slope + 1e-12 * f0);
          expect(Math.abs(dot(gradient(), values(d!)))).toBeLessThanOrEqual(-0.9 * slope + 1e-9);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("keeps to its limits", () => {
    fc.assert(
      fc.property(start, options, fc.integer({ min: 1, max: 3 }), (x0, options, steps) => {
        const { optimizer, evaluations } = run(rosenbrock, split(x0, [x0.length]), options, steps);
        const { shared, state } = optimizer.stateDict();
        const most = options.maxEval ?? Math.floor((options.maxIter * 5) / 4);
        // A line search tries its first step in any case.
        expect(evaluations).toBeLessThanOrEqual(steps * (most + 1));
        expect(shared!.funcEvals).toBe(evaluations);
        expect(shared!.nIter).toBeLessThanOrEqual(steps * options.maxIter);
        expect(shared!.oldDirs.length).toBeLessThanOrEqual(options.historySize);
        expect(shared!.oldStps).toHaveLength(shared!.ro.length);
        expect(shared!.oldDirs).toHaveLength(shared!.ro.length);
        expect(state[0]!.step).toBe(steps);
      }),
      { numRuns: 30 },
    );
  });

  test("one vector in several parameters, in any order, moves as one, but for rounding", () => {
    fc.assert(
      fc.property(start, options, fc.nat(3), (x0, options, cut) => {
        const n = x0.length;
        const k = 1 + (cut % (n - 1));
        const whole = run(quadratic, split(x0, [n]), options, 2);
        const parts = split(x0, [k, n - k]);
        const parted = run(quadratic, parts, options, 2);
        for (const [i, value] of whole.x.entries()) expect(Math.abs(value - parted.x[i]!)).toBeLessThan(1e-6);

        const [a, b] = split(x0, [k, n - k]);
        const swapped = new LBFGS([b!, a!], options);
        for (let i = 0; i < 2; i++) swapped.step(closureOf(quadratic, [a!, b!], swapped));
        for (const [i, value] of [a!, b!].flatMap(values).entries())
          expect(Math.abs(value - parted.x[i]!)).toBeLessThan(1e-6);
      }),
      { numRuns: 30 },
    );
  });

  test("maximize mirrors minimize", () => {
    fc.assert(
      fc.property(start, options, (x0, options) => {
        const [up, down] = [split(x0, [x0.length]), split(x0, [x0.length])];
        const mirrored = run((x) => rosenbrock(x).neg(), up, { ...options, maximize: true }, 2);
        const { x, losses } = run(rosenbrock, down, options, 2);
        expect(mirrored.x).toEqual(x);
        expect(mirrored.losses).toEqual(losses.map((loss) => -loss));
      }),
      { numRuns: 30 },
    );
  });

  test("parameters without a gradient stay where they are", () => {
    const [p, unused, frozen] = [new Parameter(tensor([3])), new Parameter(tensor([5, 6])), new Parameter(tensor([7]))];
    frozen.requiresGrad = false;
    const optimizer = new LBFGS([unused, p, frozen], { lineSearchFn: "strong_wolfe" });
    optimizer.step(closureOf((x) => x.sub(1).square().sum(), [p], optimizer));
    expect(values(p)[0]).toBeCloseTo(1, 5);
    expect([unused, frozen].map(values)).toEqual([[5, 6], [7]]);
  });

  test("parameters of several dtypes move together", () => {
    const [a, b] = [new Parameter(tensor([3])), new Parameter(tensor([-2], DOUBLE))];
    const optimizer = new LBFGS([a, b], { lineSearchFn: "strong_wolfe" });
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = a.to("float64").sub(1).square().add(b.sub(1).square()).sum();
      loss.backward();
      return loss;
    });
    expect([a, b].map((p) => values(p)[0]!.toFixed(5))).toEqual(["1.00000", "1.00000"]);
    const copy = new LBFGS([a, b]);
    copy.loadStateDict(optimizer.stateDict());
    expect(copy.stateDict().shared!.nIter).toBe(optimizer.stateDict().shared!.nIter);
  });

  test.each([1, 2, 3, 5])("an error in evaluation %i of the second step leaves all as it was", (at) => {
    const ps = split([-1.2, 1, 0.5], [1, 2]);
    const optimizer = new LBFGS(ps, { lineSearchFn: "strong_wolfe", maxIter: 5 });
    const closure = closureOf(rosenbrock, ps, optimizer);
    optimizer.step(closure);
    const before = [ps.map(values), plain(optimizer)];
    let calls = 0;
    const failing = (): Tensor => {
      if (++calls === at) throw new RangeError("no loss");
      return closure();
    };
    expect(() => optimizer.step(failing)).toThrow("no loss");
    expect([ps.map(values), plain(optimizer)]).toEqual(before);

    const fresh = split(ps.flatMap(values), [1, 2]);
    const other = new LBFGS(fresh);
    other.loadStateDict(optimizer.stateDict());
    optimizer.step(closure);
    other.step(closureOf(rosenbrock, fresh, other));
    expect(fresh.map(values)).toEqual(ps.map(values));
  });

  test("a loss of NaN goes through to the parameters that it depends on, as in PyTorch", () => {
    for (const lineSearchFn of [null, "strong_wolfe"] as const) {
      const [p, unused] = [new Parameter(tensor([1])), new Parameter(tensor([5]))];
      const optimizer = new LBFGS([p, unused], { lineSearchFn, maxIter: 3 });
      optimizer.step(closureOf((x) => x.mul(Number.NaN).sum(), [p], optimizer));
      expect(values(p)).toEqual([Number.NaN]);
    }
  });

  test("says what is wrong", () => {
    const ps = split([1, 2], [1, 1]);
    expect(() => new LBFGS([{ params: ps[0]! }, { params: ps[1]! }])).toThrow(
      "LBFGS: 2 parameter groups, where all have the same options; pass one list",
    );
    const optimizer = new LBFGS(ps);
    expect(() => optimizer.addParamGroup({ params: split([1], [1]) })).toThrow("LBFGS: 2 parameter groups");
    expect(() => optimizer.step()).toThrow(
      "LBFGS.step: undefined is no closure; pass a function that computes the loss, calls backward() and returns the loss",
    );
    for (const [options, message] of [
      [{ lr: -1 }, "lr is -1, expected a number ≥ 0"],
      [{ maxIter: 0 }, "maxIter is 0, expected an integer ≥ 1"],
      [{ maxEval: 0 }, "maxEval is 0, expected an integer ≥ 1, or null"],
      [{ historySize: 0 }, "historySize is 0, expected an integer ≥ 1"],
      [{ toleranceGrad: -1 }, "toleranceGrad is -1, expected a number ≥ 0"],
      [{ lineSearchFn: "armijo" as never }, 'lineSearchFn is "armijo", expected "strong_wolfe" or null'],
    ] as const)
      expect(() => new LBFGS(ps, options)).toThrow(`LBFGS: ${message}`);
  });

  test("takes no state of other parameters", () => {
    const small = run(quadratic, split([3, 1], [2]), { maxIter: 3 }).optimizer;
    const large = run(quadratic, split([3, 1, 2], [3]), { maxIter: 3 }).optimizer;
    const before = plain(large);
    const message = 'shared does not hold float64 vectors of the 3 elements of all parameters on "cpu"';
    expect(() => large.loadStateDict(small.stateDict())).toThrow(message);
    const dict = large.stateDict();
    for (const shared of [
      { ...dict.shared!, ro: [] },
      { ...dict.shared!, oldStps: [3] },
      { ...dict.shared!, prevFlatGrad: null },
    ])
      expect(() => large.loadStateDict({ ...dict, shared: shared as never })).toThrow(message);
    expect(plain(large)).toEqual(before);
  });

  test("on a backend that computes asynchronously step() throws, and stepAsync() makes the same steps", async () => {
    const x0 = [-1.2, 1];
    const expected = run(rosenbrock, split(x0, [2]), { lineSearchFn: "strong_wolfe" }, 3);
    setBackend({ ...cpu(), name: "later", synchronous: false });
    const ps = split(x0, [2]);
    const optimizer = new LBFGS(ps, { lineSearchFn: "strong_wolfe" });
    const closure = closureOf(rosenbrock, ps, optimizer);
    expect(() => optimizer.step(closure)).toThrow(
      'backend "later" computes asynchronously; await optimizer.stepAsync()',
    );
    expect([...(await ps[0]!.data())]).toEqual(x0);
    for (const loss of expected.losses)
      expect([...(await (await optimizer.stepAsync(closure)).data())]).toEqual([loss]);
    expect([...(await ps[0]!.data())]).toEqual(expected.x);
  });
});

describe("LBFGS: memory", () => {
  test.each([null, "strong_wolfe"] as const)("is level between steps, and within them: %s", (lineSearchFn) => {
    const backend = countingBackend();
    setBackend(backend);
    const peaks = [4, 40].map((maxIter) => {
      const ps = scope(() => split(Array(64).fill(0.5), [60, 4]));
      const optimizer = new LBFGS(ps, { lr: 0.2, maxIter, historySize: 1, toleranceChange: 0, lineSearchFn });
      const closure = closureOf((x) => scope(() => rosenbrock(x)), ps, optimizer);
      const step = (): void => {
        scope(() => void optimizer.step(() => scope(closure)));
        optimizer.zeroGrad();
      };
      const sizes = [1, 2, 3, 4, 5].map(() => {
        step();
        return backend.liveBytes;
      });
      expect(sizes.slice(1)).toEqual(Array(4).fill(sizes[1]));
      backend.resetPeak();
      const before = backend.liveBytes;
      step();
      return backend.peakBytes - before;
    });
    expect(peaks[1]).toBeLessThan(3 * peaks[0]!);
  });
});

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** `(I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ`: Nocedal & Wright 2006, equation 6.17. */
function bfgs(H: readonly number[][], y: readonly number[], s: readonly number[]): number[][] {
  const rho = 1 / dot(y, s);
  const V = y.map((yi, i) => s.map((sj, j) => Number(i === j) - rho * yi * sj));
  const HV = H.map((row) => V.map((_, j) => row.reduce((sum, h, k) => sum + h * V[k]![j]!, 0)));
  return V.map((_, i) =>
    V.map((_, j) => V.reduce((sum, row, k) => sum + row[i]! * HV[k]![j]!, 0) + rho * s[i]! * s[j]!),
  );
}

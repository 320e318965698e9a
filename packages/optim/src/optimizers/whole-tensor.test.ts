import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import {
  type AnOptimizer,
  coarse,
  give,
  OPTIMIZER_CASES,
  parametersOf,
  type TrainingProblem,
  trainingProblem,
} from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Adafactor, Adam, LAMB, LARS, Muon, SGD } from "../index.ts";
import { orthogonalized } from "./muon.ts";

// What single rules that see whole tensors promise; what all do is in rules.test.ts.

beforeEach(() => setBackend(cpu()));

const bits = (xs: readonly Tensor[]): number[][] => xs.map((x) => Array.from(x.dataSync()));
const norm = (xs: readonly number[]): number => Math.hypot(...xs);

/** Where the parameters of a problem end, from a start that is `factor` times its own. */
function end(
  make: (params: Parameter[]) => unknown,
  { shapes, start, grads }: TrainingProblem,
  factor = 1,
): Parameter[] {
  const parameters = parametersOf(
    shapes,
    start.map((xs) => xs.map((x) => x * factor)),
  );
  const optimizer = make(parameters) as AnOptimizer;
  for (const gradients of grads) {
    give(parameters, gradients);
    optimizer.step();
  }
  return parameters;
}

/** Numbers that are not zero. */
const problem = trainingProblem({ least: 0.25 });
/** Options under which steps are in proportion to the weights, and shorter than them. */
const PROPORTIONAL = { lr: 0.125, weightDecay: 0, alwaysAdapt: true, trustClip: false, eps: 0 };

describe("layer-wise methods", () => {
  test.each(["LAMB", "LARS"])("%s: steps are in proportion to the weights", (name) => {
    const { make, options } = OPTIMIZER_CASES[name]!;
    fc.assert(
      fc.property(options, problem, fc.constantFrom(0.25, 16), (options, problem, factor) => {
        const [once, scaled] = [1, factor].map((x) =>
          end((ps) => make(ps, { ...options, ...PROPORTIONAL }), problem, x),
        );
        expect(bits(scaled!)).toEqual(bits(once!.map((p) => p.mul(factor))));
      }),
      { numRuns: 30 },
    );
  });

  test("a step is as long as the weights, times lr in LAMB, and times lr · trustCoeff in LARS", () => {
    const rate = 0.125;
    fc.assert(
      fc.property(problem, (problem) => {
        const first = { ...problem, grads: problem.grads.slice(0, 1) };
        for (const make of [
          (ps: Parameter[]) => new LAMB(ps, { lr: rate, weightDecay: 0 }),
          (ps: Parameter[]) => new LARS(ps, { lr: 0.5, trustCoeff: rate / 0.5, eps: 0 }),
        ])
          for (const [i, after] of bits(end(make, first)).entries()) {
            const before = problem.start[i]!;
            expect(norm(after.map((x, k) => x - before[k]!)) / norm(before)).toBeCloseTo(rate, 5);
          }
      }),
      { numRuns: 50 },
    );
  });

  test("without adaptation and decay LAMB is Adam, and LARS is SGD", () => {
    const free = { alwaysAdapt: false, weightDecay: 0 };
    fc.assert(
      fc.property(trainingProblem(), (problem) => {
        const at = (make: (ps: Parameter[]) => unknown): number[][] => bits(end(make, problem));
        const adam = at((ps) => new Adam(ps)).flat();
        const lamb = at((ps) => new LAMB(ps, { ...free, eps: 1e-8 })).flat();
        for (const [i, x] of lamb.entries()) expect(x).toBeCloseTo(adam[i]!, 5);
        const lars = at((ps) => new LARS(ps, { ...free, lr: 0.1, momentum: 0.9 }));
        expect(lars).toEqual(at((ps) => new SGD(ps, { lr: 0.1, momentum: 0.9 })));
      }),
      { numRuns: 30 },
    );
  });
});

describe("Adafactor", () => {
  test("keeps a row and a column of a matrix", () => {
    const p = new Parameter(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    p.grad = p.detach();
    const optimizer = new Adafactor([p]);
    optimizer.step();
    const { rowVar, colVar, variance } = optimizer.stateDict().state[0]!;
    expect([rowVar!.shape, colVar!.shape, variance]).toEqual([[2, 1], [1, 3], undefined]);
  });

  test("a gradient of rank one is known from its row and its column: the first direction is its sign", () => {
    fc.assert(
      fc.property(coarse(3, 0.25), coarse(2, 0.25), (column, row) => {
        const p = new Parameter(
          tensor([
            [1, 1],
            [1, 1],
            [1, 1],
          ]),
        );
        p.grad = tensor(column).reshape([3, 1]).mul(tensor(row));
        const sign = bits([p.grad.sign()])[0]!;
        new Adafactor([p], { lr: 0.25 }).step();
        for (const [i, x] of bits([p])[0]!.entries()) expect(x).toBeCloseTo(1 - 0.25 * sign[i]!, 5);
      }),
    );
  });
});

describe("Muon", () => {
  const FULL = { nsCoefficients: [3.4445, -4.775, 2.0315], eps: 1e-7, nsSteps: 5, nsPrecision: "full" } as const;
  const CUBIC = [1.5, -0.5, 0] as const;
  const matrix = fc.record({ wide: fc.boolean(), numbers: coarse(2) }).map(({ wide, numbers: [a, b] }) => {
    const tall = tensor([
      [4 + a! / 4, b!],
      [-b!, 3],
      [1, -1],
    ]);
    return wide ? tall.t() : tall;
  });

  test("orthogonalizes: with coefficients that converge, the singular values become 1", () => {
    fc.assert(
      fc.property(matrix, (g) => {
        const x = orthogonalized(g, { ...FULL, nsCoefficients: CUBIC, nsSteps: 30 });
        const gram = x.shape[0]! < x.shape[1]! ? x.matmul(x.t()) : x.t().matmul(x);
        for (const [i, y] of bits([gram])[0]!.entries()) expect(y).toBeCloseTo(i % 3 === 0 ? 1 : 0, 4);
      }),
    );
  });

  test("rounds to eight bits on the way, where not asked for all", () => {
    const g = tensor([
      [1, 2],
      [3, 4],
    ]);
    const [coarse, fine] = (["bfloat16", "full"] as const).map(
      (nsPrecision) => bits([orthogonalized(g, { ...FULL, nsPrecision })])[0]!,
    );
    for (const x of coarse!) expect(Number.isInteger(x / 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7))).toBe(true);
    expect(coarse).not.toEqual(fine);
    for (const [i, x] of coarse!.entries()) expect(Math.abs(x - fine![i]!)).toBeLessThan(0.03);
  });

  test("with the default ones they come near 1", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }), (values) => {
        const x = orthogonalized(tensor(values).diag(), FULL);
        for (const y of bits([x.diag()])[0]!) expect(Math.abs(y - 1)).toBeLessThan(0.45);
      }),
    );
  });

  test("a transposed gradient has a transposed direction", () => {
    fc.assert(
      fc.property(matrix, (g) => {
        const [x, y] = [g, g.t()].map((m) => orthogonalized(m, { ...FULL, nsCoefficients: CUBIC }));
        expect(bits([y!.t()])).toEqual(bits([x!]));
      }),
    );
  });

  test("takes matrices only", () => {
    const make =
      (...shape: number[]) =>
      () =>
        new Muon([new Parameter(tensor(1).expand(shape))]);
    expect(make(3)).toThrow(
      "Muon: item 0 of the parameters has shape [3], which is no matrix; give it to another optimizer, such as AdamW",
    );
    expect(make(2, 2, 2)).toThrow("has shape [2,2,2], which is no matrix");
  });
});

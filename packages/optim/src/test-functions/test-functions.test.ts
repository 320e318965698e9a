import { cpu } from "@descent/backend-cpu";
import {
  Generator,
  grad,
  gradcheck,
  gradgradcheck,
  hessian,
  linalg,
  setBackend,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import { countingBackend } from "@descent/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  ackley,
  booth,
  evaluateOnGrid,
  himmelblau,
  monkeySaddle,
  quadratic,
  rastrigin,
  rosenbrock,
  saddle,
  styblinskiTang,
  TEST_FUNCTIONS,
  type TestFunction,
} from "./index.ts";

beforeEach(() => setBackend(cpu()));

const ALL: readonly TestFunction[] = [
  ...TEST_FUNCTIONS,
  rosenbrock(5),
  rastrigin(1),
  ackley(3),
  styblinskiTang(4),
  quadratic({ dimension: 6, condition: 1e4, seed: 3 }),
];
const titled = ALL.map((fn) => [`${fn.name} in ${fn.dimension} dimensions`, fn] as const);

const at = (point: readonly number[], requiresGrad = false): Tensor =>
  tensor([...point], { dtype: "float64", requiresGrad });
const slope = (fn: TestFunction, point: readonly number[]): Tensor => {
  const x = at(point, true);
  return grad(fn.f(x), x);
};
/** Points of the domain, the same ones each time. */
const someIn = ({ domain }: TestFunction, random: Generator): number[] =>
  domain.map(([low, high]) => low + (high - low) * random.uniform());

describe.each(titled)("%s", (_, fn) => {
  test("has the value and no slope at its minima, and is above them elsewhere", () => {
    const random = new Generator(7);
    for (const { at: point, value } of fn.minima) {
      expect(Math.abs(fn.f(at(point)).item() - value)).toBeLessThan(1e-13 * fn.dimension);
      expect(slope(fn, point).abs().amax().item()).toBeLessThan(1e-10);
      for (let i = 0; i < 50; i++) expect(fn.f(at(someIn(fn, random))).item()).toBeGreaterThan(value);
      for (let i = 0; i < 50; i++) {
        const near = at(point.map((x) => x + (random.uniform() - 0.5) / 50));
        expect(fn.f(near).item()).toBeGreaterThan(value);
      }
    }
  });

  test("begins in its domain, away from its minima", () => {
    expect(fn.start).toHaveLength(fn.dimension);
    expect(fn.domain).toHaveLength(fn.dimension);
    for (const [i, [low, high]] of fn.domain.entries()) {
      expect(fn.start[i]).toBeGreaterThanOrEqual(low);
      expect(fn.start[i]).toBeLessThanOrEqual(high);
    }
    expect(slope(fn, fn.start).norm().item()).toBeGreaterThan(0.1);
  });

  test("has right gradients, of any order", () => {
    const random = new Generator(11);
    for (let i = 0; i < 3; i++) {
      const x = at(
        someIn(fn, random).map((c) => c / 8),
        true,
      );
      gradcheck(fn.f, [x]);
      gradgradcheck(fn.f, [x]);
    }
    const x = at(fn.start, true);
    let y = fn.f(x);
    for (let order = 0; order < 3 && y.requiresGrad; order++) y = grad(y, x, { createGraph: true }).sum();
    expect(y.isfinite().item()).toBe(1);
  });

  test("takes any number of points, and gives each the value that it has alone", () => {
    const random = new Generator(13);
    const points = Array.from({ length: 6 }, () => someIn(fn, random));
    const alone = points.map((point) => fn.f(at(point)).item());
    const together = fn.f(tensor(points, { dtype: "float64" }));
    expect(together.shape).toEqual([6]);
    expect(fn.f(tensor([points.slice(0, 3), points.slice(3)], { dtype: "float64" })).shape).toEqual([2, 3]);
    expect(fn.f(tensor(points)).dtype).toBe("float32");
    for (const [i, value] of together.toArray<number[]>().entries())
      expect(Math.abs(value - alone[i]!)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(value)));
  });
});

// Computed in Python from the formulas of Jamil & Yang.
test.each<[string, TestFunction, readonly number[], number]>([
  ["rosenbrock", rosenbrock(), [-1.2, 1], 24.2],
  ["rosenbrock in 4 dimensions", rosenbrock(4), [-1.2, 1, -1.2, 1], 532.4],
  ["beale", TEST_FUNCTIONS.find(({ name }) => name === "beale")!, [1, 1], 14.203125],
  ["himmelblau", himmelblau, [0, 0], 170],
  ["booth", booth, [0, 0], 74],
  ["saddle", saddle, [3, 2], 5],
  ["monkey saddle", monkeySaddle, [2, 1], 2],
  ["rastrigin", rastrigin(), [0.5, 1], 21.25],
  ["ackley", ackley(), [1, 1], 3.6253849384403627],
  ["styblinskiTang", styblinskiTang(3), [1, 2, 3], -48],
  ["quadratic", quadratic({ condition: 4 }), [1, 3], 18.5],
])("%s has the value of the literature", (_, fn, point, value) => {
  expect(fn.f(at(point)).item()).toBeCloseTo(value, 12);
});

test("the Hessian of a quadratic has the condition number that was asked for, rotated or not", () => {
  const seeds = fc.option(fc.nat(1000), { nil: undefined });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 7 }), fc.constantFrom(1, 2, 10, 1e5), seeds, (dimension, condition, seed) => {
      const { f, start } = quadratic({ dimension, condition, seed });
      const curvatures = linalg.eigvalsh(hessian(f, at(start))).toArray<number[]>();
      expect(Math.abs(curvatures[0]! - 1)).toBeLessThan(1e-9);
      expect(Math.abs(curvatures.at(-1)! / condition - 1)).toBeLessThan(1e-9);
    }),
    { numRuns: 30 },
  );
});

test("a seed gives one rotation, and another seed another one", () => {
  const value = (seed?: number): number =>
    quadratic({ condition: 100, seed })
      .f(at([1, 2]))
      .item();
  expect(value(1)).toBe(value(1));
  expect(new Set([value(), value(1), value(2)]).size).toBe(3);
});

test("at the origin the monkey saddle is flat to the second order, a saddle to the first", () => {
  for (const [fn, curvatures] of [
    [monkeySaddle, [0, 0]],
    [saddle, [-2, 2]],
  ] as const) {
    expect(slope(fn, [0, 0]).abs().amax().item()).toBe(0);
    const found = linalg.eigvalsh(hessian(fn.f, at([0, 0]))).toArray<number[]>();
    expect(found.map((c) => c + 0)).toEqual(curvatures);
  }
});

describe("evaluateOnGrid", () => {
  test("gives rows of the second coordinate and columns of the first", () => {
    const { x, y, values } = evaluateOnGrid(booth, {
      size: 5,
      domain: [
        [0, 4],
        [-2, 2],
      ],
    });
    expect(x.toArray()).toEqual([0, 1, 2, 3, 4]);
    expect(y.toArray()).toEqual([-2, -1, 0, 1, 2]);
    expect(values.at(4, 3).item()).toBe(booth.f(tensor([3, 2])).item());
    expect(evaluateOnGrid(himmelblau).values.shape).toEqual([100, 100]);
    expect(evaluateOnGrid(himmelblau).x.at(0).item()).toBe(-5);
  });

  test("leaves nothing behind", () => {
    const backend = countingBackend();
    setBackend(backend);
    const { x, y, values } = evaluateOnGrid(rosenbrock(), { size: 10 });
    expect(backend.liveBytes).toBe(4 * (10 + 10 + 100));
    for (const t of [x, y, values]) t.dispose();
    const point = tensor([1, 2]);
    for (const { f } of TEST_FUNCTIONS) f(point).dispose();
    expect(backend.liveBytes).toBe(8);
  });
});

test.each<[string, () => unknown]>([
  ["rosenbrock: dimension is 1, expected an integer ≥ 2", () => rosenbrock(1)],
  ["rastrigin: dimension is 0, expected an integer ≥ 1", () => rastrigin(0)],
  ["ackley: dimension is 1.5, expected an integer ≥ 1", () => ackley(1.5)],
  ["styblinskiTang: dimension is -2, expected an integer ≥ 1", () => styblinskiTang(-2)],
  ["quadratic: dimension is 1, expected an integer ≥ 2", () => quadratic({ dimension: 1 })],
  ["quadratic: condition is 0.5, expected a number ≥ 1", () => quadratic({ condition: 0.5 })],
  ["quadratic: seed is 0.5, expected an integer ≥ 0", () => quadratic({ seed: 0.5 })],
  ["quadratic: kappa is unknown (known: dimension, condition, seed)", () => quadratic({ kappa: 3 } as never)],
  ["himmelblau: expected points […,2], got [3]", () => himmelblau.f(tensor([1, 2, 3]))],
  ["rosenbrock: expected points […,3], got []", () => rosenbrock(3).f(tensor(1))],
  ["evaluateOnGrid: size is 1, expected an integer ≥ 2", () => evaluateOnGrid(booth, { size: 1 })],
  [
    "evaluateOnGrid: domain is [[0, 1]], expected bounds [[low, high], [low, high]]",
    () => evaluateOnGrid(booth, { domain: [[0, 1]] }),
  ],
])("%s", (message, call) => {
  expect(call).toThrow(expect.objectContaining({ message }));
});

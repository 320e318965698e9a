import { atLeastTwo, checked, positiveInteger } from "../checks.ts";
import { everywhere, inPlane, inSpace, type TestFunction } from "./test-function.ts";

// Definitions, domains and minima are those of Jamil & Yang 2013, "A literature survey of benchmark functions for global optimization problems".

/** A curved valley that is easy to find and hard to follow: `Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²` (Rosenbrock 1960). */
export function rosenbrock(dimension = 2): TestFunction {
  checked("rosenbrock", { dimension }, { dimension: atLeastTwo });
  return inSpace(
    "rosenbrock",
    dimension,
    (x) => {
      const [here, next] = [x.narrow(-1, 0, dimension - 1), x.narrow(-1, 1, dimension - 1)];
      return next.sub(here.square()).square().mul(100).add(here.neg().add(1).square()).sum(-1);
    },
    {
      minima: [{ at: everywhere(1, dimension), value: 0 }],
      domain: 2.048,
      start: Array.from({ length: dimension }, (_, i) => (i % 2 === 0 ? -1.2 : 1)),
    },
  );
}

/** A flat valley with steep walls: `Σ (cₖ − x + x yᵏ)²` with c = 1.5, 2.25, 2.625 (Beale 1958). */
export const beale: TestFunction = inPlane(
  "beale",
  (x, y) => {
    const term = (c: number, k: number) => x.mul(y.pow(k).sub(1)).add(c).square();
    return term(1.5, 1).add(term(2.25, 2)).add(term(2.625, 3));
  },
  { minima: [{ at: [3, 0.5], value: 0 }], domain: 4.5, start: [1, 1] },
);

/** Four minima of the same depth: `(x² + y − 11)² + (x + y² − 7)²` (Himmelblau 1972). */
export const himmelblau: TestFunction = inPlane(
  "himmelblau",
  (x, y) => x.square().add(y).sub(11).square().add(x.add(y.square()).sub(7).square()),
  {
    minima: [
      { at: [3, 2], value: 0 },
      { at: [-2.805118086952745, 3.131312518250573], value: 0 },
      { at: [-3.779310253377747, -3.2831859912861696], value: 0 },
      { at: [3.5844283403304917, -1.8481265269644036], value: 0 },
    ],
    domain: 5,
    start: [0, 0],
  },
);

/** An oblique bowl: `(x + 2y − 7)² + (2x + y − 5)²`. */
export const booth: TestFunction = inPlane(
  "booth",
  (x, y) => x.add(y.mul(2)).sub(7).square().add(x.mul(2).add(y).sub(5).square()),
  { minima: [{ at: [1, 3], value: 0 }], domain: 10, start: [-5, 5] },
);

/** Two ways down from the origin: `x² − y²`. */
export const saddle: TestFunction = inPlane("saddle", (x, y) => x.square().sub(y.square()), {
  minima: [],
  domain: 2,
  start: [1, 0.01],
});

/** Three ways down from the origin, where the Hessian is 0, too: `x³ − 3xy²`. */
export const monkeySaddle: TestFunction = inPlane("monkeySaddle", (x, y) => x.mul(x.square().sub(y.square().mul(3))), {
  minima: [],
  domain: 2,
  start: [1, 0.01],
});

/** A bowl with a local minimum near every integer point: `10n + Σ xᵢ² − 10 cos(2πxᵢ)` (Rastrigin 1974). */
export function rastrigin(dimension = 2): TestFunction {
  checked("rastrigin", { dimension }, { dimension: positiveInteger });
  return inSpace(
    "rastrigin",
    dimension,
    (x) =>
      x
        .square()
        .sub(
          x
            .mul(2 * Math.PI)
            .cos()
            .mul(10),
        )
        .add(10)
        .sum(-1),
    { minima: [{ at: everywhere(0, dimension), value: 0 }], domain: 5.12, start: 4 },
  );
}

/** A plain of local minima around a funnel: `20 − 20 exp(−0.2 √mean(xᵢ²)) + e − exp(mean cos(2πxᵢ))` (Ackley 1987). Its minimum is a kink, where the gradient counts as 0. */
export function ackley(dimension = 2): TestFunction {
  checked("ackley", { dimension }, { dimension: positiveInteger });
  return inSpace(
    "ackley",
    dimension,
    (x) => {
      const distance = x.norm(2, -1).div(Math.sqrt(dimension));
      const ripples = x
        .mul(2 * Math.PI)
        .cos()
        .mean(-1);
      return distance
        .mul(-0.2)
        .exp()
        .mul(-20)
        .sub(ripples.exp())
        .add(20 + Math.E);
    },
    { minima: [{ at: everywhere(0, dimension), value: 0 }], domain: 32.768, start: 10 },
  );
}

/** One deep and one shallow minimum along every coordinate: `½ Σ xᵢ⁴ − 16xᵢ² + 5xᵢ` (Styblinski & Tang 1990). */
export function styblinskiTang(dimension = 2): TestFunction {
  checked("styblinskiTang", { dimension }, { dimension: positiveInteger });
  return inSpace(
    "styblinskiTang",
    dimension,
    (x) =>
      x
        .mul(x.pow(3).sub(x.mul(16)).add(5))
        .sum(-1)
        .mul(0.5),
    {
      minima: [{ at: everywhere(-2.903534027771177, dimension), value: -39.16616570377141 * dimension }],
      domain: 5,
      start: 0,
    },
  );
}

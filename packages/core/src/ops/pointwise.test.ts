import { cpu } from "@descent/backend-cpu";
import {
  add,
  allclose,
  clamp,
  copysign,
  div,
  equal,
  floorDivide,
  fmod,
  frac,
  grad,
  hypot,
  lerp,
  nanToNum,
  ones,
  pow,
  prelu,
  rad2deg,
  relu6,
  remainder,
  setBackend,
  sinc,
  sub,
  type Tensor,
  tan,
  tensor,
  trunc,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const int = (...values: number[]): Tensor => tensor(values, { dtype: "int32" });
const number = fc.double({ min: -100, max: 100, noNaN: true });
const divisor = number.filter((x) => Math.abs(x) > 1e-3);

test("dtypes are those of PyTorch: what has fractions is floating, what rounds stays integer", () => {
  const x = int(-7, 4);
  const bool = tensor([true, false]);
  const kept = [
    trunc(x),
    fmod(x, 2),
    remainder(x, 2),
    floorDivide(x, 2),
    clamp(x, 0),
    nanToNum(x),
    relu6(x),
    x.positive(),
  ];
  expect(kept.map(({ dtype }) => dtype)).toEqual(kept.map(() => "int32"));
  const floats = [
    tan(x),
    rad2deg(x),
    sinc(bool),
    hypot(x, x),
    copysign(x, -1),
    div(x, 2),
    x.elu(),
    x.leakyRelu(),
    x.logit(),
  ];
  expect(floats.map(({ dtype }) => dtype)).toEqual(floats.map(() => "float32"));
  expect(fmod(x, tensor([2, 3], { dtype: "float64" })).dtype).toBe("float64");
  expect([bool.signbit(), x.isposinf(), x.isclose(x)].map(({ dtype }) => dtype)).toEqual(["bool", "bool", "bool"]);
});

describe("division with a remainder", () => {
  test("floors as in Python: the remainder has the sign of the divisor and completes the quotient", () => {
    fc.assert(
      fc.property(number, divisor, (a, b) => {
        const [x, y] = [a, b].map((v) => tensor(v, { dtype: "float64" })) as [Tensor, Tensor];
        const [q, r] = [floorDivide(x, y).item(), remainder(x, y).item()];
        expect(Number.isInteger(q)).toBe(true);
        expect(r === 0 || r > 0 === b > 0).toBe(true);
        expect(Math.abs(r)).toBeLessThanOrEqual(Math.abs(b));
        expect(q * b + r).toBeCloseTo(a, 9);
      }),
    );
  });

  test("of integers is exact, where float32 would not hold them", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1000 }), fc.boolean(), (a, size, negative) => {
        const b = negative ? -size : size;
        fc.pre(!(a === -(2 ** 31) && b === -1));
        const x = int(a);
        expect(floorDivide(x, b).toArray()).toEqual([Math.floor(a / b)]);
        expect(div(x, b, { roundingMode: "trunc" }).toArray()).toEqual([Math.trunc(a / b) + 0]);
        expect(add(x, 0).equal(floorDivide(x, b).mul(b).add(remainder(x, b)))).toBe(true);
      }),
    );
  });

  test("a number stands on either side", () => {
    expect(remainder(7, int(4, -4)).toArray()).toEqual([3, -1]);
    expect(remainder(int(7, -7), 4).toArray()).toEqual([3, 1]);
    expect(div(7, int(4, -4), { roundingMode: "floor" }).toArray()).toEqual([1, -2]);
  });

  test("what is rounded has gradient zero, also where the quotient is infinite", () => {
    const [x, y] = [tensor([1, -5], { requiresGrad: true }), tensor([0, 3], { requiresGrad: true })];
    for (const roundingMode of ["floor", "trunc"] as const)
      for (const g of grad(div(x, y, { roundingMode }).sum(), [x, y])) expect(g.toArray()).toEqual([0, 0]);
  });

  test("a number is its integer part and its fraction", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 })), (values) => {
        const x = tensor(values, { dtype: "float64" });
        expect(add(trunc(x), frac(x)).equal(x)).toBe(true);
      }),
    );
  });
});

describe("what reads its answer", () => {
  test("equal compares shapes and all elements", () => {
    const x = tensor([[1, 2]]);
    expect(equal(x, tensor([[1, 2]]))).toBe(true);
    expect(equal(x, tensor([1, 2]))).toBe(false);
    expect(equal(x, tensor([[1, 3]]))).toBe(false);
    expect(equal(tensor([Number.NaN]), tensor([Number.NaN]))).toBe(false);
    expect(equal(ones([0]), ones([0]))).toBe(true);
    expect(equal(x, tensor([[1, 2]], { dtype: "int32" }))).toBe(true);
  });

  test("allclose broadcasts and knows tolerances", () => {
    const x = tensor([1, 1.1]);
    expect(allclose(x, tensor(1))).toBe(false);
    expect(allclose(x, tensor(1), { rtol: 0.2 })).toBe(true);
    expect(allclose(x, tensor(1), { atol: 0.2 })).toBe(true);
    expect(allclose(tensor([Number.NaN]), tensor([Number.NaN]), { equalNan: true })).toBe(true);
  });

  test("and not where nobody can wait for it", () => {
    const x = ones([2], { backend: { ...cpu(), name: "gpu", synchronous: false } });
    for (const fn of [equal, allclose])
      expect(() => fn(x, x)).toThrow(
        `${fn.name}: the op is computed on the host, and backend "gpu" computes asynchronously`,
      );
  });
});

test("a power has its mixed second derivative at exponent 0", () => {
  // ∂²(aᵇ)/∂a∂b = aᵇ⁻¹ (1 + b·log a), which is 1/a.
  const [a, b] = [2, 0].map((v) => tensor([v], { requiresGrad: true, dtype: "float64" })) as [Tensor, Tensor];
  const [da, db] = grad(pow(a, b).sum(), [a, b], { createGraph: true }) as [Tensor, Tensor];
  expect(da.toArray()).toEqual([0]);
  expect(grad(da.sum(), b, { retainGraph: true }).toArray()).toEqual([0.5]);
  expect(grad(db.sum(), a).toArray()).toEqual([0.5]);
});

test("bounds that are tensors share the gradient where they are met, in PyTorch's parts", () => {
  const [x, min, max] = [
    [0, 1, 2, 3, -1, 5],
    [0, 1, 1, 1, 0, 3],
    [1, 2, 2, 2, 1, 1],
  ].map((values) => tensor(values, { requiresGrad: true })) as [Tensor, Tensor, Tensor];
  const y = clamp(x, min, max);
  expect(y.toArray()).toEqual([0, 1, 2, 2, 0, 1]);
  expect(grad(y.sum(), [x, min, max]).map((g) => g.toArray())).toEqual([
    [0.5, 0.5, 0.5, 0, 0, 0],
    [0.5, 0.5, 0, 0, 1, 0],
    [0, 0, 0.5, 1, 0, 1],
  ]);
});

test("an infinite element that does not meet the weight stays out of its gradient", () => {
  const w = tensor([0.5], { requiresGrad: true });
  expect(grad(prelu(tensor([Number.POSITIVE_INFINITY, -2]), w).sum(), w).toArray()).toEqual([-2]);
});

test("lerp goes from one end to the other", () => {
  fc.assert(
    fc.property(number, number, fc.double({ min: -2, max: 3, noNaN: true }), (a, b, w) => {
      const [x, y, weight] = [a, b, w].map((v) => tensor(v, { dtype: "float64" })) as [Tensor, Tensor, Tensor];
      expect(lerp(x, y, w).item()).toBeCloseTo(a + w * (b - a), 9);
      expect(sub(lerp(x, y, weight), lerp(x, y, w)).item()).toBe(0);
    }),
  );
});

import {
  allocate,
  type BinaryFn,
  DTYPES,
  type DType,
  type Operand,
  type Shape,
  sizeOf,
  type TypedArray,
  type UnaryFn,
} from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "./index.ts";

const backend = cpu();
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const vector = (values: readonly number[], dtype: DType = "float64"): Operand<TypedArray> => {
  const handle = allocate(dtype, values.length);
  handle.set(values);
  return { handle, shape: [values.length], dtype };
};
const unary = (fn: UnaryFn, values: readonly number[], dtype: DType = "float64"): number[] => {
  const x = vector(values, dtype);
  return Array.from(backend.unary(fn, x, x));
};
const binary = (
  fn: BinaryFn,
  a: readonly number[],
  b: readonly number[] | number,
  dtype: DType,
  out = dtype,
): number[] =>
  Array.from(
    backend.binary(fn, vector(a, dtype), typeof b === "number" ? b : vector(b, dtype), {
      shape: [a.length],
      dtype: out,
    }),
  );

describe("unary", () => {
  /** The same functions in other words. */
  const MODEL: Record<UnaryFn, (x: number) => number> = {
    neg: (x) => 0 - x,
    abs: (x) => Math.sqrt(x * x),
    sign: (x) => (x === 0 ? 0 : x / Math.abs(x)),
    exp: (x) => Math.E ** x,
    expm1: (x) => 2 * Math.exp(x / 2) * Math.sinh(x / 2),
    log: (x) => Math.log2(x) * Math.LN2,
    log1p: (x) => 2 * Math.atanh(x / (2 + x)),
    exp2: (x) => Math.exp(x * Math.LN2),
    log2: (x) => Math.log(x) / Math.LN2,
    log10: (x) => Math.log(x) / Math.LN10,
    sqrt: (x) => x ** 0.5,
    rsqrt: (x) => x ** -0.5,
    sin: (x) => 2 * Math.sin(x / 2) * Math.cos(x / 2),
    cos: (x) => 1 - 2 * Math.sin(x / 2) ** 2,
    tan: (x) => Math.sin(x) / Math.cos(x),
    asin: (x) => Math.atan2(x, Math.sqrt((1 - x) * (1 + x))),
    acos: (x) => Math.atan2(Math.sqrt((1 - x) * (1 + x)), x),
    atan: (x) => Math.atan2(x, 1),
    sinh: (x) => (Math.exp(x) - Math.exp(-x)) / 2,
    cosh: (x) => (Math.exp(x) + Math.exp(-x)) / 2,
    tanh: (x) => Math.sinh(x) / Math.cosh(x),
    asinh: (x) => Math.sign(x) * Math.log(Math.abs(x) + Math.hypot(x, 1)),
    acosh: (x) => (x < 1 ? nan : Math.log(x + Math.sqrt(x * x - 1))),
    atanh: (x) => Math.log((1 + x) / (1 - x)) / 2,
    sigmoid: (x) => (1 + Math.tanh(x / 2)) / 2,
    erf: (x) => (x < 0 ? -erfBySeries(-x) : erfBySeries(x)),
    erfc: (x) => (x < 0 ? 1 + erfBySeries(-x) : 1 - erfBySeries(x)),
    erfinv: erfinvByBisection,
    relu: (x) => (x + Math.abs(x)) / 2,
    floor: (x) => x - (((x % 1) + 1) % 1),
    ceil: (x) => x + ((1 - (x % 1)) % 1),
    trunc: (x) => x - (x % 1),
    round: (x) => (x % 1 === 0 ? x : Math.abs(x % 1) === 0.5 ? 2 * Math.floor((x + 1) / 2) : Math.floor(x + 0.5)),
  };

  test.each(Object.keys(MODEL) as UnaryFn[])("%s equals its model", (fn) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -40, max: 40 })), (eighths) => {
        const values = eighths.map((n) => n / 8);
        const expected = values.map(MODEL[fn]);
        for (const [i, y] of unary(fn, values).entries())
          if (Number.isNaN(expected[i])) expect(y).toBeNaN();
          else if (Math.abs(expected[i]!) === inf) expect(y).toBe(expected[i]);
          else expect(Math.abs(y - expected[i]!)).toBeLessThanOrEqual(1e-14 * Math.max(1, Math.abs(expected[i]!)));
      }),
    );
  });

  test.each<[UnaryFn, number[], number[]]>([
    // As PyTorch 2.15 has them.
    ["neg", [nan, inf, -inf, 0, -0], [nan, -inf, inf, -0, 0]],
    ["abs", [nan, inf, -inf, 0, -0], [nan, inf, inf, 0, 0]],
    ["sign", [nan, inf, -inf, 0, -0, 1e-40], [0, 1, -1, 0, 0, 1]],
    ["exp", [nan, inf, -inf, 0, -0, 1e38, -1e38], [nan, inf, 0, 1, 1, inf, 0]],
    ["expm1", [nan, inf, -inf, 0, -0, 1e-20], [nan, inf, -1, 0, -0, 1e-20]],
    ["log", [nan, inf, 0, -0, -1, 1], [nan, inf, -inf, -inf, nan, 0]],
    ["log1p", [nan, inf, 0, -0, -1, -2, 1e-30], [nan, inf, 0, -0, -inf, nan, 1e-30]],
    ["sqrt", [nan, inf, 0, -0, -1, 4], [nan, inf, 0, -0, nan, 2]],
    ["rsqrt", [nan, inf, 0, -0, -1, 4], [nan, 0, inf, -inf, nan, 0.5]],
    ["sin", [nan, inf, 0, -0], [nan, nan, 0, -0]],
    ["cos", [nan, inf, 0, -0], [nan, nan, 1, 1]],
    ["tanh", [nan, inf, -inf, 0, -0, 1e-40], [nan, 1, -1, 0, -0, 1e-40]],
    ["sigmoid", [nan, inf, -inf, 0, -0, 1e38, -1e38], [nan, 1, 0, 0.5, 0.5, 1, 0]],
    ["erf", [nan, inf, -inf, 0, -0, 1e38, -1e38], [nan, 1, -1, 0, -0, 1, -1]],
    ["erfc", [nan, inf, -inf, 0, -0, 1e38, -1e38], [nan, 0, 2, 1, 1, 0, 2]],
    [
      "erfinv",
      [nan, inf, -inf, 0, -0, 1, -1, 2, 1e-300],
      [nan, nan, nan, 0, -0, inf, -inf, nan, 8.86226925452758e-301],
    ],
    ["trunc", [nan, inf, -inf, -0, -0.5, 0.5, -1.5, 1e300], [nan, inf, -inf, -0, -0, 0, -1, 1e300]],
    ["log2", [nan, inf, 0, -0, -1, 8], [nan, inf, -inf, -inf, nan, 3]],
    ["log10", [nan, inf, 0, -0, -1, 1000], [nan, inf, -inf, -inf, nan, 3]],
    ["exp2", [nan, inf, -inf, 0, -0, 10, -1074, 1024], [nan, inf, 0, 1, 1, 1024, 5e-324, inf]],
    ["acosh", [nan, inf, 1, 0.5], [nan, inf, 0, nan]],
    ["atanh", [1, -1, 2, 0, -0], [inf, -inf, nan, 0, -0]],
    ["relu", [nan, inf, -inf, 0, -0, -3, 1e-40], [nan, inf, 0, 0, -0, 0, 1e-40]],
    ["floor", [nan, inf, -inf, -0, -0.5, 0.5], [nan, inf, -inf, -0, -1, 0]],
    ["ceil", [nan, inf, -inf, -0, -0.5, 0.5], [nan, inf, -inf, -0, -0, 1]],
    ["round", [nan, inf, -inf, -0, -0.2, 0.49999999999999994, 1e300], [nan, inf, -inf, -0, -0, 0, 1e300]],
    ["round", [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 4503599627370495.5], [-2, -2, -0, 0, 2, 2, 4503599627370496]],
  ])("%s at its edges: %j", (fn, x, expected) => {
    expect(unary(fn, x)).toEqual(expected);
  });

  test("sigmoid keeps its relative precision far out", () => {
    expect(unary("sigmoid", [-100, -700])).toEqual([3.7200759760208356e-44, 9.859676543759771e-305]);
  });

  test("rounds to the dtype of the result", () => {
    expect(unary("exp", [1], "float32")).toEqual([Math.fround(Math.E)]);
    expect(unary("neg", [-(2 ** 31), 5], "int32")).toEqual([-(2 ** 31), -5]);
    expect(unary("relu", [-5, 5], "int32")).toEqual([0, 5]);
  });
});

/** `erf(x) = 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!` for `x ≥ 0`: all terms are positive. */
function erfBySeries(x: number): number {
  let sum = 0;
  let term = x;
  for (let n = 0; sum + term !== sum; n++, term *= (2 * x * x) / (2 * n + 1)) sum += term;
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** The inverse of a function that rises, between 0 and 6. */
function erfinvByBisection(x: number): number {
  if (!(Math.abs(x) < 1)) return Math.abs(x) === 1 ? x * inf : nan;
  let [low, high] = [0, 6];
  for (let middle = 3; low < middle && middle < high; middle = (low + high) / 2)
    if (erfBySeries(middle) < Math.abs(x)) low = middle;
    else high = middle;
  return Math.sign(x) * low;
}

describe("erf", () => {
  test.each([
    // mpmath 1.3, 40 digits.
    [1e-300, 1.1283791670955126e-300],
    [0.1, 0.1124629160182849],
    [0.46875, 0.4926134732179379],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3.5, 0.9999992569016276],
    [5, 0.9999999999984626],
    [6, 1],
  ])("erf(±%d) = ±%d to 1e-15", (x, expected) => {
    for (const sign of [1, -1])
      expect(Math.abs(unary("erf", [sign * x])[0]! / (sign * expected) - 1)).toBeLessThanOrEqual(1e-15);
  });

  test("equals its power series to 1e-15, relative, where that is as precise", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1.5, noNaN: true }), (x) => {
        expect(Math.abs(unary("erf", [x])[0]! - erfBySeries(x))).toBeLessThanOrEqual(1e-15 * x);
      }),
    );
  });
});

describe("erfc and erfinv", () => {
  test.each([
    // mpmath 1.3, 40 digits.
    [-3, 1.9999779095030015],
    [-0.5, 1.5204998778130465],
    [0.25, 0.7236736098317631],
    [0.46875, 0.507386526782062],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028513],
    [2, 0.004677734981047266],
    [4, 1.541725790028002e-8],
    [4.5, 1.9661604415428876e-10],
    [6, 2.1519736712498913e-17],
    [10, 2.088487583762545e-45],
    [20, 5.395865611607901e-176],
    [26.5, 2.2109076642637343e-307],
    [5.3, 6.613081850340811e-14],
    [25.7, 3.1188999330073835e-289],
  ])("erfc(%d) = %d to 1e-15", (x, expected) => {
    expect(Math.abs(unary("erfc", [x])[0]! / expected - 1)).toBeLessThanOrEqual(1e-15);
  });

  test("erfinv undoes erf, and where erf is 1 but for a little, erfc", () => {
    fc.assert(
      fc.property(fc.double({ min: -0.9, max: 0.9, noNaN: true }), (x) => {
        const [y] = unary("erfinv", [x]);
        expect(Math.abs(unary("erf", [y!])[0]! - x)).toBeLessThanOrEqual(4e-16 * Math.abs(x) + 1e-320);
      }),
    );
    for (const missing of [2 ** -10, 2 ** -30, 2 ** -52]) {
      const [y] = unary("erfinv", [1 - missing]);
      expect(Math.abs(unary("erfc", [y!])[0]! / missing - 1)).toBeLessThanOrEqual(2e-14);
    }
  });
});

/** All indices into a shape, in row-major order. */
const indices = (shape: Shape): number[][] =>
  shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
/** The element that a broadcast operand shows at an index of the result. */
const elementAt = ({ handle, shape }: Operand<TypedArray>, index: readonly number[]): number => {
  let at = 0;
  for (const [axis, size] of shape.entries())
    at = at * size + (size === 1 ? 0 : index[index.length - shape.length + axis]!);
  return handle[at]!;
};

const shapes = fc.array(fc.nat(3), { maxLength: 4 });
/** Shapes that broadcast to `to`. */
const stretchable = (to: Shape): fc.Arbitrary<Shape> =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: to.length, maxLength: to.length }), fc.nat(to.length))
    .map(([single, dropped]) => to.map((size, i) => (single[i] ? 1 : size)).slice(dropped));
const filled = (shape: Shape, dtype: DType, value: fc.Arbitrary<number>): fc.Arbitrary<Operand<TypedArray>> =>
  fc
    .array(value, { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
    .map((values) => ({ ...vector(values, dtype), shape }));

const numbers = fc.integer({ min: -3, max: 3 });
const bits = fc.nat(1);

describe("binary", () => {
  const MODEL: Record<BinaryFn, (a: number, b: number) => number> = {
    add: (a, b) => a - -b,
    sub: (a, b) => a + -b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    pow: (a, b) => a ** b,
    fmod: (a, b) => Math.sign(a) * (Math.abs(a) - Math.abs(b) * Math.floor(Math.abs(a / b))),
    atan2: (a, b) => -Math.atan2(-a, b),
    maximum: (a, b) => (a + b + Math.abs(a - b)) / 2,
    minimum: (a, b) => (a + b - Math.abs(a - b)) / 2,
    eq: (a, b) => (a === b ? 1 : 0),
    ne: (a, b) => (a === b ? 0 : 1),
    lt: (a, b) => (a < b ? 1 : 0),
    le: (a, b) => (a <= b ? 1 : 0),
    gt: (a, b) => (b < a ? 1 : 0),
    ge: (a, b) => (b <= a ? 1 : 0),
    and: (a, b) => (a === 1 && b === 1 ? 1 : 0),
    or: (a, b) => (a === 1 || b === 1 ? 1 : 0),
    xor: (a, b) => (a === b ? 0 : 1),
  };
  const COMPARISONS: readonly string[] = ["eq", "ne", "lt", "le", "gt", "ge"];
  const LOGICAL: readonly string[] = ["and", "or", "xor"];

  const call = (dtype: DType, value: fc.Arbitrary<number>) =>
    shapes.chain((shape) => {
      const operand = stretchable(shape).chain((from) => filled(from, dtype, value));
      // At most one of the two is a number; what broadcasts stretches up to `shape` all the same.
      return fc.tuple(
        fc.constant(shape),
        fc.oneof(fc.tuple(operand, operand), fc.tuple(value, operand), fc.tuple(operand, value)),
      );
    });

  const cases = (Object.keys(MODEL) as BinaryFn[]).flatMap((fn) =>
    DTYPES.filter((dtype) => LOGICAL.includes(fn) === (dtype === "bool")).map((dtype) => [fn, dtype] as const),
  );

  test.each(cases)("%s of %s operands equals its model for all shapes that broadcast", (fn, dtype) => {
    fc.assert(
      fc.property(call(dtype, dtype === "bool" ? bits : numbers), ([shape, [a, b]]) => {
        const out = { shape, dtype: COMPARISONS.includes(fn) || LOGICAL.includes(fn) ? ("bool" as const) : dtype };
        const expected = allocate(out.dtype, sizeOf(shape));
        const read = (x: Operand<TypedArray> | number, index: number[]) =>
          typeof x === "number" ? x : elementAt(x, index);
        for (const [i, index] of indices(shape).entries()) expected[i] = MODEL[fn](read(a, index), read(b, index));
        expect(backend.binary(fn, a, b, out)).toEqual(expected);
      }),
    );
  });

  test.each<[BinaryFn, number[], number[], number[]]>([
    ["add", [inf, inf, nan, -0], [-inf, inf, 1, -0], [nan, inf, nan, -0]],
    ["sub", [inf, 0, 0], [inf, 0, -0], [nan, 0, 0]],
    ["mul", [0, -0, nan], [inf, 2, 0], [nan, -0, nan]],
    ["div", [1, 1, 0, -1], [0, -0, 0, inf], [inf, -inf, nan, -0]],
    ["pow", [0, 0, 2, 4, 0, -0, -8], [0, 2, 0, 0.5, -1, -1, 1 / 3], [1, 0, 1, 2, inf, -inf, nan]],
    ["pow", [1, -1, -1, nan, 1, 1, 2, -2], [nan, inf, -inf, 0, inf, -inf, nan, inf], [1, 1, 1, 1, 1, 1, nan, inf]],
    ["maximum", [1, 2, nan, 3, -inf], [1, 1, 0, nan, inf], [1, 2, nan, nan, inf]],
    ["minimum", [1, 2, nan, 3, -inf], [1, 1, 0, nan, inf], [1, 1, nan, nan, -inf]],
    [
      "fmod",
      [5, -5, 5, -5, 1, inf, -1, -6, nan],
      [3, 3, -3, -3, 0, 1, inf, 3, 1],
      [2, -2, 2, -2, nan, nan, -1, -0, nan],
    ],
    ["atan2", [0, -0, 0, -0, inf, nan], [0, 0, -0, -0, inf, 1], [0, -0, Math.PI, -Math.PI, Math.PI / 4, nan]],
    ["eq", [nan, 0, inf], [nan, -0, inf], [0, 1, 1]],
    ["ne", [nan, 0, inf], [nan, -0, inf], [1, 0, 0]],
    ["lt", [nan, -0, -inf], [nan, 0, inf], [0, 0, 1]],
    ["le", [nan, 0, inf], [1, -0, nan], [0, 1, 0]],
    ["gt", [nan, 0, inf], [1, -0, 1], [0, 0, 1]],
    ["ge", [nan, -0, inf], [nan, 0, inf], [0, 1, 1]],
  ])("%s at its edges: %j and %j", (fn, a, b, expected) => {
    expect(binary(fn, a, b, "float64", COMPARISONS.includes(fn) ? "bool" : "float64")).toEqual(expected);
  });

  test("float32 is computed in doubles and rounded once", () => {
    expect(binary("div", [1], [3], "float32")).toEqual([Math.fround(1 / 3)]);
  });

  test("int32 wraps around without losing low bits", () => {
    expect(binary("add", [2 ** 31 - 1], [1], "int32")).toEqual([-(2 ** 31)]);
    expect(binary("mul", [123456789, 2 ** 30], [987654321, 7], "int32")).toEqual([-67153019, -(2 ** 30)]);
    // As torch.pow has them.
    expect(binary("pow", [2, 3, -3, 0, -1, -1, 1, 2, 0], [31, 40, 21, 0, -1, -2, -5, -1, -1], "int32")).toEqual([
      -2147483648, 689956897, -1870418611, 1, -1, 1, 1, 0, 0,
    ]);
    expect(binary("div", [7, -7, 1], [2, 2, 0], "int32")).toEqual([3, -3, 0]);
    expect(binary("fmod", [7, -7, 1], [2, 2, 0], "int32")).toEqual([1, -1, 0]);
  });

  test("a long row that is walked from an offset", () => {
    const rows = vector(
      Array.from({ length: 200 }, (_, i) => i),
      "float32",
    );
    const bias = vector([1, -1]);
    const y = backend.binary(
      "add",
      { ...rows, shape: [2, 100] },
      { ...bias, shape: [2, 1] },
      { shape: [2, 100], dtype: "float32" },
    );
    expect(Array.from(y)).toEqual(Array.from({ length: 200 }, (_, i) => (i < 100 ? i + 1 : i - 1)));
  });
});

describe("select", () => {
  test("takes a where the condition holds, for all shapes that broadcast", () => {
    const call = shapes.chain((shape) => {
      const operand = fc.oneof(
        stretchable(shape).chain((from) => filled(from, "float32", numbers)),
        numbers,
      );
      return fc.tuple(
        fc.constant(shape),
        stretchable(shape).chain((from) => filled(from, "bool", bits)),
        operand,
        operand,
      );
    });
    fc.assert(
      fc.property(call, ([shape, condition, a, b]) => {
        const expected = indices(shape).map((index) => {
          const chosen = elementAt(condition, index) === 1 ? a : b;
          return typeof chosen === "number" ? chosen : elementAt(chosen, index);
        });
        expect(Array.from(backend.select(condition, a, b, { shape, dtype: "float32" }))).toEqual(expected);
      }),
    );
  });

  test("lets NaN and −0 pass, and nothing of what was not chosen", () => {
    const condition = vector([1, 0, 1, 0], "bool");
    const y = backend.select(condition, vector([nan, nan, -0, inf]), vector([1, 2, nan, -0]), {
      shape: [4],
      dtype: "float64",
    });
    expect(Array.from(y)).toEqual([nan, 2, -0, -0]);
  });
});

test("fill repeats a number in the dtype of the result", () => {
  const fill = (value: number, dtype: DType, shape: Shape) => Array.from(backend.fill(value, { shape, dtype }));
  expect(fill(0.1, "float32", [2])).toEqual([Math.fround(0.1), Math.fround(0.1)]);
  expect(fill(-3, "int32", [])).toEqual([-3]);
  expect(fill(5, "bool", [1])).toEqual([1]);
  expect(fill(1, "float64", [2, 0])).toEqual([]);
});

describe("cast", () => {
  const VALUES = [nan, inf, -inf, 0, -0, 1.9, -1.9, 0.1, 256, 3e9];

  test.each<[DType, number[]]>([
    ["bool", [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]],
    ["int32", [0, 0, 0, 0, 0, 1, -1, 0, 256, 3e9 - 2 ** 32]],
    ["float32", VALUES.map(Math.fround)],
    ["float64", VALUES],
  ])("to %s", (dtype, expected) => {
    const x = vector(VALUES);
    const y = backend.cast(x, { shape: x.shape, dtype });
    expect(y).not.toBe(x.handle);
    expect(y).toBeInstanceOf(allocate(dtype, 0).constructor);
    expect(Array.from(y)).toEqual(expected);
  });
});

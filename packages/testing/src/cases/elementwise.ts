import { cpu } from "@descent/backend-cpu";
import {
  add,
  type DType,
  div,
  eq,
  ge,
  gt,
  isfinite,
  isinf,
  isnan,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  oneHot,
  pow,
  reciprocal,
  square,
  sub,
  type Tensor,
  where,
} from "@descent/core";
import fc from "fast-check";
import { broadcastShapes, type GridOptions, nonzero, shape } from "../arbitraries.ts";
import { type CaseInput, condition, draw, floats, index, type OpCase, opCase, ties } from "../op-case.ts";
import { pullback } from "./adjoint.ts";

/** The methods that map a tensor to a tensor and take nothing else. */
type Unary = { [K in keyof Tensor]: Tensor[K] extends () => Tensor ? K : never }[keyof Tensor];

export const unary = (name: Unary, options?: GridOptions): OpCase =>
  opCase(
    shape().chain((s) => draw(null, floats(s, options))),
    ([x]) => x![name](),
  );

const gradient = (name: Unary): OpCase =>
  opCase(
    shape().chain((s) => draw(null, floats(s), floats(s))),
    ([g, x]) => pullback((x) => x[name](), [x!], g!),
  );

type Scalar = Tensor | number;
type Binary = (a: Scalar, b: Scalar) => Tensor;

const even: GridOptions = { parity: "even" };

/** Two tensors that broadcast, or one and a number on either side. Odd and even grids keep the two apart. */
export const binary = (
  fn: Binary,
  a: (shape: readonly number[]) => fc.Arbitrary<CaseInput> = floats,
  b: (shape: readonly number[]) => fc.Arbitrary<CaseInput> = (s) => floats(s, even),
): OpCase => {
  const numberOf = (input: fc.Arbitrary<CaseInput>): fc.Arbitrary<number> => input.map(({ values }) => values[0]!);
  return fc.oneof(
    {
      weight: 2,
      arbitrary: opCase(
        broadcastShapes(2).chain(([s, t]) => draw(null, a(s!), b(t!))),
        ([x, y]) => fn(x!, y!),
      ),
    },
    {
      weight: 1,
      arbitrary: opCase(
        fc.tuple(shape(), numberOf(b([]))).chain(([s, number]) => draw({ number }, a(s))),
        ([x], { number }) => fn(x!, number),
      ),
    },
    {
      weight: 1,
      arbitrary: opCase(
        fc.tuple(shape(), numberOf(a([]))).chain(([s, number]) => draw({ number }, b(s))),
        ([x], { number }) => fn(number, x!),
      ),
    },
  );
};

/** A function of one tensor. */
export const one = (fn: (x: Tensor) => Tensor, input: (shape: readonly number[]) => fc.Arbitrary<CaseInput>): OpCase =>
  opCase(
    shape().chain((s) => draw(null, input(s))),
    ([x]) => fn(x!),
  );

const nonzeroFloats = (s: readonly number[]): fc.Arbitrary<CaseInput> =>
  nonzero(s).map((values) => ({ shape: s, values }));

/** Comparisons meet many equal numbers and differentiate nothing. */
const comparison = (fn: (a: Tensor, b: Scalar) => Tensor, ...others: ((x: Tensor) => Tensor)[]): OpCase =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: opCase(
        broadcastShapes(2).chain(([s, t]) => draw(null, ties(s!), ties(t!))),
        ([x, y]) => fn(x!, y!),
      ),
    },
    one((x) => fn(x, 1), ties),
    ...others.map((other) => one(other, ties)),
  );

const logical = (fn: (a: Tensor, b: Scalar) => Tensor): OpCase =>
  opCase(
    broadcastShapes(2).chain(([s, t]) => draw(null, ties(s!), condition(t!))),
    ([x, y]) => fn(x!, y!),
  );

/** A dtype that the backend has besides that of `x`; floating if possible, so that the way there and back has a gradient. */
const otherDType = ({ dtype, backend }: Tensor): DType =>
  (["float32", "float64", "int32"] as const).find((d) => d !== dtype && backend.dtypes.includes(d))!;

const elsewhere = cpu();

export const ELEMENTWISE: Record<string, OpCase> = {
  neg: unary("neg"),
  abs: unary("abs"),
  sign: unary("sign"),
  exp: unary("exp"),
  expm1: unary("expm1"),
  log: unary("log", { min: 0.25, max: 4 }),
  log1p: unary("log1p", { min: -0.5, max: 4 }),
  sqrt: unary("sqrt", { min: 0.25, max: 4 }),
  rsqrt: unary("rsqrt", { min: 0.25, max: 4 }),
  sin: unary("sin"),
  cos: unary("cos"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  erf: unary("erf"),
  relu: unary("relu"),
  silu: unary("silu"),
  gelu: unary("gelu"),
  reluGrad: gradient("relu"),
  tanhGrad: gradient("tanh"),
  sigmoidGrad: gradient("sigmoid"),
  siluGrad: gradient("silu"),
  geluGrad: gradient("gelu"),
  floor: unary("floor"),
  ceil: unary("ceil"),
  round: unary("round"),

  add: binary(add),
  sub: binary(sub),
  mul: fc.oneof({ weight: 4, arbitrary: binary(mul) }, { weight: 1, arbitrary: one(square, floats) }),
  div: fc.oneof(
    { weight: 4, arbitrary: binary(div, floats, nonzeroFloats) },
    { weight: 1, arbitrary: one(reciprocal, nonzeroFloats) },
  ),
  pow: fc.oneof(
    // Zero is among the exponents.
    { weight: 3, arbitrary: binary(pow, (s) => floats(s, { min: 0.25, max: 2 })) },
    // A negative base has integer powers.
    {
      weight: 1,
      arbitrary: opCase(
        fc
          .tuple(shape(), fc.integer({ min: -2, max: 3 }))
          .chain(([s, exponent]) => draw({ exponent }, nonzeroFloats(s))),
        ([x], { exponent }) => pow(x!, exponent),
      ),
    },
  ),
  maximum: binary(maximum),
  minimum: binary(minimum),

  eq: fc.oneof(
    { weight: 4, arbitrary: comparison(eq, logicalNot, isinf) },
    {
      weight: 1,
      arbitrary: opCase(
        shape().chain((s) => draw(null, index(s, 3))),
        ([i]) => oneHot(i!, 3),
      ),
    },
  ),
  ne: comparison(ne, isnan, (x) => x.any()),
  lt: comparison(lt, isfinite),
  le: comparison(le),
  gt: comparison(gt),
  ge: comparison(ge),
  and: logical(logicalAnd),
  or: logical(logicalOr),
  xor: logical(logicalXor),

  where: fc.oneof(
    {
      weight: 3,
      arbitrary: opCase(
        broadcastShapes(3).chain(([s, t, u]) => draw(null, condition(s!), floats(t!), floats(u!))),
        ([c, a, b]) => where(c!, a!, b!),
      ),
    },
    {
      weight: 1,
      arbitrary: opCase(
        broadcastShapes(2).chain(([s, t]) => draw(null, condition(s!), floats(t!))),
        ([c, x]) => [where(c!, x!, 0.5), where(c!, 0.5, x!)],
      ),
    },
  ),
  clamp: opCase(
    fc
      .tuple(shape(), fc.constantFrom([-1, 1], [0.5, 1], [undefined, 0.5], [-0.5, undefined]))
      .chain(([s, bounds]) => draw({ bounds }, floats(s))),
    ([x], { bounds: [min, max] }) => x!.clamp(min, max),
  ),
  // A coarse step, because in float32 a fine one would be lost.
  cast: one((x) => x.to(otherDType(x)).to(x.dtype), floats).map((c) => ({ ...c, eps: 1 / 8 })),
  transfer: one((x) => x.to(elsewhere).to(x.backend), floats),
};

import {
  addcdiv,
  addcmul,
  atan2,
  copysign,
  div,
  floorDivide,
  fmax,
  fmin,
  fmod,
  heaviside,
  hypot,
  isclose,
  lerp,
  logaddexp,
  logaddexp2,
  nanToNum,
  remainder,
  type Shape,
  type Tensor,
  where,
  xlogy,
} from "@descent/core";
import fc from "fast-check";
import { broadcastShapes, type GridOptions, shape } from "../arbitraries.ts";
import { type CaseInput, draw, floats, index, type OpCase, opCase, ties } from "../op-case.ts";
import { binary, one, unary } from "./elementwise.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const POSITIVE: GridOptions = { min: 0.25, max: 4 };
const FRACTIONS: GridOptions = { min: -0.75, max: 0.75 };

/** Divisors on the even grid, so that no quotient of an odd number by them is an integer. */
const divisors = (s: Shape): fc.Arbitrary<CaseInput> =>
  fc.oneof(floats(s, { min: 0.5, max: 2, parity: "even" }), floats(s, { min: -2, max: -0.5, parity: "even" }));
const positive = (s: Shape): fc.Arbitrary<CaseInput> => floats(s, POSITIVE);
const even = (s: Shape): fc.Arbitrary<CaseInput> => floats(s, { parity: "even" });

/** Integers over others that are not zero. */
const integerDivision = (fn: (a: Tensor, b: Tensor) => Tensor): OpCase =>
  opCase(
    broadcastShapes(2).chain(([s, t]) =>
      fc.boolean().chain((negative) => draw({ negative }, index(s!, 9), index(t!, 3))),
    ),
    ([a, b], { negative }) => fn(a!.sub(4), negative ? b!.add(1).neg() : b!.add(1)),
  );

const divided = (fn: (a: Tensor | number, b: Tensor | number) => Tensor): OpCase =>
  fc.oneof({ weight: 3, arbitrary: binary(fn, floats, divisors) }, { weight: 1, arbitrary: integerDivision(fn) });

const three = (fn: (a: Tensor, b: Tensor, c: Tensor) => Tensor, last = floats): OpCase =>
  opCase(
    broadcastShapes(3).chain(([s, t, u]) => draw(null, floats(s!), even(t!), last(u!))),
    ([a, b, c]) => fn(a!, b!, c!),
  );

/** Ops of one and two inputs. */
export const POINTWISE: Record<string, OpCase> = {
  exp2: unary("exp2"),
  log2: unary("log2", POSITIVE),
  log10: unary("log10", POSITIVE),
  tan: unary("tan", { min: -1.25, max: 1.25 }),
  asin: unary("asin", FRACTIONS),
  acos: unary("acos", FRACTIONS),
  atan: unary("atan"),
  sinh: unary("sinh"),
  cosh: unary("cosh"),
  asinh: unary("asinh"),
  acosh: unary("acosh", { min: 1.25, max: 4 }),
  atanh: unary("atanh", FRACTIONS),
  erfc: unary("erfc"),
  erfinv: unary("erfinv", FRACTIONS),
  trunc: unary("trunc"),
  logit: opCase(
    fc
      .tuple(shape(), fc.constantFrom(null, 0.25))
      .chain(([s, eps]) => draw({ eps }, floats(s, { min: 0.125, max: 0.875 }))),
    ([x], options) => x!.logit(options),
  ),
  fmod: divided(fmod),
  atan2: binary(atan2),
  quotient: integerDivision((a, b) => div(a, b, { roundingMode: "trunc" })),
  hypot: binary(hypot),
  logaddexp: binary(logaddexp),
  xlogy: binary(xlogy, even, positive),
};

/** Functions that are made of ops; those of one subject draw their calls together. */
export const POINTWISE_FUNCTIONS: Record<string, OpCase> = {
  division: fc.oneof(
    divided(remainder),
    divided(floorDivide),
    divided((a, b) => div(a, b, { roundingMode: "trunc" })),
    unary("frac"),
  ),
  sinc: fc.oneof(
    unary("sinc"),
    one((x) => x.deg2rad().add(x.rad2deg()), floats),
  ),
  logaddexp2: binary(logaddexp2),
  limits: fc.oneof(
    opCase(
      broadcastShapes(3).chain(([s, t, u]) =>
        draw(
          null,
          floats(s!),
          floats(t!, { min: -2, max: -0.5, parity: "even" }),
          floats(u!, { min: 0.5, max: 2, parity: "even" }),
        ),
      ),
      ([x, min, max]) => x!.clamp(min, max),
    ),
    one((x) => x.clampMin(-0.5).clampMax(0.5), floats),
    binary(fmax),
    binary(fmin),
  ),
  signs: fc.oneof(
    opCase(
      broadcastShapes(2).chain(([s, t]) => draw(null, floats(s!), ties(t!))),
      ([a, b]) => copysign(a!, b!),
    ),
    opCase(
      broadcastShapes(2).chain(([s, t]) => draw(null, ties(s!), floats(t!))),
      ([x, values]) => heaviside(x!, values!),
    ),
    one((x) => nanToNum(where(x.gt(1), inf, where(x.lt(-1), nan, x)), { nan: 3, posinf: 5 }), floats),
    one((x) => x.signbit().logicalXor(x.isneginf()).logicalXor(x.isposinf()), ties),
  ),
  isclose: opCase(
    broadcastShapes(2).chain(([s, t]) => draw(null, ties(s!), ties(t!))),
    ([a, b]) => isclose(a!, b!, { rtol: 0.5, equalNan: true }),
  ),
  blend: fc.oneof(
    three(lerp),
    opCase(
      fc
        .tuple(broadcastShapes(2), fc.constantFrom(-1, 0.25, 0.75, 2))
        .chain(([[s, t], weight]) => draw({ weight }, floats(s!), even(t!))),
      ([a, b], { weight }) => lerp(a!, b!, weight),
    ),
    three((a, b, c) => addcmul(a, b, c, { value: 0.5 })),
    three((a, b, c) => addcdiv(a, b, c, { value: -2 }), divisors),
  ),
};

const twice = (fn: (a: Tensor, b: Tensor) => Tensor): OpCase =>
  opCase(
    shape().chain((s) => draw(null, floats(s, { min: 0.5, max: 2 }))),
    ([x]) => fn(x!, x!),
  );

/** The ops of two inputs with one tensor as both. */
export const POINTWISE_TWICE: Record<string, OpCase> = {
  fmod: twice(fmod),
  atan2: twice(atan2),
  hypot: twice(hypot),
  logaddexp: twice(logaddexp),
  xlogy: twice(xlogy),
};

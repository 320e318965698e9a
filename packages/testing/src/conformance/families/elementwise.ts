import {
  type ArithmeticFn,
  type BinaryFn,
  broadcastShapes as broadcast,
  type ComparisonFn,
  type DType,
  type LogicalFn,
  type UnaryFn,
} from "@descent/core";
import fc from "fast-check";
import { broadcastShapes, type GridOptions } from "../../arbitraries.ts";
import { UNARY } from "../edges.ts";
import type { Suite } from "../suite.ts";
import { among, numeric, operand, spec, testFamily, words } from "./call.ts";

/** Values that suit a function (default: around zero), and whether integers have it (default: no). */
interface Domain {
  readonly floats?: GridOptions;
  readonly ints?: boolean;
}

const INTS = { ints: true };
const POSITIVE = { floats: { min: 0.125, max: 4 } };
const FRACTIONS = { floats: { min: -0.75, max: 0.75 } };
const UNARY_DOMAINS: Partial<Record<UnaryFn, Domain>> = {
  neg: INTS,
  abs: INTS,
  sign: INTS,
  relu: INTS,
  floor: INTS,
  ceil: INTS,
  round: INTS,
  trunc: INTS,
  log: POSITIVE,
  log2: POSITIVE,
  log10: POSITIVE,
  asin: FRACTIONS,
  acos: FRACTIONS,
  atanh: FRACTIONS,
  erfinv: FRACTIONS,
  acosh: { floats: { min: 1.125, max: 4 } },
  log1p: { floats: { min: -0.5, max: 4 } },
  sqrt: POSITIVE,
  rsqrt: POSITIVE,
};
const ARITHMETIC: Record<ArithmeticFn, Domain> = {
  add: INTS,
  sub: INTS,
  mul: INTS,
  maximum: INTS,
  minimum: INTS,
  div: { ...POSITIVE, ...INTS },
  fmod: { ...POSITIVE, ...INTS },
  atan2: {},
  pow: { ...POSITIVE, ...INTS },
};
const COMPARISONS: Record<ComparisonFn, true> = { eq: true, ne: true, lt: true, le: true, gt: true, ge: true };
const LOGICAL: Record<LogicalFn, true> = { and: true, or: true, xor: true };

/** Which of two operands are tensors; the other one is a number. */
const given = fc.constantFrom("both", "a", "b");

export function cast(suite: Suite): void {
  const { dtypes } = suite.backend;
  const calls = fc
    .tuple(spec(dtypes), fc.constantFrom(...dtypes))
    .chain(([{ dtype, shape }, to]) => fc.tuple(operand(dtype, shape), fc.constant({ shape, dtype: to })));
  testFamily(
    suite,
    "cast",
    calls.map(([x, out]) => ({ inputs: [x], out: [out], kernel: (b, [x]) => [b.cast(x!, out)], attrs: out.dtype })),
  );
}

export function unary(suite: Suite): void {
  for (const fn of words(UNARY)) {
    const { ints = false, floats } = UNARY_DOMAINS[fn] ?? {};
    const xs = spec(ints ? numeric(suite) : suite.floats).chain(({ dtype, shape }) => operand(dtype, shape, floats));
    testFamily(
      suite,
      `unary ${fn}`,
      xs.map((x) => ({ inputs: [x], out: [x], kernel: (b, [x]) => [b.unary(fn, x!, x!)] })),
      30,
    );
  }
}

export function binary(suite: Suite): void {
  const test = (fn: BinaryFn, dtypes: readonly DType[], result: DType | null, floats?: GridOptions): void => {
    const operands = fc
      .tuple(fc.constantFrom(...dtypes), broadcastShapes(2, { minSize: 0 }), given)
      .chain(([dtype, [s, t], given]) =>
        fc.tuple(
          operand(dtype, s!, floats),
          operand(dtype, t!, floats),
          operand(dtype, [], floats),
          fc.constant(given),
        ),
      );
    testFamily(
      suite,
      `binary ${fn}`,
      operands.map(([a, b, { values, dtype }, given]) => {
        const number = values[0]!;
        const shape = given === "both" ? broadcast(fn, a.shape, b.shape) : given === "a" ? a.shape : b.shape;
        const out = { shape, dtype: result ?? dtype };
        return {
          inputs: [a, b],
          out: [out],
          kernel: (on, [a, b]) => [on.binary(fn, given === "b" ? number : a!, given === "a" ? number : b!, out)],
          attrs: { given, number },
        };
      }),
    );
  };
  for (const fn of words(ARITHMETIC)) {
    const { ints = false, floats } = ARITHMETIC[fn];
    test(fn, ints ? numeric(suite) : suite.floats, null, floats);
  }
  for (const fn of words(COMPARISONS)) test(fn, suite.backend.dtypes, "bool");
  for (const fn of words(LOGICAL)) test(fn, among(suite, "bool"), "bool");
}

export function select(suite: Suite): void {
  const operands = fc
    .tuple(fc.constantFrom(...suite.backend.dtypes), broadcastShapes(3, { minSize: 0 }), given)
    .chain(([dtype, [c, s, t], given]) =>
      fc.tuple(operand("bool", c!), operand(dtype, s!), operand(dtype, t!), operand(dtype, []), fc.constant(given)),
    );
  testFamily(
    suite,
    "select",
    operands.map(([c, a, b, { values, dtype }, given]) => {
      const number = values[0]!;
      const tensors = given === "both" ? [c, a, b] : given === "a" ? [c, a] : [c, b];
      const out = { shape: tensors.map((x) => x.shape).reduce((s, t) => broadcast("select", s, t)), dtype };
      return {
        inputs: [c, a, b],
        out: [out],
        kernel: (on, [c, a, b]) => [on.select(c!, given === "b" ? number : a!, given === "a" ? number : b!, out)],
        attrs: { given, number },
      };
    }),
  );
}

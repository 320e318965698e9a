import { cpu } from "@descent/backend-cpu";
import {
  allocate,
  type Backend,
  type BinaryFn,
  broadcastShapes,
  type DType,
  type Operand,
  type Shape,
  type Spec,
  sizeOf,
  type TypedArray,
  type UnaryFn,
} from "@descent/core";
import { type Elements, expectClose } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wasm } from "../index.ts";
import { expectSameBits } from "../testing/bits.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const SPECIAL = [nan, inf, -inf, 0, -0, 1, -1, 2 ** -149, -(2 ** 127), 3e38];
const INTS = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 65_537, 7];

interface Host extends Spec {
  readonly values: readonly number[];
}

/** Sizes on both sides of a vector, an item and a short row. */
const size = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(15, 16, 17, 33, 64, 67));
const shape = fc.array(size, { maxLength: 5 }).filter((shape) => sizeOf(shape) <= 5000);

const stretched = (to: Shape): fc.Arbitrary<number[]> =>
  fc
    .tuple(fc.nat(to.length), fc.array(fc.boolean(), { minLength: to.length, maxLength: to.length }))
    .map(([missing, whole]) => to.map((n, i) => (whole[i]! ? n : 1)).slice(missing));

/** The whole shape, part of it, or a scalar. */
const operandShape = (to: Shape): fc.Arbitrary<Shape> => fc.oneof(fc.constant(to), stretched(to), fc.constant([]));

/** Numbers of a dtype, special ones among them, chosen by a seed: fast-check is slow at long arrays. */
function values(dtype: DType, count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    const [kind, word] = [(state >>> 8) % 5, state >>> 12];
    if (dtype === "bool") return word & 1;
    if (dtype === "int32") return kind === 0 ? INTS[word % INTS.length]! : (word % 100) - 50;
    return kind === 0 ? SPECIAL[word % SPECIAL.length]! : Math.fround((word / 2 ** 19 - 1) * 10);
  });
}
const host = (dtype: DType, shape: Shape, seed: number): Host => ({
  dtype,
  shape,
  values: values(dtype, sizeOf(shape), seed),
});

function compute(
  backend: Backend,
  inputs: readonly Host[],
  out: Spec,
  kernel: (backend: Backend, operands: Operand[]) => unknown,
): Elements {
  const operands = inputs.map(({ shape, dtype, values }) => {
    const elements = allocate(dtype, values.length);
    elements.set(values);
    return { shape, dtype, handle: backend.upload(elements, { shape, dtype }) };
  });
  const handle = kernel(backend, operands);
  const data = backend.download({ ...out, handle });
  for (const operand of operands) backend.free(operand.handle);
  backend.free(handle);
  return { ...out, data };
}

const reference = cpu();
const seed = fc.integer();

/** The same bits as the reference, but for the sign of a zero where `signedZero` is false. */
function expectSame(
  backend: Backend,
  inputs: readonly Host[],
  out: Spec,
  kernel: (backend: Backend, operands: Operand[]) => unknown,
  signedZero = true,
): void {
  const [actual, expected] = [backend, reference].map((on) => compute(on, inputs, out, kernel));
  expectClose(actual!, expected!, signedZero ? 0 : { rtol: 1e-9, atol: 0 });
}

const ARITHMETIC: BinaryFn[] = ["add", "sub", "mul", "div", "maximum", "minimum"];
const COMPARISONS: BinaryFn[] = ["eq", "ne", "lt", "le", "gt", "ge"];
const LOGIC: BinaryFn[] = ["and", "or", "xor", "eq", "ne"];
const FUNCTIONS: Partial<Record<DType, readonly BinaryFn[]>> = {
  float32: [...ARITHMETIC, ...COMPARISONS],
  int32: [...ARITHMETIC.filter((fn) => fn !== "div"), "pow", ...COMPARISONS],
  bool: LOGIC,
};
const DTYPES = Object.keys(FUNCTIONS) as DType[];

/** A function for a dtype of operands, and that of its result. */
const binaryFn = fc
  .constantFrom(...DTYPES)
  .chain((dtype) => fc.tuple(fc.constant(dtype), fc.constantFrom(...FUNCTIONS[dtype]!)))
  .map(([dtype, fn]) => ({ dtype, fn, result: COMPARISONS.includes(fn) ? ("bool" as const) : dtype }));

describe.each([true, false])("with relaxed SIMD: %s", (relaxedSimd) => {
  const backend = wasm({ threads: 1, relaxedSimd });

  test("operands that broadcast give what the reference gives", () => {
    const calls = shape.chain((to) => fc.record({ a: stretched(to), b: stretched(to), call: binaryFn, seed }));
    fc.assert(
      fc.property(calls, ({ a, b, call: { dtype, fn, result }, seed }) => {
        const out = { shape: broadcastShapes(fn, a, b), dtype: result };
        const inputs = [host(dtype, a, seed), host(dtype, b, seed + 1)];
        expectSame(backend, inputs, out, (on, [a, b]) => on.binary(fn, a!, b!, out), !fn.endsWith("imum"));
      }),
      { numRuns: 400 },
    );
  });

  test("a number on either side gives what the reference gives", () => {
    fc.assert(
      fc.property(shape, binaryFn, seed, fc.boolean(), (shape, { dtype, fn, result }, seed, isLeft) => {
        const [number] = values(dtype, 1, seed + 1);
        const out = { shape, dtype: result };
        const kernel = (on: Backend, [x]: Operand[]): unknown =>
          isLeft ? on.binary(fn, number!, x!, out) : on.binary(fn, x!, number!, out);
        expectSame(backend, [host(dtype, shape, seed)], out, kernel, !fn.endsWith("imum"));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    { a: [1001, 10], b: [10] },
    { a: [2052, 4], b: [1, 4] },
    { a: [7], b: [1, 1200, 7] },
    { a: [3000, 3], b: [3000, 1] },
    { a: [40, 1], b: [40, 300] },
    { a: [3, 4, 5, 7], b: [3, 1, 5, 1] },
    { a: [3, 1, 5, 7], b: [1, 4, 5, 1] },
    { a: [2, 3, 2, 3, 2], b: [2, 1, 2, 1, 2] },
  ])("rows: $a and $b", ({ a, b }) => {
    for (const fn of ["sub", "lt"] as const) {
      const out = { shape: broadcastShapes(fn, a, b), dtype: fn === "lt" ? "bool" : "float32" } as const;
      expectSame(backend, [host("float32", a, 1), host("float32", b, 2)], out, (on, [a, b]) =>
        on.binary(fn, a!, b!, out),
      );
    }
  });

  test("int32 and a number that is none", () => {
    for (const number of [3e9, -inf, 2 ** 31, 0.5])
      for (const fn of ["lt", "ge", "eq"] as const) {
        const out = { shape: [7], dtype: "bool" } as const;
        expectSame(backend, [{ dtype: "int32", shape: [7], values: INTS }], out, (on, [x]) =>
          on.binary(fn, x!, number, out),
        );
      }
  });

  test("powers with a number as exponent", () => {
    for (const exponent of [-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 2.5])
      fc.assert(
        fc.property(shape, seed, (shape, seed) => {
          const x = host("float32", shape, seed);
          const [y, expected] = [backend, reference].map((on) =>
            compute(on, [x], x, (on, [x]) => on.binary("pow", x!, exponent, x!)),
          );
          expectClose(y!, expected!, { rtol: 4e-7, atol: 2 ** -126 });
        }),
        { numRuns: 20 },
      );
  });

  test("unary functions that are exact", () => {
    const fns: UnaryFn[] = ["neg", "abs", "sign", "relu", "floor", "ceil", "round"];
    fc.assert(
      fc.property(
        shape,
        fc.constantFrom(...fns),
        fc.constantFrom("float32", "int32"),
        seed,
        (shape, fn, dtype, seed) => {
          const x = host(dtype as DType, shape, seed);
          expectSame(backend, [x], x, (on, [x]) => on.unary(fn, x!, x!));
        },
      ),
      { numRuns: 200 },
    );
    const halves = { dtype: "float32", shape: [6], values: [0.5, 1.5, 2.5, -0.5, -1.5, 2 ** 23 + 1] } as const;
    expectSame(backend, [halves], halves, (on, [x]) => on.unary("round", x!, x!));
  });

  test("select gives what the reference gives", () => {
    const calls = shape.chain((to) =>
      fc.record({
        shapes: fc.tuple(operandShape(to), operandShape(to), operandShape(to)),
        dtype: fc.constantFrom<DType>("float32", "int32", "bool", "float64"),
        number: fc.constantFrom("a", "b", null),
        seed,
      }),
    );
    fc.assert(
      fc.property(calls, ({ shapes: [c, a, b], dtype, number, seed }) => {
        const operands = [c, ...(number === "a" ? [] : [a]), ...(number === "b" ? [] : [b])];
        const out = { shape: operands.reduce((s, t) => broadcastShapes("where", s, t)), dtype };
        const [value] = values(dtype, 1, seed);
        const inputs = [host("bool", c, seed), host(dtype, a, seed + 1), host(dtype, b, seed + 2)];
        expectSame(backend, inputs, out, (on, [c, a, b]) =>
          on.select(c!, number === "a" ? value! : a!, number === "b" ? value! : b!, out),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("casts give what the reference gives", () => {
    const dtypes = fc.constantFrom<DType>("float32", "int32", "bool", "float64");
    fc.assert(
      fc.property(shape, dtypes, dtypes, seed, (shape, from, to, seed) => {
        const x = host(from, shape, seed);
        // What an integer cannot hold is a matter of taste.
        const held = to === "int32" ? x.values.map((v) => (Math.abs(v) < 1e9 ? v : -1.5)) : x.values;
        const out = { shape, dtype: to };
        expectSame(backend, [{ ...x, values: held }], out, (on, [x]) => on.cast(x!, out));
      }),
      { numRuns: 200 },
    );
  });

  test("what an integer cannot hold becomes the nearest one", () => {
    const x: Host = { dtype: "float32", shape: [4], values: [3e9, -inf, nan, -1.9] };
    const out = { shape: [4], dtype: "int32" } as const;
    const { data } = compute(backend, [x], out, (on, [x]) => on.cast(x!, out));
    expect([...(data as Int32Array)]).toEqual([2 ** 31 - 1, -(2 ** 31), 0, -1]);
  });

  test("fill", () => {
    for (const [dtype, number] of [
      ["float32", nan],
      ["float32", -0],
      ["int32", -7],
      ["bool", 5],
      ["bool", 0],
      ["float64", 0.1],
    ] as const)
      for (const shape of [[], [0], [67], [3, 50]]) {
        const out = { shape, dtype };
        expectSame(backend, [], out, (on) => on.fill(number, out));
      }
  });
});

describe("the number of threads changes nothing", () => {
  const shape = [601, 1003];
  const float = { shape, dtype: "float32" } as const;
  const bool = { shape, dtype: "bool" } as const;
  const x = host("float32", shape, 1);
  const row = host("float32", [1003], 2);
  const column = host("float32", [601, 1], 3);
  const condition = host("bool", shape, 4);
  const blocks = host("float32", [40, 30, 20, 16], 5);
  const spread = host("float32", [40, 1, 20, 1], 6);
  const calls: (readonly [string, Spec, (on: Backend, operands: Operand[]) => unknown])[] = [
    ...(["relu", "exp", "log", "tanh", "sin", "erf"] as const).map(
      (fn) => [fn, float, (on: Backend, [x]: Operand[]) => on.unary(fn, x!, float)] as const,
    ),
    ["add", float, (on, [x]) => on.binary("add", x!, x!, float)],
    ["a number", float, (on, [x]) => on.binary("sub", 2, x!, float)],
    ["a row", float, (on, [x, row]) => on.binary("add", x!, row!, float)],
    ["a column", float, (on, [x, , column]) => on.binary("sub", column!, x!, float)],
    ["many axes", blocks, (on, [, , , , x, y]) => on.binary("sub", x!, y!, blocks)],
    ["a comparison", bool, (on, [x, row]) => on.binary("lt", x!, row!, bool)],
    ["logic", bool, (on, [, , , c]) => on.binary("xor", c!, c!, bool)],
    ["pow", float, (on, [x]) => on.binary("pow", x!, 3, float)],
    ["select", float, (on, [x, , , c]) => on.select(c!, x!, 0, float)],
    ["cast", bool, (on, [x]) => on.cast(x!, bool)],
    ["fill", float, (on) => on.fill(3, float)],
  ];
  const [one, two] = [wasm({ threads: 1 }), wasm({ threads: 2 })];
  test.each(calls)("%s", (_, out, kernel) => {
    const inputs = [x, row, column, condition, blocks, spread];
    const [a, b] = [one, two].map((on) => compute(on, inputs, out, kernel).data as TypedArray);
    expectSameBits(a!, b!);
  });
});

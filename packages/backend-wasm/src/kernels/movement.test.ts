import { cpu } from "@descent/backend-cpu";
import {
  allocate,
  type Backend,
  type Block,
  type DType,
  type Operand,
  type Shape,
  type Spec,
  sizeOf,
  stridesOf,
  type TypedArray,
  type View,
} from "@descent/core";
import { arbitraries } from "@descent/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { expectSameBits } from "../testing/bits.ts";
import { hostileBackend } from "../testing/hostile-backend.ts";
import { wasm } from "../wasm.ts";

const reference = cpu();
const one = wasm({ threads: 1 });
const two = hostileBackend();
afterAll(() => two.setNumThreads(1));

const DTYPES = ["bool", "int32", "float32", "float64"] as const;

/** Elements that differ from each other, and that float32 adds without rounding. */
function elements(dtype: DType, shape: Shape): TypedArray {
  const values = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = dtype === "bool" ? (i * 5 + (i >> 3)) & 1 : (i * 7919) % 257;
  return values;
}

interface Input extends Spec {
  readonly values: TypedArray;
}
const input = (dtype: DType, shape: Shape, values = elements(dtype, shape)): Input => ({ dtype, shape, values });

type Compute = (backend: Backend, operands: readonly Operand[]) => unknown;

function run<H>(backend: Backend<H>, inputs: readonly Input[], out: Spec, compute: Compute): TypedArray {
  const operands = inputs.map((x) => ({ ...x, handle: backend.upload(x.values, x) }));
  const handle = compute(backend as Backend, operands) as H;
  const y = backend.download({ ...out, handle });
  for (const x of [...operands.map((x) => x.handle), handle]) backend.free(x);
  return y;
}

/** Compares bits with the reference, on one thread and on two. */
function expectReference(inputs: readonly Input[], out: Spec, compute: Compute): void {
  const expected = run(reference, inputs, out, compute);
  for (const backend of [one, two]) expectSameBits(run<Block>(backend, inputs, out, compute), expected);
}

const gather = (dtype: DType, from: Shape, view: View): void => {
  const out = { shape: view.shape, dtype };
  expectReference([input(dtype, from)], out, (b, [x]) => b.gatherView(x!, view, out));
};
const scatter = (dtype: DType, to: Shape, view: View): void => {
  const out = { shape: to, dtype };
  expectReference([input(dtype, view.shape)], out, (b, [x]) => b.scatterView(x!, view, out));
};

const permuted = (shape: Shape, order: readonly number[]): View => {
  const strides = stridesOf(shape);
  return { shape: order.map((i) => shape[i]!), strides: order.map((i) => strides[i]!), offset: 0 };
};

/** What views are made for, in sizes that several threads share and that end within a vector or a tile. */
const LARGE: readonly (readonly [what: string, from: Shape, view: View])[] = [
  ["everything", [100_003], { shape: [100_003], strides: [1], offset: 0 }],
  ["the rest", [100_003], { shape: [100_000], strides: [1], offset: 3 }],
  ["rows", [301, 203], { shape: [301, 177], strides: [203, 1], offset: 11 }],
  ["short rows", [9001, 7], { shape: [9001, 3], strides: [7, 1], offset: 2 }],
  ["a frame's inside", [5, 67, 71], { shape: [5, 63, 66], strides: [67 * 71, 71, 1], offset: 2 * 71 + 2 }],
  ["a reversed vector", [70_001], { shape: [70_001], strides: [-1], offset: 70_000 }],
  ["reversed rows", [300, 101], { shape: [300, 101], strides: [101, -1], offset: 100 }],
  ["every third element", [90_000], { shape: [30_000], strides: [3], offset: 1 }],
  ["a transposed matrix", [203, 301], permuted([203, 301], [1, 0])],
  ["a transposed matrix of full tiles", [256, 192], permuted([256, 192], [1, 0])],
  ["channels last", [3, 17, 31, 33], permuted([3, 17, 31, 33], [0, 2, 3, 1])],
  ["few channels last", [4, 3, 50, 51], permuted([4, 3, 50, 51], [0, 2, 3, 1])],
  ["all axes reversed in order", [21, 23, 19, 6], permuted([21, 23, 19, 6], [3, 2, 1, 0])],
  ["six axes that do not merge", [4, 5, 6, 7, 8, 9], permuted([4, 5, 6, 7, 8, 9], [5, 3, 1, 4, 2, 0])],
  [
    "eight axes that do not merge",
    [4, 5, 4, 3, 4, 3, 4, 5],
    permuted([4, 5, 4, 3, 4, 3, 4, 5], [6, 4, 2, 0, 7, 5, 3, 1]),
  ],
];
const REPEATING: typeof LARGE = [
  ["one element", [3], { shape: [50_001], strides: [0], offset: 1 }],
  ["a column", [301], { shape: [301, 203], strides: [1, 0], offset: 0 }],
  ["a short row", [5], { shape: [20_001, 5], strides: [0, 1], offset: 0 }],
  ["a long row", [2300], { shape: [41, 2300], strides: [0, 1], offset: 0 }],
  ["channels", [13], { shape: [29, 13, 211], strides: [0, 1, 0], offset: 0 }],
  ["windows", [6, 41, 43], { shape: [6, 3, 3, 39, 41], strides: [41 * 43, 43, 1, 43, 1], offset: 0 }],
  ["windows with steps", [6, 41, 43], { shape: [6, 19, 20, 3, 5], strides: [41 * 43, 86, 2, 43, 1], offset: 0 }],
  ["backward windows", [6, 41, 43], { shape: [6, 39, 41, 3], strides: [41 * 43, 43, 1, -1], offset: 2 }],
];

describe.each(DTYPES)("%s", (dtype) => {
  const anyView = arbitraries
    .shape({ maxRank: 5, minSize: 1, maxSize: 9 })
    .chain((from) => arbitraries.view(from).map((view) => ({ from, view })));

  test("gathers any view", () => {
    fc.assert(fc.property(anyView, ({ from, view }) => gather(dtype, from, view)));
  });

  test("scatters any view", () => {
    fc.assert(fc.property(anyView, ({ from, view }) => scatter(dtype, from, view)));
  });

  test.each([...LARGE, ...REPEATING])("gathers %s", (_, from, view) => gather(dtype, from, view));

  test.each(LARGE)("scatters %s", (_, from, view) => scatter(dtype, from, view));

  test.each(dtype === "bool" || dtype === "float64" ? [] : REPEATING)("adds up %s", (_, from, view) =>
    scatter(dtype, from, view),
  );

  test("joins", () => {
    const along = fc.record({ outer: fc.constantFrom(1, 2, 9), sizes: fc.array(fc.nat(40), { minLength: 1 }) });
    fc.assert(
      fc.property(along, fc.constantFrom(1, 5, 64), ({ outer, sizes }, inner) => {
        const out = { dtype, shape: [outer, sizes.reduce((a, b) => a + b), inner] };
        const parts = sizes.map((size) => input(dtype, [outer, size, inner]));
        expectReference(parts, out, (b, xs) => b.concat(xs, 1, out));
      }),
      { numRuns: 40 },
    );
  });

  const indexed = fc.record({
    outer: fc.constantFrom(1, 3),
    size: fc.constantFrom(1, 5, 60),
    inner: fc.constantFrom(0, 1, 2, 3, 7, 16, 100, 517),
    index: fc.array(fc.nat(59), { maxLength: 70 }),
  });
  const indexOf = (index: readonly number[], size: number): Input =>
    input(
      "int32",
      [index.length],
      Int32Array.from(index, (i) => i % size),
    );

  test("takes rows", () => {
    fc.assert(
      fc.property(indexed, ({ outer, size, inner, index }) => {
        const out = { dtype, shape: [outer, index.length, inner] };
        const x = input(dtype, [outer, size, inner]);
        expectReference([x, indexOf(index, size)], out, (b, [x, index]) => b.take(x!, index!, 1, out));
      }),
    );
  });

  test.each(dtype === "bool" ? (["set"] as const) : (["set", "add"] as const))("puts rows: %s", (mode) => {
    fc.assert(
      fc.property(indexed, fc.constantFrom(0, 1, null), ({ outer, size, inner, index }, fill) => {
        const out = { dtype, shape: [outer, size, inner] };
        const values = input(dtype, [outer, index.length, inner]);
        expectReference([input(dtype, out.shape), indexOf(index, size), values], out, (b, [base, index, values]) =>
          b.put(mode, fill ?? base!, index!, values!, 1, out),
        );
      }),
    );
  });
});

test("bits of NaN and of −0 arrive as they are", () => {
  const values = Float32Array.of(-0, Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45);
  new Uint32Array(values.buffer)[1] = 0xffc12345;
  const shape = [5];
  const out = { shape: [5, 5], dtype: "float32" as const };
  const view = { shape: [5, 5], strides: [0, -1], offset: 4 };
  const x = input("float32", shape, values);
  const gathered = (b: Backend, [x]: readonly Operand[]): unknown => b.gatherView(x!, view, out);
  expectSameBits(run<Block>(one, [x], out, gathered), run(reference, [x], out, gathered));
});

test.each([-1, 3])("an index of %i into 3 rows throws what the reference throws, and allocates nothing", (bad) => {
  const x = input("float32", [3, 2]);
  const index = input("int32", [2], Int32Array.of(0, bad));
  const out = { shape: [2, 2], dtype: "float32" as const };
  const computations: Compute[] = [
    (b, [x, index]) => b.take(x!, index!, 0, out),
    (b, [x, index]) => b.put("set", x!, index!, x!, 0, x!),
    (b, [x, index]) => b.put("add", 0, index!, x!, 0, x!),
  ];
  for (const compute of computations) {
    const message = (backend: Backend): string => {
      try {
        run(backend, [x, index], out, compute);
      } catch (error) {
        return String(error);
      }
      return "nothing";
    };
    const before = one.memoryStats.live;
    expect(message(one as Backend)).toBe(message(reference as Backend));
    expect(message(one as Backend)).toContain(`index ${bad} is out of range`);
    expect(one.memoryStats.live - before).toBe(4); // operands of the two failed runs
  }
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { detectEngine } from "../engine.ts";
import {
  atomicI32,
  atomicI64,
  F32,
  F32x4,
  F64,
  F64x2,
  type FunctionBuilder,
  I8x16,
  I16x8,
  I32,
  I32x4,
  I64,
  type Lanes,
  ModuleBuilder,
  type Value,
  type ValueType,
} from "./index.ts";

const engine = detectEngine({ relaxedSimd: true, threads: true });
const memory = new engine.api.Memory({ initial: 1, maximum: 65_536, shared: engine.shared });
const table = new engine.api.Table({ element: "anyfunc", initial: 4 });
const bytes = new Uint8Array(memory.buffer);
const OUT = 128;
const isBrowser = "document" in globalThis;

/** Compiles one function without parameters and runs it. */
function execute(build: (f: FunctionBuilder, m: ModuleBuilder) => Value | undefined): number {
  const module = new ModuleBuilder(engine);
  module.useTable();
  module.function("run", [], (f) => build(f, module));
  const compiled = new engine.api.Module(module.bytes());
  return new engine.api.Instance(compiled, { env: { memory, table } }).exports.run!();
}

type Lane = "f32" | "f64" | "i32" | "i64" | "i16" | "i8";
const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  i64: BigInt64Array,
  i16: Int16Array,
  i8: Int8Array,
};
const TYPES = { f32: F32, f64: F64, i32: I32, i64: I64 };
const VECTORS = { f32: F32x4, f64: F64x2, i32: I32x4, i16: I16x8, i8: I8x16 };

const view = (lane: Lane, at: number, count: number) =>
  new ARRAYS[lane](memory.buffer as ArrayBuffer, at, count) as unknown as Record<number, number | bigint>;

/** A value of a type in memory, 16 bytes for each operand. */
const operand = <T extends Value>(type: ValueType<T>, i: number): T =>
  "load" in type
    ? (type.load as (address: I32, offset?: number) => T)(I32.const(16 * i))
    : (new (type as ValueType<T>)(F32x4.load(I32.const(16 * i)).code) as T);

interface Kind {
  readonly lane: Lane;
  /** Lanes of the type; 1 for scalars. */
  readonly count: number;
  readonly type: ValueType<Value>;
}
const kindOf = (lane: Lane, isVector: boolean): Kind => ({
  lane,
  count: isVector ? 16 / ARRAYS[lane].BYTES_PER_ELEMENT : 1,
  type: (isVector ? VECTORS[lane as keyof typeof VECTORS] : TYPES[lane as keyof typeof TYPES]) as ValueType<Value>,
});

type Numbers = readonly number[];
/** What an instruction does: how it is written, what its lanes are, and what the lanes of the result should be. */
interface Case {
  readonly out: Lane;
  readonly write: (a: never, b: never, c: never) => Value;
  readonly expected: (a: Numbers, b: Numbers, c: Numbers) => Numbers;
  readonly inputs?: fc.Arbitrary<number>;
}

const FLOATS = fc.oneof(
  fc.float(),
  fc.constantFrom(0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const INTS = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -3, max: 3 }));
const ARBITRARIES: Record<Lane, fc.Arbitrary<number>> = {
  f32: FLOATS,
  f64: fc.double(),
  i32: INTS,
  i64: INTS,
  i16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  i8: fc.integer({ min: -128, max: 127 }),
};

const round = (lane: Lane, values: Numbers): number[] => {
  if (lane === "i64") return values.map((x) => Number(BigInt.asIntN(64, BigInt(x))));
  return Array.from(new ARRAYS[lane as "f32"](values));
};

/** Runs an instruction on random operands. */
function check(name: string, { lane, count, type }: Kind, c: Case): void {
  test(name, () => {
    const module = new ModuleBuilder(engine);
    module.function("run", [], (f) => {
      const [a, b, d] = [0, 1, 2].map((i) => operand(type, i)) as [never, never, never];
      f.store(I32.const(OUT), c.write(a, b, d));
    });
    const instance = new engine.api.Instance(new engine.api.Module(module.bytes()), { env: { memory, table } });
    const numbers = fc.array(c.inputs ?? ARBITRARIES[lane], { minLength: count, maxLength: count });
    fc.assert(
      fc.property(numbers, numbers, numbers, (...drawn) => {
        const inputs = drawn.map((values) => round(lane, values)) as [number[], number[], number[]];
        bytes.fill(0, 0, 256);
        inputs.forEach((values, i) => {
          const to = view(lane, 16 * i, count);
          for (const [k, value] of values.entries()) to[k] = lane === "i64" ? BigInt(value) : value;
        });
        instance.exports.run!();
        const expected = round(c.out, c.expected(...inputs));
        const got = view(c.out, OUT, expected.length);
        expect(expected.map((_, k) => Number(got[k]))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
}

type Method<T> = { [K in keyof T]: T[K] extends (...args: never[]) => Value ? K : never }[keyof T];
/** A case for every instruction of a class: the compiler asks for what is missing. */
type Cases<T> = Record<Method<T>, Case>;

const lanes1 =
  (out: Lane, fn: (x: number) => number) =>
  (write: (a: never) => Value): Case => ({ out, write, expected: (a) => a.map(fn) });
const lanes2 =
  (out: Lane, fn: (x: number, y: number) => number, inputs?: fc.Arbitrary<number>) =>
  (write: (a: never, b: never) => Value): Case => ({
    out,
    write,
    expected: (a, b) => a.map((x, i) => fn(x, b[i]!)),
    ...(inputs === undefined ? {} : { inputs }),
  });
/** A method without operands, one lane at a time. */
const only = <T>(name: Method<T>, out: Lane, fn: (x: number) => number): Case =>
  lanes1(out, fn)((a: never) => (a as Record<PropertyKey, () => Value>)[name]!());
/** A method with one operand, one lane at a time. */
const pair = <T>(
  name: Method<T>,
  out: Lane,
  fn: (x: number, y: number) => number,
  inputs?: fc.Arbitrary<number>,
): Case => lanes2(out, fn, inputs)((a: never, b: never) => (a as Record<PropertyKey, (y: Value) => Value>)[name]!(b));

const even = (x: number): number => {
  const nearest = Math.round(x);
  return Math.abs(x - Math.trunc(x)) === 0.5 && nearest % 2 !== 0
    ? nearest - 1
    : Object.is(nearest, 0) && x < 0
      ? -0
      : nearest;
};
const saturate = (x: number): number =>
  Number.isNaN(x) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x)));
const bit = (truth: boolean): number => Number(truth);
const mask = (truth: boolean): number => -Number(truth);
const clampTo = (bits: number, x: number): number => Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, x));
const floatBits = (x: number): number => new Int32Array(Float32Array.of(x).buffer)[0]!;
const small = fc.integer({ min: 0, max: 31 });
const nonZero = INTS.filter((x) => x !== 0 && x !== -1);

const i = (name: Method<I32>, fn: (x: number, y: number) => number, inputs?: fc.Arbitrary<number>): Case =>
  pair<I32>(name, "i32", fn, inputs);
const I32_CASES: Cases<I32> = {
  add: i("add", (x, y) => (x + y) | 0),
  sub: i("sub", (x, y) => (x - y) | 0),
  mul: i("mul", Math.imul),
  divS: i("divS", (x, y) => Math.trunc(x / y), nonZero),
  divU: i("divU", (x, y) => Math.floor((x >>> 0) / (y >>> 0)) | 0, nonZero),
  remU: i("remU", (x, y) => ((x >>> 0) % (y >>> 0)) | 0, nonZero),
  and: i("and", (x, y) => x & y),
  or: i("or", (x, y) => x | y),
  xor: i("xor", (x, y) => x ^ y),
  shl: i("shl", (x, y) => x << y),
  shrU: i("shrU", (x, y) => (x >>> y) | 0),
  eqz: only<I32>("eqz", "i32", (x) => bit(x === 0)),
  eq: i("eq", (x, y) => bit(x === y)),
  ne: i("ne", (x, y) => bit(x !== y)),
  ltS: i("ltS", (x, y) => bit(x < y)),
  ltU: i("ltU", (x, y) => bit(x >>> 0 < y >>> 0)),
  gtS: i("gtS", (x, y) => bit(x > y)),
  leS: i("leS", (x, y) => bit(x <= y)),
  geS: i("geS", (x, y) => bit(x >= y)),
  geU: i("geU", (x, y) => bit(x >>> 0 >= y >>> 0)),
  select: {
    out: "i32",
    write: (a: I32, b: I32, c: I32) => a.select(b, c),
    expected: ([a], [b], [c]) => [a === 0 ? c! : b!],
    inputs: small,
  },
  toF32: only<I32>("toF32", "f32", (x) => x),
  toI64: only<I32>("toI64", "i64", (x) => x >>> 0),
  toF64: only<I32>("toF64", "f64", (x) => x),
};
const I64_CASES: Cases<I64> = {
  add: pair<I64>("add", "i64", (x, y) => x + y),
  or: pair<I64>("or", "i64", (x, y) => Number(BigInt(x) | BigInt(y))),
  shl: { out: "i64", write: (a: I64) => a.shl(24), expected: ([a]) => [a! * 2 ** 24], inputs: small },
  shrU: { out: "i64", write: (a: I64) => a.shrU(2), expected: ([a]) => [Math.floor(a! / 4)], inputs: small },
  eq: pair<I64>("eq", "i32", (x, y) => bit(x === y), fc.constantFrom(1, 2, 2 ** 40)),
  toI32: only<I64>("toI32", "i32", (x) => x | 0),
};
const F32_CASES: Cases<F32> = {
  add: pair<F32>("add", "f32", (x, y) => x + y),
  sub: pair<F32>("sub", "f32", (x, y) => x - y),
  mul: pair<F32>("mul", "f32", (x, y) => x * y),
  div: pair<F32>("div", "f32", (x, y) => x / y),
  max: pair<F32>("max", "f32", (x, y) => Math.max(x, y)),
  eq: pair<F32>("eq", "i32", (x, y) => bit(x === y)),
  gt: pair<F32>("gt", "i32", (x, y) => bit(x > y)),
  toF64: only<F32>("toF64", "f64", (x) => x),
};
const F64_CASES: Cases<F64> = {
  sqrt: only<F64>("sqrt", "f64", Math.sqrt),
  add: pair<F64>("add", "f64", (x, y) => x + y),
  sub: pair<F64>("sub", "f64", (x, y) => x - y),
  mul: pair<F64>("mul", "f64", (x, y) => x * y),
  div: pair<F64>("div", "f64", (x, y) => x / y),
  toF32: only<F64>("toF32", "f32", Math.fround),
};

/** What looks at the same bits another way. */
type Casts = "asF32x4" | "asF64x2" | "asI32x4";
const LANES: Lanes = [6, 1, 4, 3];
const pick = (a: Numbers, b: Numbers): Numbers => LANES.map((k) => (k < 4 ? a[k]! : b[k - 4]!));
const pickBits = (m: number, x: number, y: number): number => (x & m) | (y & ~m);

const F32X4_CASES: Omit<Cases<F32x4>, Casts> = {
  add: pair<F32x4>("add", "f32", (x, y) => x + y),
  sub: pair<F32x4>("sub", "f32", (x, y) => x - y),
  mul: pair<F32x4>("mul", "f32", (x, y) => x * y),
  div: pair<F32x4>("div", "f32", (x, y) => x / y),
  max: pair<F32x4>("max", "f32", (x, y) => Math.max(x, y)),
  pmin: pair<F32x4>("pmin", "f32", (x, y) => [x, y][bit(y < x)]!),
  pmax: pair<F32x4>("pmax", "f32", (x, y) => [x, y][bit(x < y)]!),
  abs: only<F32x4>("abs", "f32", Math.abs),
  neg: only<F32x4>("neg", "f32", (x) => -x),
  sqrt: only<F32x4>("sqrt", "f32", Math.sqrt),
  ceil: only<F32x4>("ceil", "f32", Math.ceil),
  floor: only<F32x4>("floor", "f32", Math.floor),
  nearest: only<F32x4>("nearest", "f32", even),
  eq: pair<F32x4>("eq", "i32", (x, y) => mask(x === y)),
  ne: pair<F32x4>("ne", "i32", (x, y) => mask(x !== y)),
  lt: pair<F32x4>("lt", "i32", (x, y) => mask(x < y)),
  gt: pair<F32x4>("gt", "i32", (x, y) => mask(x > y)),
  le: pair<F32x4>("le", "i32", (x, y) => mask(x <= y)),
  ge: pair<F32x4>("ge", "i32", (x, y) => mask(x >= y)),
  // Small integers: the same with one rounding or two.
  relaxedMadd: {
    out: "f32",
    write: (a: F32x4, b: F32x4, c: F32x4) => (engine.relaxed ? a.relaxedMadd(b, c) : a.mul(b).add(c)),
    expected: (a, b, c) => a.map((x, k) => x * b[k]! + c[k]!),
    inputs: small,
  },
  relaxedNmadd: {
    out: "f32",
    write: (a: F32x4, b: F32x4, c: F32x4) => (engine.relaxed ? a.relaxedNmadd(b, c) : c.sub(a.mul(b))),
    expected: (a, b, c) => a.map((x, k) => c[k]! - x * b[k]!),
    inputs: small,
  },
  lane: { out: "f32", write: (a: F32x4) => a.lane(2), expected: (a) => [a[2]!] },
  shuffle: { out: "f32", write: (a: F32x4, b: F32x4) => a.shuffle(b, LANES), expected: pick },
  toI32x4: only<F32x4>("toI32x4", "i32", saturate),
  toF64x2: { out: "f64", write: (a: F32x4) => a.toF64x2(), expected: (a) => a.slice(0, 2) },
};
const F64X2_CASES: Omit<Cases<F64x2>, Casts> = {
  add: pair<F64x2>("add", "f64", (x, y) => x + y),
  lane: { out: "f64", write: (a: F64x2) => a.lane(1), expected: (a) => [a[1]!] },
  toF32x4: { out: "f32", write: (a: F64x2) => a.toF32x4(), expected: (a) => [...a, 0, 0] },
};
const I32X4_CASES: Omit<Cases<I32x4>, Casts> = {
  add: pair<I32x4>("add", "i32", (x, y) => (x + y) | 0),
  sub: pair<I32x4>("sub", "i32", (x, y) => (x - y) | 0),
  mul: pair<I32x4>("mul", "i32", Math.imul),
  minS: pair<I32x4>("minS", "i32", (x, y) => Math.min(x, y)),
  maxS: pair<I32x4>("maxS", "i32", (x, y) => Math.max(x, y)),
  maxU: pair<I32x4>("maxU", "i32", (x, y) => Math.max(x >>> 0, y >>> 0) | 0),
  abs: only<I32x4>("abs", "i32", (x) => Math.abs(x) | 0),
  neg: only<I32x4>("neg", "i32", (x) => -x | 0),
  and: pair<I32x4>("and", "i32", (x, y) => x & y),
  andNot: pair<I32x4>("andNot", "i32", (x, y) => x & ~y),
  or: pair<I32x4>("or", "i32", (x, y) => x | y),
  xor: pair<I32x4>("xor", "i32", (x, y) => x ^ y),
  shl: lanes1("i32", (x) => x << 5)((a: I32x4) => a.shl(5)),
  shrS: lanes1("i32", (x) => x >> 5)((a: I32x4) => a.shrS(5)),
  shrU: lanes1("i32", (x) => (x >>> 5) | 0)((a: I32x4) => a.shrU(5)),
  eq: pair<I32x4>("eq", "i32", (x, y) => mask(x === y)),
  ne: pair<I32x4>("ne", "i32", (x, y) => mask(x !== y)),
  ltS: pair<I32x4>("ltS", "i32", (x, y) => mask(x < y)),
  gtS: pair<I32x4>("gtS", "i32", (x, y) => mask(x > y)),
  leS: pair<I32x4>("leS", "i32", (x, y) => mask(x <= y)),
  geS: pair<I32x4>("geS", "i32", (x, y) => mask(x >= y)),
  select: {
    out: "i32",
    write: (a: I32x4, b: I32x4, c: I32x4) => a.select(b.asF32x4(), c.asF32x4()),
    expected: (a, b, c) => a.map((m, k) => pickBits(m, b[k]!, c[k]!)),
  },
  relaxedSelect: {
    out: "i32",
    write: (a: I32x4, b: I32x4, c: I32x4) => {
      const [mask, x, y] = [a.ltS(b), b.asF32x4(), c.asF32x4()];
      return engine.relaxed ? mask.relaxedSelect(x, y) : mask.select(x, y);
    },
    expected: (a, b, c) => a.map((x, k) => (x < b[k]! ? b[k]! : c[k]!)),
  },
  selectI32: {
    out: "i32",
    write: (a: I32x4, b: I32x4, c: I32x4) => a.selectI32(b, c),
    expected: (a, b, c) => a.map((m, k) => pickBits(m, b[k]!, c[k]!)),
  },
  anyTrue: {
    out: "i32",
    write: (a: I32x4) => a.anyTrue(),
    expected: (a) => [bit(a.some((x) => x !== 0))],
    inputs: fc.constantFrom(0, 0, 1),
  },
  lane: { out: "i32", write: (a: I32x4) => a.lane(3), expected: (a) => [a[3]!] },
  shuffle: { out: "i32", write: (a: I32x4, b: I32x4) => a.shuffle(b, LANES), expected: pick },
  toF32x4: only<I32x4>("toF32x4", "f32", Math.fround),
  narrow: {
    out: "i16",
    write: (a: I32x4, b: I32x4) => a.narrow(b),
    expected: (a, b) => [...a, ...b].map((x) => clampTo(16, x)),
  },
};
const I16X8_CASES: Omit<Cases<I16x8>, Casts> = {
  narrow: {
    out: "i8",
    write: (a: I16x8, b: I16x8) => a.narrow(b),
    expected: (a, b) => [...a, ...b].map((x) => clampTo(8, x)),
  },
  extendLow: { out: "i32", write: (a: I16x8) => a.extendLow(), expected: (a) => a.slice(0, 4) },
  extendHigh: { out: "i32", write: (a: I16x8) => a.extendHigh(), expected: (a) => a.slice(4) },
};
const I8X16_CASES: Omit<Cases<I8x16>, Casts> = {
  and: pair<I8x16>("and", "i8", (x, y) => x & y),
  or: pair<I8x16>("or", "i8", (x, y) => x | y),
  xor: pair<I8x16>("xor", "i8", (x, y) => x ^ y),
  neg: only<I8x16>("neg", "i8", (x) => -x),
  eq: pair<I8x16>("eq", "i8", (x, y) => mask(x === y)),
  extendLow: { out: "i16", write: (a: I8x16) => a.extendLow(), expected: (a) => a.slice(0, 8) },
  extendHigh: { out: "i16", write: (a: I8x16) => a.extendHigh(), expected: (a) => a.slice(8) },
};

describe("instructions compute what they say", () => {
  const table: [string, Kind, Record<string, Case>][] = [
    ["i32", kindOf("i32", false), I32_CASES],
    ["i64", kindOf("i64", false), I64_CASES],
    ["f32", kindOf("f32", false), F32_CASES],
    ["f64", kindOf("f64", false), F64_CASES],
    ["f32x4", kindOf("f32", true), F32X4_CASES],
    ["f64x2", kindOf("f64", true), F64X2_CASES],
    ["i32x4", kindOf("i32", true), I32X4_CASES],
    ["i16x8", kindOf("i16", true), I16X8_CASES],
    ["i8x16", kindOf("i8", true), I8X16_CASES],
  ];
  for (const [type, kind, cases] of table)
    for (const [name, c] of Object.entries(cases)) check(`${type}.${name}`, kind, c);
});

describe("constants, loads and splats", () => {
  const at = I32.const(0);
  /** Everything that a class makes without another value of its own. */
  type Static<T> = Exclude<keyof T, "prototype" | "byte">;
  const CASES: {
    I32: Record<Static<typeof I32>, () => [Value, Lane, Numbers]>;
    I64: Record<Static<typeof I64>, () => [Value, Lane, Numbers]>;
    F32: Record<Static<typeof F32>, () => [Value, Lane, Numbers]>;
    F64: Record<Static<typeof F64>, () => [Value, Lane, Numbers]>;
    F32x4: Record<Static<typeof F32x4>, () => [Value, Lane, Numbers]>;
    F64x2: Record<Static<typeof F64x2>, () => [Value, Lane, Numbers]>;
    I32x4: Record<Static<typeof I32x4>, () => [Value, Lane, Numbers]>;
    I8x16: Record<Static<typeof I8x16>, () => [Value, Lane, Numbers]>;
  } = {
    I32: {
      const: () => [I32.const(-(2 ** 31)), "i32", [-(2 ** 31)]],
      load: () => [I32.load(at, 4), "i32", [floatBits(2)]],
      load8u: () => [I32.load8u(at, 3), "i32", [0x3f]],
    },
    I64: { const: () => [I64.const(-(2n ** 40n)), "i64", [-(2 ** 40)]], load: () => [I64.load(at, 32), "i64", [7]] },
    F32: { const: () => [F32.const(0.1), "f32", [Math.fround(0.1)]], load: () => [F32.load(at, 8), "f32", [3]] },
    F64: { const: () => [F64.const(0.1), "f64", [0.1]], load: () => [F64.load(at, 16), "f64", [0.25]] },
    F32x4: {
      const: () => [F32x4.const(-0.5), "f32", [-0.5, -0.5, -0.5, -0.5]],
      splat: () => [F32x4.splat(F32.load(at, 4)), "f32", [2, 2, 2, 2]],
      load: () => [F32x4.load(at), "f32", [1, 2, 3, 4]],
      loadSplat: () => [F32x4.loadSplat(at, 8), "f32", [3, 3, 3, 3]],
      loadOne: () => [F32x4.loadOne(at, 4), "f32", [2, 0, 0, 0]],
      loadTwo: () => [F32x4.loadTwo(at, 4), "f32", [2, 3, 0, 0]],
    },
    F64x2: {
      splat: () => [F64x2.splat(F64.load(at, 16)), "f64", [0.25, 0.25]],
    },
    I32x4: {
      const: () => [I32x4.const(-7), "i32", [-7, -7, -7, -7]],
      splat: () => [I32x4.splat(I32.const(5)), "i32", [5, 5, 5, 5]],
      load: () => [I32x4.load(at, 32), "i32", [7, 0, 0, 0]],
    },
    I8x16: {
      splat: () => [I8x16.splat(I32.const(3)), "i8", new Array(16).fill(3)],
      load: () => [I8x16.load(at, 32), "i8", [7, ...new Array(15).fill(0)]],
    },
  };
  for (const [type, cases] of Object.entries(CASES))
    for (const [name, make] of Object.entries(cases))
      test(`${type}.${name}`, () => {
        bytes.fill(0, 0, 256);
        new Float32Array(memory.buffer as ArrayBuffer, 0, 4).set([1, 2, 3, 4]);
        new Float64Array(memory.buffer as ArrayBuffer, 16, 2).set([0.25, 8]);
        new BigInt64Array(memory.buffer as ArrayBuffer, 32, 1)[0] = 7n;
        const [value, lane, expected] = make();
        execute((f) => f.store(I32.const(OUT), value) as undefined);
        expect(expected.map((_, k) => Number(view(lane, OUT, expected.length)[k]))).toEqual(expected);
      });

  test("views of a vector's bits change nothing", () => {
    bytes.fill(0, 0, 256);
    const input = Float32Array.of(1, -2, 3.5, Number.NaN);
    bytes.set(new Uint8Array(input.buffer), 0);
    execute((f) => {
      f.store(I32.const(OUT), F32x4.load(at).asF64x2().asI32x4().asF32x4());
      return undefined;
    });
    expect(bytes.slice(OUT, OUT + 16)).toEqual(new Uint8Array(input.buffer));
  });
});

describe("atomics", () => {
  const [at, at64] = [I32.const(0), I32.const(8)];
  const words = new Int32Array(memory.buffer as ArrayBuffer, 0, 4);

  test("i32: load, add, exchange", () => {
    words.set([5, 0, 0, 0]);
    expect(execute(() => atomicI32.load(at))).toBe(5);
    expect(execute(() => atomicI32.add(at, I32.const(3)))).toBe(5);
    expect(execute(() => atomicI32.exchange(at, I32.const(-1)))).toBe(8);
    expect(words[0]).toBe(-1);
  });

  // Browsers forbid their main thread to wait.
  test.skipIf(isBrowser)(
    "i32: wait returns at once for another value and in time for the same; notify wakes nobody here",
    () => {
      words.set([5, 0, 0, 0]);
      expect(execute(() => atomicI32.wait(at, I32.const(4), I64.const(-1n)))).toBe(1);
      expect(execute(() => atomicI32.wait(at, I32.const(5), I64.const(1000n)))).toBe(2);
      expect(execute(() => atomicI32.notify(at, I32.const(9)))).toBe(0);
    },
  );

  test("i64: load, exchange, compareExchange", () => {
    words.set([0, 0, 7, 1]);
    expect(execute(() => atomicI64.load(at64).toI32())).toBe(7);
    const before = I64.const(2n ** 32n + 7n);
    expect(execute(() => atomicI64.compareExchange(at64, I64.const(7n), I64.const(9n)).eq(before))).toBe(1);
    expect(words[2]).toBe(7);
    expect(execute(() => atomicI64.compareExchange(at64, before, I64.const(9n)).eq(before))).toBe(1);
    expect(words[2]).toBe(9);
    expect(execute(() => atomicI64.exchange(at64, I64.const(4n)).toI32())).toBe(9);
    expect(words[2]).toBe(4);
  });
});

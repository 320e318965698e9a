import { type Block, type Operand, type Spec, sizeOf, type UnaryFn } from "@descent/core";
import { type FunctionBuilder, I32, I32x4 } from "../../assembler/index.ts";
import { DECLINED } from "../../layout.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import * as math from "../../vector-math/index.ts";
import { forItems, itemsOf, run2 } from "./items.ts";

const { FloatLanes, MAX_ANGLE } = math;
type FloatLanes = math.FloatLanes;

interface FloatFunction {
  /** Nanoseconds that an item takes. */
  readonly cost: number;
  readonly of: (x: FloatLanes) => FloatLanes;
}

// The bits of 1 and −1.
const ONE = 0x3f800000;
const MINUS_ONE = ONE | (1 << 31);

/** What networks seldom call: the reference computes it. */
type Rare =
  | "exp2"
  | "log2"
  | "log10"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erfc"
  | "erfinv"
  | "trunc";
type VectorFn = Exclude<UnaryFn, Rare>;

const FLOAT: Record<VectorFn, FloatFunction> = {
  neg: { cost: 1.5, of: (x) => x.neg() },
  abs: { cost: 1.5, of: (x) => x.abs() },
  sign: { cost: 1.5, of: (x) => x.gt(0).and(ONE).or(x.lt(0).and(MINUS_ONE)).asFloats() },
  relu: { cost: 1.5, of: (x) => x.pmax(0) },
  floor: { cost: 1.5, of: (x) => x.floor() },
  ceil: { cost: 1.5, of: (x) => x.ceil() },
  round: { cost: 1.5, of: (x) => x.nearest() },
  sqrt: { cost: 6, of: (x) => x.sqrt() },
  rsqrt: { cost: 10, of: (x) => x.sqrt().reciprocal() },
  exp: { cost: 9, of: math.exp },
  expm1: { cost: 10, of: math.expm1 },
  log: { cost: 17, of: math.log },
  log1p: { cost: 22, of: math.log1p },
  sin: { cost: 14, of: math.sin },
  cos: { cost: 14, of: math.cos },
  tanh: { cost: 11, of: math.tanh },
  sigmoid: { cost: 10, of: math.sigmoid },
  erf: { cost: 24, of: math.erf },
};

/** Where integers have a kernel. */
const INT: Partial<Record<VectorFn, (f: FunctionBuilder, x: I32x4) => I32x4>> = {
  neg: (_, x) => x.neg(),
  abs: (_, x) => x.abs(),
  sign: (f, x) => x.minS(f.i32x4(1)).maxS(f.i32x4(-1)),
  relu: (f, x) => x.maxS(f.i32x4(0)),
};

const hasKernel = (fn: UnaryFn): fn is VectorFn => fn in FLOAT;

/** `unary` of float32 and int32. */
export function unary(runtime: Runtime, reference: Families): Families["unary"] {
  const { pager } = runtime;
  const floatKernels: Partial<Record<VectorFn, Kernel>> = {};
  const intKernels: Partial<Record<VectorFn, Kernel>> = {};

  return (fn, x, out) => {
    if (!hasKernel(fn)) return reference.unary(fn, x, out);
    const isFloat = out.dtype === "float32";
    if (!isFloat && (out.dtype !== "int32" || INT[fn] === undefined)) return reference.unary(fn, x, out);
    const known = isFloat ? floatKernels : intKernels;
    let kernel = known[fn];
    if (kernel === undefined) {
      kernel = isFloat ? compileFloat(runtime, fn) : compileInt(runtime, fn);
      known[fn] = kernel;
    }
    if (isFloat && (fn === "sin" || fn === "cos")) return trigonometric(runtime, reference, kernel, fn, x, out);
    pager.begin(fn);
    pager.use(x.handle);
    const y = pager.allocate(bytesOf(out));
    run2(runtime, kernel, itemsOf(out), FLOAT[fn].cost, pager.address(x.handle), pager.address(y));
    return y;
  };
}

/** Sines and cosines: angles too large for the kernel are rare, and where there is one the reference computes all. */
function trigonometric(
  runtime: Runtime,
  reference: Families,
  kernel: Kernel,
  fn: "sin" | "cos",
  x: Operand<Block>,
  out: Spec,
): Block {
  const { pager, memory } = runtime;
  pager.begin(fn);
  pager.use(x.handle);
  const y = pager.allocate(bytesOf(out));
  const from = pager.address(x.handle);
  const { i32 } = memory;
  i32[DECLINED / 4] = 0;
  // What stands behind the last element must not count as an angle.
  const end = from / 4 + sizeOf(x.shape);
  i32.fill(0, end, Math.ceil(end / 16) * 16);
  run2(runtime, kernel, itemsOf(out), FLOAT[fn].cost, from, pager.address(y));
  if (i32[DECLINED / 4] === 0) return y;
  pager.free(y);
  return reference.unary(fn, x, out);
}

function compileFloat(runtime: Runtime, fn: VectorFn): Kernel {
  const { of } = FLOAT[fn];
  if (fn === "sin" || fn === "cos") return compileTrigonometric(runtime, of);
  return runtime.compile<"float">((m) =>
    m.kernel("float", { x: I32, y: I32 }, (f, { x, y }, range) =>
      forItems(f, range, (i) => of(FloatLanes.load(f, x.add(i))).store(y.add(i))),
    ),
  ).float;
}

/** The kernel declines where an angle is beyond what it can do. */
function compileTrigonometric(runtime: Runtime, of: FloatFunction["of"]): Kernel {
  return runtime.compile<"trigonometric">((m) =>
    m.kernel("trigonometric", { x: I32, y: I32 }, (f, { x, y }, range) => {
      const large = f.var(I32x4);
      forItems(f, range, (i) => {
        const angles = FloatLanes.load(f, x.add(i));
        for (const mask of angles.abs().gt(MAX_ANGLE).vectors) large.set(large.or(mask));
        of(angles).store(y.add(i));
      });
      f.if(large.anyTrue(), () => f.store(I32.const(DECLINED), I32.const(1)));
    }),
  ).trigonometric;
}

function compileInt(runtime: Runtime, fn: VectorFn): Kernel {
  const of = INT[fn]!;
  return runtime.compile<"int">((m) =>
    m.kernel("int", { x: I32, y: I32 }, (f, { x, y }, range) =>
      forItems(f, range, (i) => {
        for (const at of [0, 16, 32, 48]) f.store(y.add(i), of(f, I32x4.load(x.add(i), at)), at);
      }),
    ),
  ).int;
}

import { type DType, sizeOf, type UnaryFn } from "@descent/core";
import { type FunctionBuilder, I32, I32x4 } from "../../assembler/index.ts";
import { DECLINED } from "../../layout.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import * as math from "../../vector-math/index.ts";
import { FloatLanes, MAX_ANGLE } from "../../vector-math/index.ts";
import { lazyTable } from "../lazy.ts";
import { forItems, itemsOf, kernelOf1, run2, VECTORS } from "./items.ts";

interface FloatFunction {
  /** Nanoseconds that an item takes. */
  readonly cost: number;
  readonly of: (x: FloatLanes) => FloatLanes;
  /** The largest argument for which it is right. Greater ones are rare, and where there is one the reference computes all. */
  readonly limit?: number;
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
  sin: { cost: 14, of: math.sin, limit: MAX_ANGLE },
  cos: { cost: 14, of: math.cos, limit: MAX_ANGLE },
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

/** `unary` of float32 and int32. */
export function unary(runtime: Runtime, reference: Families): Families["unary"] {
  const { pager, memory } = runtime;
  const kernels: Partial<Record<DType, Partial<Record<UnaryFn, () => Kernel>>>> = {
    float32: lazyTable(FLOAT, (fn) => floatKernel(runtime, fn)),
    int32: lazyTable(INT, (of) => intKernel(runtime, of)),
  };

  return (fn, x, out) => {
    const kernel = kernels[out.dtype]?.[fn]?.();
    if (kernel === undefined) return reference.unary(fn, x, out);
    const { cost, limit } = FLOAT[fn as VectorFn];
    pager.begin(fn);
    pager.use(x.handle);
    const y = pager.allocate(bytesOf(out));
    const from = pager.address(x.handle);
    const { i32 } = memory;
    if (limit !== undefined) {
      i32[DECLINED / 4] = 0;
      // What stands behind the last element must not count.
      const end = from / 4 + sizeOf(x.shape);
      i32.fill(0, end, Math.ceil(end / 16) * 16);
    }
    run2(runtime, kernel, itemsOf(out), cost, from, pager.address(y));
    if (limit === undefined || i32[DECLINED / 4] === 0) return y;
    pager.free(y);
    return reference.unary(fn, x, out);
  };
}

/** The kernel of a function with a limit declines where an argument is beyond it. */
function floatKernel(runtime: Runtime, { of, limit }: FloatFunction): Kernel {
  if (limit === undefined) return kernelOf1(runtime, of);
  return runtime.kernel({ x: I32, y: I32 }, (f, { x, y }, range) => {
    const large = f.var(I32x4);
    forItems(f, range, (i) => {
      const angles = FloatLanes.load(f, x.add(i));
      for (const mask of angles.abs().gt(limit).vectors) large.set(large.or(mask));
      of(angles).store(y.add(i));
    });
    f.if(large.anyTrue(), () => f.store(I32.const(DECLINED), I32.const(1)));
  });
}

const intKernel = (runtime: Runtime, of: (f: FunctionBuilder, x: I32x4) => I32x4): Kernel =>
  runtime.kernel({ x: I32, y: I32 }, (f, { x, y }, range) =>
    forItems(f, range, (i) => {
      for (const at of VECTORS) f.store(y.add(i), of(f, I32x4.load(x.add(i), at)), at);
    }),
  );

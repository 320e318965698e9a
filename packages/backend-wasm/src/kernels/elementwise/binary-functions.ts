import type { ArithmeticFn, BinaryFn, ComparisonFn, DType } from "@descent/core";
import type { F32x4, I8x16, I32x4 } from "../../assembler/index.ts";

/** What has kernels of its own, or is left to the reference. */
export type Other = "pow" | "fmod" | "atan2";
/** What kernels compute: the rest of the vocabulary, and the subtraction and division whose first operand is the one that stretches. */
export type VectorFn = Exclude<BinaryFn, Other> | "reverseSub" | "reverseDiv";
type VectorArithmetic = Exclude<ArithmeticFn, Other> | "reverseSub" | "reverseDiv";

/** The function of swapped operands. */
export const MIRRORED: Record<Exclude<BinaryFn, Other>, VectorFn> = {
  add: "add",
  sub: "reverseSub",
  mul: "mul",
  div: "reverseDiv",
  maximum: "maximum",
  minimum: "minimum",
  eq: "eq",
  ne: "ne",
  lt: "gt",
  le: "ge",
  gt: "lt",
  ge: "le",
  and: "and",
  or: "or",
  xor: "xor",
};

type Arithmetic = (a: F32x4, b: F32x4) => F32x4;
/** The result is a mask. */
type Comparison = (a: F32x4, b: F32x4) => I32x4;
export type Logic = (a: I8x16, b: I8x16) => I8x16;

const ints =
  (fn: (a: I32x4, b: I32x4) => I32x4): Arithmetic =>
  (a, b) =>
    fn(a.asI32x4(), b.asI32x4()).asF32x4();
const compareInts =
  (fn: (a: I32x4, b: I32x4) => I32x4): Comparison =>
  (a, b) =>
    fn(a.asI32x4(), b.asI32x4());

const FLOAT: Record<VectorArithmetic, Arithmetic> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  reverseSub: (a, b) => b.sub(a),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  reverseDiv: (a, b) => b.div(a),
  // `pmax` gives NaN only where its left side is one; all bits set are a NaN too.
  maximum: (a, b) => a.ne(a).or(b.pmax(a).asI32x4()).asF32x4(),
  minimum: (a, b) => a.ne(a).or(b.pmin(a).asI32x4()).asF32x4(),
};

const FLOAT_COMPARISONS: Record<ComparisonFn, Comparison> = {
  eq: (a, b) => a.eq(b),
  ne: (a, b) => a.ne(b),
  lt: (a, b) => a.lt(b),
  le: (a, b) => a.le(b),
  gt: (a, b) => a.gt(b),
  ge: (a, b) => a.ge(b),
};

const INT: Partial<Record<VectorArithmetic, Arithmetic>> = {
  add: ints((a, b) => a.add(b)),
  sub: ints((a, b) => a.sub(b)),
  reverseSub: ints((a, b) => b.sub(a)),
  mul: ints((a, b) => a.mul(b)),
  maximum: ints((a, b) => a.maxS(b)),
  minimum: ints((a, b) => a.minS(b)),
};

const INT_COMPARISONS: Record<ComparisonFn, Comparison> = {
  eq: compareInts((a, b) => a.eq(b)),
  ne: compareInts((a, b) => a.ne(b)),
  lt: compareInts((a, b) => a.ltS(b)),
  le: compareInts((a, b) => a.leS(b)),
  gt: compareInts((a, b) => a.gtS(b)),
  ge: compareInts((a, b) => a.geS(b)),
};

const BOOL: Partial<Record<VectorFn, Logic>> = {
  and: (a, b) => a.and(b),
  or: (a, b) => a.or(b),
  xor: (a, b) => a.xor(b),
  ne: (a, b) => a.xor(b),
  eq: (a, b) => a.eq(b).neg(),
};

/** A function of four lanes, by what becomes of them. */
export type Lanewise =
  | { readonly result: "lanes"; readonly of: Arithmetic }
  | { readonly result: "bools"; readonly of: Comparison };

/** What there is for operands of a 32-bit dtype, `undefined` where that is nothing. */
export function lanewise(fn: VectorFn, dtype: DType): Lanewise | undefined {
  if (dtype !== "float32" && dtype !== "int32") return undefined;
  const [arithmetic, comparisons] = dtype === "float32" ? [FLOAT, FLOAT_COMPARISONS] : [INT, INT_COMPARISONS];
  const of = arithmetic[fn as VectorArithmetic];
  if (of !== undefined) return { result: "lanes", of };
  const comparison = comparisons[fn as ComparisonFn];
  return comparison && { result: "bools", of: comparison };
}

/** What there is for bools. */
export const logic = (fn: VectorFn): Logic | undefined => BOOL[fn];

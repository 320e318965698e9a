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

/** The instructions of integers, of bits that pass for floats. */
const int =
  (instruction: (typeof INT_COMPARISONS)[ComparisonFn] | "add" | "sub" | "mul" | "maxS" | "minS"): Comparison =>
  (a, b) =>
    a.asI32x4()[instruction](b.asI32x4());
const ints =
  (instruction: Parameters<typeof int>[0]): Arithmetic =>
  (a, b) =>
    int(instruction)(a, b).asF32x4();

const INT: Partial<Record<VectorArithmetic, Arithmetic>> = {
  add: ints("add"),
  sub: ints("sub"),
  reverseSub: (a, b) => ints("sub")(b, a),
  mul: ints("mul"),
  maximum: ints("maxS"),
  minimum: ints("minS"),
};

/** The instructions by which integers are compared; those of floats are named as the functions are. */
const INT_COMPARISONS = { eq: "eq", ne: "ne", lt: "ltS", le: "leS", gt: "gtS", ge: "geS" } as const satisfies Record<
  ComparisonFn,
  keyof I32x4
>;

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
  const isFloat = dtype === "float32";
  if (!isFloat && dtype !== "int32") return undefined;
  const of = (isFloat ? FLOAT : INT)[fn as VectorArithmetic];
  if (of !== undefined) return { result: "lanes", of };
  if (!(fn in INT_COMPARISONS)) return undefined;
  const comparison = fn as ComparisonFn;
  return { result: "bools", of: isFloat ? (a, b) => a[comparison](b) : int(INT_COMPARISONS[comparison]) };
}

/** What there is for bools. */
export const logic = (fn: VectorFn): Logic | undefined => BOOL[fn];

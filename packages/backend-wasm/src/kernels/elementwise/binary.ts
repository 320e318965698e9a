import { type BinaryFn, type Block, type DType, type Operand, type Spec, sizeOf } from "@descent/core";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { lanewise, logic, MIRRORED, type VectorFn } from "./binary-functions.ts";
import { evenKernel, logicKernel, rowsKernel } from "./binary-kernels.ts";
import { runRows } from "./binary-rows.ts";
import { withExpanded } from "./expand.ts";
import { elementOf, itemsOf, run3, zip } from "./items.ts";
import { powOfNumber } from "./pow.ts";
import { rowsOf, swapped } from "./rows.ts";

/** Both operands element by element; the second one a scalar; rows in which the second one moves on, or is constant. */
type Pattern = "same" | "scalar" | "rows" | "constantRows";
/** Compiled when they are first needed; `null` where there is none. */
type Kernels = Partial<Record<VectorFn, Kernel | null>>;
type KernelsOf = Readonly<Record<Pattern, Kernels>>;

/** Nanoseconds of an item. */
const COST = 2.2;

/** `binary` where vectors help: of float32 all but most powers, of int32 all but powers, of bool the logic. */
export function binary(runtime: Runtime, reference: Families): Families["binary"] {
  const { pager } = runtime;
  const pow = powOfNumber(runtime);
  const none = (): KernelsOf => ({ same: {}, scalar: {}, rows: {}, constantRows: {} });
  const kernels: Readonly<Record<DType, KernelsOf>> = { float32: none(), float64: none(), int32: none(), bool: none() };

  function kernelOf(fn: VectorFn, dtype: DType, pattern: Pattern): Kernel | null {
    const known = kernels[dtype][pattern];
    let kernel = known[fn];
    if (kernel === undefined) {
      kernel = compile(runtime, fn, dtype, pattern);
      known[fn] = kernel;
    }
    return kernel;
  }

  function same(op: BinaryFn, a: Operand<Block>, b: Operand<Block>, out: Spec): Block | null {
    const kernel = kernelOf(op as VectorFn, a.dtype, "same");
    return kernel && zip(runtime, kernel, op, a, b, out, COST);
  }

  /** With a number, or a tensor of one element. `fn` is `op`, or its mirror image. */
  function withScalar(
    op: BinaryFn,
    fn: VectorFn,
    a: Operand<Block>,
    b: Operand<Block> | number,
    out: Spec,
  ): Block | null {
    if (typeof b === "number" && a.dtype !== "float32" && (b | 0) !== b) return null;
    const kernel = kernelOf(fn, a.dtype, "scalar");
    if (kernel === null) return null;
    pager.begin(op);
    pager.use(a.handle);
    if (typeof b !== "number") pager.use(b.handle);
    const y = pager.allocate(bytesOf(out));
    const bits = elementOf(runtime, a.dtype, b);
    run3(runtime, kernel, itemsOf(a), COST, pager.address(a.handle), bits, pager.address(y));
    return y;
  }

  function byRows(op: BinaryFn, a: Operand<Block>, b: Operand<Block>, out: Spec): Block | null {
    const rows = rowsOf(a.shape, b.shape, out.shape);
    if (rows === null) return null;
    const isSwapped = rows.constant === "a";
    const fn = isSwapped ? MIRRORED[op as keyof typeof MIRRORED] : (op as VectorFn);
    const kernel = kernelOf(fn, a.dtype, rows.constant === null ? "rows" : "constantRows");
    if (kernel === null) return null;
    if (isSwapped) return runRows(runtime, kernel, op, b, a, out, swapped(rows), COST / 16);
    return runRows(runtime, kernel, op, a, b, out, rows, COST / 16);
  }

  function compute(op: BinaryFn, a: Operand<Block> | number, b: Operand<Block> | number, out: Spec): Block | null {
    if (op === "pow") return pow(a, b, out);
    if (op === "fmod" || op === "atan2") return null;
    const size = sizeOf(out.shape);
    const [sizeA, sizeB] = [sizeOfArgument(a), sizeOfArgument(b)];
    if (typeof a !== "number" && typeof b !== "number" && sizeA === size && sizeB === size) return same(op, a, b, out);
    if (typeof a !== "number" && sizeB === 1) return withScalar(op, op, a, b, out);
    if (typeof b !== "number" && sizeA === 1) return withScalar(op, MIRRORED[op], b, a, out);
    if (typeof a === "number" || typeof b === "number" || size === 0) return null;
    if (a.dtype !== "bool") return byRows(op, a, b, out);
    return withExpanded(runtime, [a, b] as const, out.shape, (a, b) => same(op, a, b, out));
  }

  return (fn, a, b, out) => compute(fn, a, b, out) ?? reference.binary(fn, a, b, out);
}

const sizeOfArgument = (x: Operand<Block> | number): number => (typeof x === "number" ? 1 : sizeOf(x.shape));

function compile(runtime: Runtime, fn: VectorFn, dtype: DType, pattern: Pattern): Kernel | null {
  const isEven = pattern === "same" || pattern === "scalar";
  if (dtype === "bool") {
    const of = logic(fn);
    return of === undefined || !isEven ? null : logicKernel(runtime, of, pattern === "scalar");
  }
  const of = lanewise(fn, dtype);
  if (of === undefined) return null;
  return isEven ? evenKernel(runtime, of, pattern === "scalar") : rowsKernel(runtime, of, pattern === "rows");
}

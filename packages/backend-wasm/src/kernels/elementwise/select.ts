import { type Block, type DType, type Operand, type Spec, sizeOf } from "@descent/core";
import { I8x16, I32, I32x4 } from "../../assembler/index.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { withExpanded } from "./expand.ts";
import { bitsOf, elementAt, forItems, toMasks, VECTORS } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 3;

type Argument = Operand<Block> | number;

/** `select` of float32, int32 and bool. */
export function select(runtime: Runtime, reference: Families): Families["select"] {
  const { pager } = runtime;
  const kernels: Kernel[] = [];

  /** The address of an operand, or the bits of a scalar. */
  const parameter = (x: Argument, isScalar: boolean, dtype: DType): number => {
    if (typeof x === "number") return dtype === "float32" ? bitsOf(x) : x;
    const address = pager.address(x.handle);
    return isScalar ? elementAt(runtime, dtype, address) : address;
  };

  /** Where the condition has the shape of the result, and each of the others too or is a scalar. */
  function selectFull(condition: Operand<Block>, a: Argument, b: Argument, out: Spec): Block {
    const size = sizeOf(out.shape);
    const isBool = out.dtype === "bool";
    const scalarA = isScalar(a, size);
    const scalarB = isScalar(b, size);
    const key = 4 * Number(isBool) + 2 * Number(scalarA) + Number(scalarB);
    let kernel = kernels[key];
    if (kernel === undefined) {
      kernel = compile(runtime, isBool, scalarA, scalarB);
      kernels[key] = kernel;
    }
    pager.begin("where");
    pager.use(condition.handle);
    if (typeof a !== "number") pager.use(a.handle);
    if (typeof b !== "number") pager.use(b.handle);
    const y = pager.allocate(bytesOf(out));
    const at = pager.address(condition.handle);
    const [first, second] = [parameter(a, scalarA, out.dtype), parameter(b, scalarB, out.dtype)];
    const items = Math.ceil(size / 16);
    if (runtime.isWorthSharing(items, COST)) runtime.launch(kernel, items, COST, [at, first, second, pager.address(y)]);
    else kernel.run(0, items, 0, at, first, second, pager.address(y));
    return y;
  }

  return (condition, a, b, out) => {
    if (out.dtype === "float64") return reference.select(condition, a, b, out);
    const size = sizeOf(out.shape);
    if (
      sizeOf(condition.shape) === size &&
      (isScalar(a, size) || isFull(a, size)) &&
      (isScalar(b, size) || isFull(b, size))
    )
      return selectFull(condition, a, b, out);
    return (
      withExpanded(runtime, [condition, a, b] as const, out.shape, (condition, a, b) =>
        selectFull(condition, a, b, out),
      ) ?? reference.select(condition, a, b, out)
    );
  };
}

const isFull = (x: Argument, size: number): boolean => typeof x !== "number" && sizeOf(x.shape) === size;
/** Whether an argument is one for all of `size` elements. */
const isScalar = (x: Argument, size: number): boolean => typeof x === "number" || (size !== 1 && sizeOf(x.shape) === 1);

function compile(runtime: Runtime, isBool: boolean, scalarA: boolean, scalarB: boolean): Kernel {
  return runtime.compile<"kernel">((m) =>
    m.kernel("kernel", { condition: I32, a: I32, b: I32, y: I32 }, (f, { condition, a, b, y }, range) => {
      const splat = (bits: I32): I32x4 => f.let((isBool ? I8x16.splat(bits) : I32x4.splat(bits)).asI32x4());
      const operand = (p: I32, isScalar: boolean): ((i: I32, at?: number) => I32x4) => {
        if (!isScalar) return (i, at) => I32x4.load(p.add(i), at);
        const value = splat(p);
        return () => value;
      };
      const [first, second] = [operand(a, scalarA), operand(b, scalarB)];
      forItems(f, range, (i) => {
        const j = f.let(i.shrU(2));
        const bools = I8x16.load(condition.add(j));
        if (isBool) f.store(y.add(j), bools.neg().asI32x4().selectI32(first(j), second(j)));
        else
          for (const [k, mask] of toMasks(f, bools).entries())
            f.store(y.add(i), mask.selectI32(first(i, VECTORS[k]), second(i, VECTORS[k])), VECTORS[k]);
      });
    }),
  ).kernel;
}

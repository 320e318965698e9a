import { type Block, type DType, type Operand, sizeOf } from "@descent/core";
import { I8x16, I32, I32x4 } from "../../assembler/index.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { bitsOf, elementAt, forItems, toMasks, VECTORS } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 3;

type Argument = Operand<Block> | number;

/** `select` of float32, int32 and bool where the condition has the shape of the result, and each of the others too or is a scalar. */
export function select(runtime: Runtime, reference: Families): Families["select"] {
  const { pager } = runtime;
  const kernels: Partial<Record<string, Kernel>> = {};

  /** The address of an operand, or the bits of a scalar. */
  const parameter = (x: Argument, isScalar: boolean, dtype: DType): number => {
    if (typeof x === "number") return dtype === "float32" ? bitsOf(x) : x;
    const address = pager.address(x.handle);
    return isScalar ? elementAt(runtime, dtype, address) : address;
  };

  return (condition, a, b, out) => {
    const size = sizeOf(out.shape);
    const isBool = out.dtype === "bool";
    const [scalarA, scalarB] = [isScalar(a, size), isScalar(b, size)];
    if (out.dtype === "float64" || sizeOf(condition.shape) !== size || scalarA === null || scalarB === null)
      return reference.select(condition, a, b, out);
    const key = `${isBool ? 8 : 32}${scalarA}${scalarB}`;
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
    runtime.launch(kernel, Math.ceil(size / 16), COST, [
      pager.address(condition.handle),
      parameter(a, scalarA, out.dtype),
      parameter(b, scalarB, out.dtype),
      pager.address(y),
    ]);
    return y;
  };
}

/** Whether an argument is one for all of `size` elements; `null` where it is neither that nor as many. */
function isScalar(x: Argument, size: number): boolean | null {
  if (typeof x === "number") return true;
  const own = sizeOf(x.shape);
  return own === size ? false : own === 1 ? true : null;
}

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

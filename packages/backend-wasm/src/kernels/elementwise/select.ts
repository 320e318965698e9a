import { type Block, type Operand, type Spec, sizeOf } from "@descent/core";
import { I8x16, I32, I32x4 } from "../../assembler/index.ts";
import { bytesOf, type Families } from "../../reference.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import { withExpanded } from "./expand.ts";
import { elementOf, forItems, toMasks, VECTORS } from "./items.ts";

/** Nanoseconds of an item. */
const COST = 3;

type Argument = Operand<Block> | number;

/** `select` of float32, int32 and bool. */
export function select(runtime: Runtime, reference: Families): Families["select"] {
  const { pager } = runtime;
  const kernels: Kernel[] = [];

  /** Where the condition has the shape of the result, and each of the others too or is a scalar. */
  function selectFull(condition: Operand<Block>, a: Argument, b: Argument, out: Spec): Block {
    const size = sizeOf(out.shape);
    const isBool = out.dtype === "bool";
    const fullA = isFull(a, size);
    const fullB = isFull(b, size);
    const key = 4 * Number(isBool) + 2 * Number(fullA) + Number(fullB);
    kernels[key] ??= compile(runtime, isBool, !fullA, !fullB);
    const kernel = kernels[key];
    pager.begin("where");
    pager.use(condition.handle);
    if (typeof a !== "number") pager.use(a.handle);
    if (typeof b !== "number") pager.use(b.handle);
    const y = pager.allocate(bytesOf(out));
    const at = pager.address(condition.handle);
    const first = fullA ? pager.address(a.handle) : elementOf(runtime, out.dtype, a);
    const second = fullB ? pager.address(b.handle) : elementOf(runtime, out.dtype, b);
    const items = Math.ceil(size / 16);
    if (runtime.isWorthSharing(items, COST)) runtime.launch(kernel, items, COST, [at, first, second, pager.address(y)]);
    else kernel.run(0, items, 0, at, first, second, pager.address(y));
    return y;
  }

  return (condition, a, b, out) => {
    if (out.dtype === "float64") return reference.select(condition, a, b, out);
    const size = sizeOf(out.shape);
    const isEven = (x: Argument): boolean => typeof x === "number" || sizeOf(x.shape) === 1 || isFull(x, size);
    if (isFull(condition, size) && isEven(a) && isEven(b)) return selectFull(condition, a, b, out);
    return (
      withExpanded(runtime, [condition, a, b] as const, out.shape, (condition, a, b) =>
        selectFull(condition, a, b, out),
      ) ?? reference.select(condition, a, b, out)
    );
  };
}

const isFull = (x: Argument, size: number): x is Operand<Block> => typeof x !== "number" && sizeOf(x.shape) === size;

const compile = (runtime: Runtime, isBool: boolean, scalarA: boolean, scalarB: boolean): Kernel =>
  runtime.kernel({ condition: I32, a: I32, b: I32, y: I32 }, (f, { condition, a, b, y }, range) => {
    const operand = (p: I32, isScalar: boolean): ((i: I32, at?: number) => I32x4) => {
      if (!isScalar) return (i, at) => I32x4.load(p.add(i), at);
      const value = f.let((isBool ? I8x16 : I32x4).splat(p).asI32x4());
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
  });

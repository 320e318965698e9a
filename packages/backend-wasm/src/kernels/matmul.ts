import { broadcastStrides, type Shape, sizeOf } from "@descent/core";
import type { Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { productsOf, type StackAxis } from "./gemm/products.ts";

/** `matmul`; products of other dtypes than float32 are the reference's. */
export function matmul(runtime: Runtime, reference: Families): Pick<Families, "matmul"> {
  return {
    matmul(a, b, transposeA, transposeB, out) {
      if (out.dtype !== "float32" || sizeOf(out.shape) === 0)
        return reference.matmul(a, b, transposeA, transposeB, out);
      const rank = out.shape.length;
      const [rows, columns] = out.shape.slice(-2) as [number, number];
      const k = a.shape[transposeA ? rank - 2 : rank - 1]!;
      // A column is the row of the transposed product `Bᵀ · Aᵀ`, with the same elements in memory.
      const [left, right] = columns === 1 ? [b, a] : [a, b];
      const product =
        columns === 1
          ? { rows: 1, columns: rows, k, transposeA: !transposeB, transposeB: !transposeA }
          : { rows, columns, k, transposeA, transposeB };
      const stack = rank === 2 ? [] : stackOf(left.shape, right.shape, out.shape);
      const whole = stack.length === 0 ? product : { ...product, stack };
      return productsOf(runtime).run("matmul", left.handle, right.handle, null, whole);
    },
  };
}

/** The leading axes, without those of size 1, and joined where both operands allow it. */
function stackOf(a: Shape, b: Shape, out: Shape): StackAxis[] {
  const sizes = out.slice(0, -2);
  const stridesA = broadcastStrides(a.slice(0, -2), sizes);
  const stridesB = broadcastStrides(b.slice(0, -2), sizes);
  const axes: StackAxis[] = [];
  for (const [i, size] of sizes.entries()) {
    if (size === 1) continue;
    const [strideA, strideB] = [stridesA[i]!, stridesB[i]!];
    const last = axes.at(-1);
    if (last?.strideA === size * strideA && last.strideB === size * strideB)
      axes[axes.length - 1] = { size: last.size * size, strideA, strideB };
    else axes.push({ size, strideA, strideB });
  }
  return axes;
}

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
      const product = {
        rows: out.shape[rank - 2]!,
        columns: out.shape[rank - 1]!,
        k: a.shape[transposeA ? rank - 2 : rank - 1]!,
        transposeA,
        transposeB,
      };
      const stack = rank === 2 ? [] : stackOf(a.shape, b.shape, out.shape);
      return productsOf(runtime).run(
        "matmul",
        a.handle,
        b.handle,
        null,
        stack.length === 0 ? product : { ...product, stack },
      );
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

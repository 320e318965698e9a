import { type Block, bytesPerElement, type Operand, type Shape, sizeOf } from "@descent/core";
import type { Runtime } from "../../runtime.ts";
import { rowsOf } from "./rows.ts";

/** An operand stretched to a shape that has elements, in memory of its own; `null` where that takes too many axes. */
function expand(runtime: Runtime, x: Operand<Block>, shape: Shape): Operand<Block> | null {
  const rows = rowsOf(x.shape, shape, shape);
  if (rows === null) return null;
  const { pager, memory } = runtime;
  const width = bytesPerElement(x.dtype);
  pager.begin("expand");
  pager.use(x.handle);
  const handle = pager.allocate(sizeOf(shape) * width);
  const elements = memory.view(x.dtype);
  const from = pager.address(x.handle) / width;
  let to = pager.address(handle) / width;
  const { length, constant, sizes, a } = rows;
  for (let i = 0; i < sizes[2]; i++)
    for (let j = 0; j < sizes[1]; j++)
      for (let k = 0; k < sizes[0]; k++) {
        const at = from + i * a[2] + j * a[1] + k * a[0];
        if (constant === "a") elements.fill(elements[at]!, to, to + length);
        else elements.copyWithin(to, at, at + length);
        to += length;
      }
  return { shape, dtype: x.dtype, handle };
}

/**
 * Calls `compute` with operands of one shape, whichever of them have to be stretched for that; numbers stay. `null` where stretching takes
 * too many axes.
 */
export function withExpanded<A extends readonly (Operand<Block> | number)[], R>(
  runtime: Runtime,
  operands: A,
  shape: Shape,
  compute: (...operands: A) => R,
): R | null {
  const made: Block[] = [];
  try {
    const expanded: (Operand<Block> | number)[] = [];
    for (const x of operands) {
      if (typeof x === "number" || sizeOf(x.shape) === sizeOf(shape)) expanded.push(x);
      else {
        const full = expand(runtime, x, shape);
        if (full === null) return null;
        made.push(full.handle);
        expanded.push(full);
      }
    }
    return compute(...(expanded as unknown as A));
  } finally {
    for (const block of made) runtime.pager.free(block);
  }
}

import { broadcastStrides, type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import { compute, steps } from "./compute.ts";
import { fill } from "./elementwise.ts";
import type { Families, GpuOperand } from "./kernel.ts";
import { reduceMiddle } from "./reduce.ts";

export const products = (device: Device): Families<"matmul"> => ({
  matmul(a, b, transposeA, transposeB, out) {
    const size = a.shape.at(transposeA ? -2 : -1)!;
    if (size === 0) return fill(device, 0, out, "matmul");
    const stack = out.shape.slice(0, -2);
    return product(device, "matmul", matrices(a, transposeA, stack), matrices(b, transposeB, stack), out.shape, size);
  },
});

/** A stack of matrices as the strides of its stack, its rows and its columns. */
interface Matrices {
  readonly array: GpuArray;
  readonly stack: readonly number[];
  readonly row: number;
  readonly column: number;
}

function matrices({ handle, shape }: GpuOperand, transposed: boolean, stack: Shape): Matrices {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return {
    array: handle,
    stack: broadcastStrides(shape.slice(0, -2), stack).map((stride) => stride * rows * columns),
    row: transposed ? 1 : columns,
    column: transposed ? columns : 1,
  };
}

/** A product of stacks `[…, m, size] · […, size, n]`. A long sum is computed in parts, which lie side by side in front of all. */
function product(device: Device, op: string, a: Matrices, b: Matrices, shape: Shape, size: number): GpuArray {
  const parts = Math.ceil(size / LONGEST_LOOP);
  const result = compute(device, {
    op,
    key: "matmul",
    shape: [parts, ...shape],
    places: {
      a: steps(LONGEST_LOOP * a.column, ...a.stack, a.row, 0),
      b: steps(LONGEST_LOOP * b.row, ...b.stack, 0, b.column),
      first: steps(LONGEST_LOOP, ...shape.map(() => 0)),
    },
    arrays: { as: a.array, bs: b.array },
    scalars: { size, step_a: a.column, step_b: b.row },
    body: `let total = 0;
const end = size - at_first;
${loop("end", "total = total + as[at_a + k * step_a] * bs[at_b + k * step_b];")}
return total;`,
  });
  if (parts === 1) return result;
  const sum = reduceMiddle(device, "sum", result, { outer: 1, size: parts, inner: sizeOf(shape) }, op);
  device.free(result);
  return sum;
}

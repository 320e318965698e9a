import { broadcastStrides, type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop, shader } from "../shaders/shader.ts";
import { at, walk } from "../shaders/walk.ts";
import { fill } from "./elementwise.ts";
import type { Families, GpuOperand } from "./kernel.ts";
import { reduceMiddle } from "./reduce.ts";

/** A stack of matrices as the strides of its stack, its rows and its columns. */
interface Matrices {
  readonly stack: readonly number[];
  readonly row: number;
  readonly column: number;
}

function matrices({ shape }: GpuOperand, transposed: boolean, stack: Shape): Matrices {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return {
    stack: broadcastStrides(shape.slice(0, -2), stack).map((stride) => stride * rows * columns),
    row: transposed ? 1 : columns,
    column: transposed ? columns : 1,
  };
}

export const products = (device: Device): Families<"matmul"> => ({
  matmul(a, b, transposeA, transposeB, out) {
    const size = a.shape.at(transposeA ? -2 : -1)!;
    if (size === 0) return fill(device, 0, out, "matmul");
    const stack = out.shape.slice(0, -2);
    const [m, n] = out.shape.slice(-2) as [number, number];
    const [p, q] = [matrices(a, transposeA, stack), matrices(b, transposeB, stack)];
    const parts = Math.ceil(size / LONGEST_LOOP);
    // A long sum is computed in parts, which lie side by side in front of all.
    const shape = [parts, ...stack, m, n];
    const { key, scalars, values, code } = walk(shape, {
      a: { strides: [LONGEST_LOOP * p.column, ...p.stack, p.row, 0], offset: 0 },
      b: { strides: [LONGEST_LOOP * q.row, ...q.stack, 0, q.column], offset: 0 },
      first: { strides: [LONGEST_LOOP, ...stack.map(() => 0), 0, 0], offset: 0 },
    });
    const body = `${code}let total = 0;
const end = size - ${at("first")};
${loop("end", `total = total + as[${at("a")} + k * step_a] * bs[${at("b")} + k * step_b];`)}
return total;`;
    const product: GpuArray = device.launch(
      "matmul",
      shader(`matmul ${key}`, { arrays: ["as", "bs"], scalars: ["size", "step_a", "step_b", ...scalars], body }),
      [a.handle, b.handle],
      [size, p.column, q.row, ...values],
      sizeOf(shape),
    );
    if (parts === 1) return product;
    const result = reduceMiddle(device, "sum", product, 1, parts, sizeOf(out.shape));
    device.free(product);
    return result;
  },
});

import { F32, F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { FloatLanes, log } from "../../vector-math/index.ts";
import { overColumns } from "../reduce/columns.ts";
import { columns, row } from "./line.ts";
import { exponentials, mostOf, OPERATIONS, partition, scale } from "./operations.ts";

export type AxisOperation = keyof typeof OPERATIONS;
const NAMES = Object.keys(OPERATIONS) as AxisOperation[];

/** Operations along the last axis, one item per row. Operations of one operand get it twice. */
export function defineRows(m: KernelModule<AxisOperation>): void {
  for (const name of NAMES)
    m.kernel(name, [I32, I32, I32, I32], (f, { begin, end }, a, b, y, bytes) => {
      const line = row(f, bytes);
      f.for(begin, end, 1, (item) => {
        const at = (address: I32): I32 => f.let(address.add(item.mul(bytes)));
        OPERATIONS[name](line, at(a), at(b), at(y));
      });
    });
}

/** Operations along another axis of `[outer, size, inner]`, one item for up to `COLUMNS` lines. */
export function defineColumns(m: KernelModule<AxisOperation>): void {
  for (const name of NAMES)
    m.kernel(name, [I32, I32, I32, I32, I32], (f, range, a, b, y, size, innerBytes) =>
      overColumns(f, range, innerBytes, (matrix, column, vectors, lanes) => {
        const first = f.let(matrix.mul(size).mul(innerBytes).add(column));
        const at = (address: I32): I32 => f.let(address.add(first));
        OPERATIONS[name](columns(f, size, innerBytes, vectors, lanes), at(a), at(b), at(y));
      }),
    );
}

/** Cross-entropy of `softmax(logits)` `[N, C]` against classes `[N]`, and its gradient in the logits; one item per row. */
export function defineCrossEntropy(m: KernelModule<"loss" | "gradient">): void {
  m.kernel("loss", [I32, I32, I32, I32], (f, { begin, end }, logits, target, y, bytes) => {
    const line = row(f, bytes);
    f.for(begin, end, 1, (item) => {
      const x = f.let(logits.add(item.mul(bytes)));
      const most = mostOf(line, x);
      const logSum = log(partition(line, x, most));
      const right = F32.load(x.add(I32.load(target.add(item.shl(2))).shl(2)));
      f.store(y.add(item.shl(2)), logSum.vectors[0]!.lane(0).sub(right.sub(most.vectors[0]!.lane(0))));
    });
  });

  // g (softmax(logits) − 1 at the class)
  m.kernel("gradient", [I32, I32, I32, I32, I32], (f, { begin, end }, g, logits, target, dx, bytes) => {
    const line = row(f, bytes);
    f.for(begin, end, 1, (item) => {
      const [x, y] = [f.let(logits.add(item.mul(bytes))), f.let(dx.add(item.mul(bytes)))];
      const inverse = exponentials(line, x, mostOf(line, x), y).reciprocal();
      const scaling = f.let(F32.load(g.add(item.shl(2))));
      const right = f.let(y.add(I32.load(target.add(item.shl(2))).shl(2)));
      const error = f.let(F32.load(right).mul(inverse.vectors[0]!.lane(0)).sub(F32.const(1)));
      scale(line, y, inverse.mul(new FloatLanes(f, [F32x4.splat(scaling)])));
      f.store(right, error.mul(scaling));
    });
  });
}

import { F32, F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { FloatLanes, log } from "../../vector-math/index.ts";
import { FOUR, type Lanes, ONE } from "../lanes.ts";
import { COLUMNS } from "../reduce/kernels.ts";
import { columns, row, WIDTH } from "./line.ts";
import { exponentials, mostOf, OPERATIONS, partition, scale } from "./operations.ts";

export type AxisOperation = keyof typeof OPERATIONS;
const NAMES = Object.keys(OPERATIONS) as AxisOperation[];

/** Operations along the last axis, one item per row. Operations of one operand get it twice. */
export function defineRows(m: KernelModule<AxisOperation>): void {
  for (const name of NAMES)
    m.kernel(name, { a: I32, b: I32, y: I32, bytes: I32 }, (f, { a, b, y, bytes }, { begin, end }) => {
      const line = row(f, bytes);
      f.for(begin, end, 1, (item) => {
        const [ofA, ofB, ofY] = [a, b, y].map((address) => f.let(address.add(item.mul(bytes))));
        OPERATIONS[name](line, [ofA!, ofB!], ofY!);
      });
    });
}

/** Operations along another axis of `[outer, size, inner]`, one item for up to `COLUMNS` lines. */
export function defineColumns(m: KernelModule<AxisOperation>): void {
  const params = { a: I32, b: I32, y: I32, size: I32, innerBytes: I32 };
  for (const name of NAMES)
    m.kernel(name, params, (f, { a, b, y, size, innerBytes }, { begin, end }) => {
      const blocks = f.let(innerBytes.add(4 * COLUMNS - 1).divU(4 * COLUMNS));
      f.for(begin, end, 1, (item) => {
        const column = f.let(item.remU(blocks).mul(4 * COLUMNS));
        const first = f.let(item.divU(blocks).mul(size).mul(innerBytes).add(column));
        const bytes = f.let(innerBytes.sub(column));
        const operate = (at: I32 | number, vectors: number, lanes: Lanes): void => {
          const [ofA, ofB, ofY] = [a, b, y].map((address) => f.let(address.add(first).add(at)));
          OPERATIONS[name](columns(f, size, innerBytes, vectors, lanes), [ofA!, ofB!], ofY!);
        };
        f.if(
          bytes.geS(16 * WIDTH),
          () => operate(0, WIDTH, FOUR),
          () => {
            f.for(0, bytes.and(-16), 16, (at) => operate(at, 1, FOUR));
            f.for(bytes.and(-16), bytes, 4, (at) => operate(at, 1, ONE));
          },
        );
      });
    });
}

/** Cross-entropy of `softmax(logits)` `[N, C]` against classes `[N]`, and its gradient in the logits; one item per row. */
export function defineCrossEntropy(m: KernelModule<"loss" | "gradient">): void {
  m.kernel("loss", { logits: I32, target: I32, y: I32, bytes: I32 }, (f, p, { begin, end }) => {
    const line = row(f, p.bytes);
    f.for(begin, end, 1, (item) => {
      const x = f.let(p.logits.add(item.mul(p.bytes)));
      const most = mostOf(line, x);
      const logSum = log(partition(line, x, most));
      const right = F32.load(x.add(I32.load(p.target.add(item.shl(2))).shl(2)));
      f.store(p.y.add(item.shl(2)), logSum.vectors[0]!.lane(0).sub(right.sub(most.vectors[0]!.lane(0))));
    });
  });

  // g (softmax(logits) − 1 at the class)
  m.kernel("gradient", { g: I32, logits: I32, target: I32, y: I32, bytes: I32 }, (f, p, { begin, end }) => {
    const line = row(f, p.bytes);
    f.for(begin, end, 1, (item) => {
      const [x, y] = [p.logits, p.y].map((address) => f.let(address.add(item.mul(p.bytes))));
      const inverse = exponentials(line, x!, mostOf(line, x!), y!).reciprocal();
      const g = f.let(F32.load(p.g.add(item.shl(2))));
      const right = f.let(y!.add(I32.load(p.target.add(item.shl(2))).shl(2)));
      const error = f.let(F32.load(right).mul(inverse.vectors[0]!.lane(0)).sub(F32.const(1)));
      scale(line, y!, inverse.mul(new FloatLanes(f, [F32x4.splat(g)])));
      f.store(right, error.mul(g));
    });
  });
}

import { F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Runtime } from "../../runtime.ts";
import { increase, sumApart } from "../idioms.ts";
import { least } from "../lanes.ts";
import type { Compiled } from "./algorithm.ts";
import { depth, type Geometry, nanoseconds, resultPixels } from "./geometry.ts";
import { loadLanes, storeLanes, sumLanes } from "./lanes.ts";

// The gradient of a weight is made by two kernels: `partial` adds up groups of visits, which see some rows of an image, and `total` adds up
// these partial results in their order.

/** Columns of the weight side by side: the lanes of a vector of sums. */
export const LANES = 4;

/** Equal vectors of sums, one after the other. */
export interface Strip {
  readonly count: number;
  /** Lanes that are in use. */
  readonly width: number;
}

/** The vectors that hold the sums of so many columns of the weight. */
export const stripsOf = (columns: number): Strip[] =>
  [
    { count: Math.floor(columns / LANES), width: LANES },
    { count: 1, width: columns % LANES },
  ].filter(({ count, width }) => count * width > 0);

/** How the work is divided, and where the sums of an item lie, in bytes. */
export interface WeightSums {
  /** Blocks of channels of a group, blocks of rows of an image, and images that are visited at once. */
  readonly blocks: number;
  readonly rowBlocks: number;
  readonly images: number;
  /** Items that threads should have to share, and multiplications and additions of a nanosecond. */
  readonly items: number;
  readonly speed: number;
  readonly scratchBytes: number;
  readonly bytes: number;
  /** The vectors of an output for a block of channels. */
  readonly strips: readonly Strip[];
  /** From one vector to the next, from one output to the next, and from an output to its vector for the bias. */
  readonly vectorStep: number;
  readonly outputStep: number;
  readonly biasAt: number;
}

/** What a visit is given: addresses of the operands, of its sums and of scratch memory, and what it is about. */
export type Visit = Readonly<Record<"x" | "g" | "sums" | "scratch" | "group" | "block" | "visit" | "to", I32>>;

/** Unless partial results would take more than so many bytes, there are as many as threads want. */
const MAX_PARTIAL_BYTES = 2 ** 22;

/** Compiles the two kernels; `define` gives the code of a visit, and may begin the kernel with some of its own. */
export function weightSums(
  runtime: Runtime,
  g: Geometry,
  bias: boolean,
  plan: WeightSums,
  define: (m: KernelModule<string>) => (f: FunctionBuilder, scratch: I32) => (visit: Visit) => void,
): Compiled {
  const { blocks, bytes } = plan;
  const pieces = g.groups * blocks;
  const { partial, total } = runtime.compile<"partial" | "total">((m) => {
    const begins = define(m);
    // An item is a group of so many visits for a block of channels.
    m.kernel("partial", [I32, I32, I32, I32, I32], (f, { begin, end, scratch }, x, g, partial, visits, all) => {
      const add = begins(f, scratch);
      f.for(begin, end, 1, (item) => {
        const piece = f.let(item.remU(pieces));
        const [group, block] = [f.let(piece.divU(blocks)), f.let(piece.remU(blocks))];
        const from = f.let(item.divU(pieces).mul(visits));
        const to = f.let(least(f.let(from.add(visits)), all));
        const sums = f.let(partial.add(item.mul(bytes)));
        f.fill(sums, I32.const(0), I32.const(bytes));
        f.for(from, to, plan.images, (visit) => add({ x, g, sums, scratch, group, block, visit, to }));
      });
    });
    // An item is an output.
    m.kernel("total", [I32, I32, I32, I32], (f, { begin, end }, partial, count, dw, db) => {
      const sumAt = (address: I32) => sumApart(f, address, count, pieces * bytes);
      f.for(begin, end, 1, (output) => {
        const group = output.divU(g.outputs).mul(blocks * bytes);
        const from = f.let(partial.add(group).add(output.remU(g.outputs).mul(plan.outputStep)));
        const to = f.let(dw.add(output.mul(4 * depth(g))));
        if (bias) f.store(db.add(output.shl(2)), sumLanes(sumAt(from.add(plan.biasAt))));
        f.for(0, blocks, 1, () => {
          const vector = f.let(from);
          for (const { count, width } of plan.strips)
            f.for(0, count, 1, () => {
              storeLanes(f, to, sumAt(vector), 0, width);
              increase(to, 4 * width);
              increase(vector, plan.vectorStep);
            });
          increase(from, bytes);
        });
      });
    });
  });

  const most = Math.floor(Math.max(1, Math.min(plan.items, MAX_PARTIAL_BYTES / bytes) / pieces));
  /** Visits of all images, those that add up to one partial result, and how many of these there are. */
  const divide = (images: number): [all: number, visits: number, partials: number] => {
    const all = images * plan.rowBlocks;
    const visits = plan.images * Math.max(1, Math.ceil(all / (most * plan.images)));
    return [all, visits, Math.ceil(all / visits)];
  };
  return {
    scratchBytes: plan.scratchBytes,
    between: (images) => divide(images)[2] * pieces * bytes,
    run(images, [x, gradient], results, scratch) {
      const [all, visits, partials] = divide(images);
      const [dw, db] = bias ? results : [results[0]!, 0];
      const sums = results.at(-1)!;
      const cost = (visits * nanoseconds(g, plan.speed)) / (plan.rowBlocks * blocks);
      runtime.launch(partial, partials * pieces, cost, [x!, gradient!, sums, visits, all], [], scratch);
      runtime.launch(total, g.groups * g.outputs, 1 + (partials * depth(g)) / 4, [sums, partials, dw!, db!]);
    },
  };
}

/** A function that adds the vectors of gradient rows to the sums for the bias, which are `step` bytes apart. */
export function rowSums(m: KernelModule<string>, g: Geometry, remainders: readonly number[], step: number) {
  const rowBytes = 4 * resultPixels(g);
  return m.function(null, [I32, I32, I32, I32], (f, gradient, sums, images, pixels) => {
    const wholeBytes = f.let(pixels.and(-4).shl(2));
    f.for(0, images, 1, () => {
      const [row, to] = [f.let(gradient), f.let(sums)];
      f.for(0, g.outputs, 1, () => {
        const sum: Var<F32x4> = f.let(F32x4.load(to));
        f.for(0, wholeBytes, 16, (i) => increase(sum, F32x4.load(row.add(i))));
        for (const lanes of remainders)
          f.if(pixels.and(3).eq(lanes), () => increase(sum, loadLanes(row.add(wholeBytes), 0, lanes)));
        f.store(to, sum);
        increase(row, rowBytes);
        increase(to, step);
      });
      increase(gradient, g.groups * g.outputs * rowBytes);
    });
  });
}

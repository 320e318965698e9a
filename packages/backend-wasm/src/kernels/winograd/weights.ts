import { F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase, sumApart, times, transposed } from "../idioms.ts";
import { FRAME, PANEL, POINTS } from "./layout.ts";
import { weightGradTransform, weightTransform } from "./transforms.ts";

export type WeightKernels = "transformWeights" | "transformFlippedWeights" | "totalWeightGrad" | "totalBiasGrad";

/** Kernels for weights of any size, strides in bytes. They need scratch memory for the points of one tile. */
export function defineWeights(m: KernelModule<WeightKernels>): void {
  defineTransform(m, "transformWeights", false);
  defineTransform(m, "transformFlippedWeights", true);
  defineTotals(m);
}

/** The vectors that begin `step` bytes apart. */
const loadApart = (at: I32, step: number, count: number, offset = 0): F32x4[] =>
  times(count, (i) => F32x4.load(at, step * i + offset));

/** Writes what becomes of a column, whose elements are to lie `step` bytes apart. */
function storeApart(f: FunctionBuilder, at: I32, step: number, offset: number, column: readonly F32x4[]): void {
  for (const [i, value] of column.entries()) f.store(at, value, step * i + offset);
}

/**
 * `G g Gᵀ` of every kernel, as points `[36, panels, channels, 8]`; an item is four outputs of one channel. `channel` and `output` are the
 * distances of kernels, so that the gradient in the input can swap the two; it also needs them flipped in both directions.
 */
function defineTransform(m: KernelModule<WeightKernels>, name: WeightKernels, isFlipped: boolean): void {
  const params = [I32, I32, I32, I32, I32, I32, I32] as const;
  m.kernel(name, params, (f, { begin, end, scratch }, w, u, channels, outputs, channel, output, plane) => {
    f.for(begin, end, 1, (item) => {
      const four = f.let(item.divU(channels));
      const c = f.let(item.sub(four.mul(channels)));
      const last = f.let(outputs.sub(1));
      const kernels = times(4, (lane) => {
        const o = f.let(four.shl(2).add(lane));
        // Panels are filled up with the last output.
        return f.let(w.add(c.mul(channel)).add(o.ltS(last).select(o, last).mul(output)));
      });
      // Nine taps: the first eight, and four that end with the ninth.
      const [first, second, third] = [0, 16, 20].map((offset) =>
        transposed(
          f,
          kernels.map((kernel) => f.let(F32x4.load(kernel, offset))),
        ),
      );
      const taps = [...first!, ...second!, third![3]!].map((tap) => f.let(tap));
      if (isFlipped) taps.reverse();
      for (let s = 0; s < 3; s++)
        storeApart(f, scratch, 48, 16 * s, weightTransform(f, [taps[s]!, taps[3 + s]!, taps[6 + s]!]));
      const panel = four.shrU(1).mul(channels).add(c);
      const to = f.let(u.add(panel.mul(4 * PANEL)).add(four.and(1).shl(4)));
      for (let r = 0; r < FRAME; r++)
        for (const value of weightTransform(f, loadApart(scratch, 16, 3, 48 * r))) {
          f.store(to, value);
          increase(to, plane);
        }
    });
  });
}

/** Sums over groups. */
function defineTotals(m: KernelModule<WeightKernels>): void {
  // `Gᵀ (Σ u) G` of points `[36, outputs, channels]`; an item is four channels of one output.
  const params = [I32, I32, I32, I32, I32, I32, I32] as const;
  m.kernel("totalWeightGrad", params, (f, { begin, end, scratch }, u, w, channels, groups, group, plane, row) => {
    const fours = f.let(channels.add(3).shrU(2));
    f.for(begin, end, 1, (item) => {
      const o = f.let(item.divU(fours));
      const c = f.let(item.sub(o.mul(fours)).shl(2));
      const from = f.let(u.add(o.mul(row)).add(c.shl(2)));
      f.for(0, 16 * POINTS, 16, (point) => {
        f.store(scratch.add(point), sumApart(f, from, groups, group));
        increase(from, plane);
      });
      for (let s = 0; s < FRAME; s++)
        storeApart(
          f,
          scratch,
          16 * FRAME,
          16 * s,
          weightGradTransform(f, loadApart(scratch, 16 * FRAME, FRAME, 16 * s)),
        );
      const to = f.let(w.add(o.mul(channels).add(c).mul(36)));
      const count = f.let(channels.sub(c));
      for (let r = 0; r < 3; r++)
        for (const [s, value] of weightGradTransform(f, loadApart(scratch, 16, FRAME, 16 * FRAME * r)).entries()) {
          const tap = f.let(value);
          f.store(to, tap.lane(0), 4 * (3 * r + s));
          for (let lane = 1; lane < 4; lane++)
            f.if(count.gtS(lane), () => f.store(to, tap.lane(lane), 36 * lane + 4 * (3 * r + s)));
        }
    });
  });

  // Of the gradients of the bias; an item is four outputs.
  m.kernel("totalBiasGrad", [I32, I32, I32, I32], (f, { begin, end }, from, to, groups, group) =>
    f.for(begin.shl(4), end.shl(4), 16, (four) => f.store(to.add(four), sumApart(f, from.add(four), groups, group))),
  );
}

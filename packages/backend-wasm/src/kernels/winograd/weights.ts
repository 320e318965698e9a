import { F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { FRAME, PANEL, POINTS } from "./layout.ts";
import { transpose, weightGradTransform, weightTransform } from "./transforms.ts";

export type WeightKernels = "transformWeights" | "transformFlippedWeights" | "totalWeightGrad" | "totalBiasGrad";

/** Kernels for weights of any size, strides in bytes. They need scratch memory for the points of one tile. */
export function defineWeights(m: KernelModule<WeightKernels>): void {
  defineTransform(m, "transformWeights", false);
  defineTransform(m, "transformFlippedWeights", true);
  defineWeightTotal(m);
  defineBiasTotal(m);
}

/**
 * `G g Gᵀ` of every kernel, as points `[36, panels, channels, 8]`; an item is four outputs of one channel. `channel` and `output` are the
 * distances of kernels, so that the gradient in the input can swap the two; it also needs them flipped in both directions.
 */
function defineTransform(m: KernelModule<WeightKernels>, name: WeightKernels, isFlipped: boolean): void {
  const params = { w: I32, u: I32, channels: I32, outputs: I32, channel: I32, output: I32, plane: I32 };
  m.kernel(name, params, (f, { w, u, channels, outputs, channel, output, plane }, { begin, end, scratch }) => {
    f.for(begin, end, 1, (item) => {
      const four = f.let(item.divU(channels));
      const c = f.let(item.sub(four.mul(channels)));
      const last = f.let(outputs.sub(1));
      const kernels = [0, 1, 2, 3].map((lane) => {
        const o = f.let(four.shl(2).add(lane));
        // Panels are filled up with the last output.
        return f.let(w.add(c.mul(channel)).add(o.ltS(last).select(o, last).mul(output)));
      });
      // Nine taps: the first eight, and four that end with the ninth.
      const [first, second, third] = [0, 16, 20].map((offset) =>
        transpose(
          f,
          kernels.map((kernel) => F32x4.load(kernel, offset)),
        ),
      );
      const taps = [...first!, ...second!, third![3]!].map((tap) => f.let(tap));
      if (isFlipped) taps.reverse();
      for (let s = 0; s < 3; s++)
        for (const [r, value] of weightTransform(f, [taps[s]!, taps[3 + s]!, taps[6 + s]!]).entries())
          f.store(scratch, value, 16 * (3 * r + s));
      const panel = four
        .shrU(1)
        .mul(channels)
        .add(c)
        .mul(4 * PANEL);
      const to = f.let(u.add(panel).add(four.and(1).shl(4)));
      for (let r = 0; r < FRAME; r++) {
        const row = [0, 1, 2].map((s) => F32x4.load(scratch, 16 * (3 * r + s)));
        for (const value of weightTransform(f, row)) {
          f.store(to, value);
          to.set(to.add(plane));
        }
      }
    });
  });
}

/** `Gᵀ (Σ u) G`, the sum over the groups' points `[36, outputs, channels]`; an item is four channels of one output. */
function defineWeightTotal(m: KernelModule<WeightKernels>): void {
  const params = { u: I32, w: I32, channels: I32, groups: I32, group: I32, plane: I32, row: I32 };
  m.kernel("totalWeightGrad", params, (f, values, { begin, end, scratch }) => {
    const { u, w, channels, groups, group, plane, row } = values;
    const fours = f.let(channels.add(3).shrU(2));
    f.for(begin, end, 1, (item) => {
      const o = f.let(item.divU(fours));
      const c = f.let(item.sub(o.mul(fours)).shl(2));
      const from = f.let(u.add(o.mul(row)).add(c.shl(2)));
      f.for(0, 16 * POINTS, 16, (point) => {
        const at = f.let(from);
        const sum = f.var(F32x4);
        sum.set(F32x4.const(0));
        f.for(0, groups, 1, () => {
          sum.set(sum.add(F32x4.load(at)));
          at.set(at.add(group));
        });
        f.store(scratch.add(point), sum);
        from.set(from.add(plane));
      });
      for (let s = 0; s < FRAME; s++) {
        const column = Array.from({ length: FRAME }, (_, r) => F32x4.load(scratch, 16 * (FRAME * r + s)));
        for (const [r, value] of weightGradTransform(f, column).entries())
          f.store(scratch, value, 16 * (FRAME * r + s));
      }
      const to = f.let(w.add(o.mul(channels).add(c).mul(36)));
      const count = f.let(channels.sub(c));
      for (let r = 0; r < 3; r++) {
        const points = Array.from({ length: FRAME }, (_, s) => F32x4.load(scratch, 16 * (FRAME * r + s)));
        for (const [s, value] of weightGradTransform(f, points).entries()) {
          const tap = f.let(value);
          f.store(to, tap.lane(0), 4 * (3 * r + s));
          for (let lane = 1; lane < 4; lane++)
            f.if(count.gtS(lane), () => f.store(to, tap.lane(lane), 36 * lane + 4 * (3 * r + s)));
        }
      }
    });
  });
}

/** The sum over the groups' gradients of the bias; an item is four outputs. */
function defineBiasTotal(m: KernelModule<WeightKernels>): void {
  m.kernel("totalBiasGrad", { from: I32, to: I32, groups: I32, group: I32 }, (f, values, { begin, end }) => {
    const { from, to, groups, group } = values;
    f.for(begin.shl(4), end.shl(4), 16, (four) => {
      const at = f.let(from.add(four));
      const sum = f.var(F32x4);
      sum.set(F32x4.const(0));
      f.for(0, groups, 1, () => {
        sum.set(sum.add(F32x4.load(at)));
        at.set(at.add(group));
      });
      f.store(to.add(four), sum);
    });
  });
}

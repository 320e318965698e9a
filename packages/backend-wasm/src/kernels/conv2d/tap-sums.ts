import { F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase, times, vectors } from "../idioms.ts";
import type { Compile } from "./algorithm.ts";
import { gatherColumns } from "./columns.ts";
import { frameFloats, frameOf, tapOffset } from "./frame.ts";
import { type Geometry, imagePixels, resultPixels, taps } from "./geometry.ts";
import { loadLanes, sumEach } from "./lanes.ts";
import { panelsOf } from "./tile.ts";
import { rowSums, stripsOf, weightSums } from "./weight-sums.ts";

/** Taps whose sums are in registers at once. */
const MAX_SUMS = 8;

/** The gradient of a weight with one channel per group: sums of every tap. */
export const tapSums: Compile = (runtime, g, bias) => {
  const frame = frameOf(g);
  const pixels = resultPixels(g);
  /** How many taps each pass over a plane is about. */
  const passes = panelsOf(taps(g), MAX_SUMS).flatMap(({ height, count }) => times(count, () => height));
  // An output has the vectors of all passes, and then one for the bias.
  const biasAt = 16 * passes.reduce((sum, height) => sum + Math.ceil(height / 4), 0);
  const outputStep = biasAt + 16;
  const plan = {
    ...{ blocks: 1, rowBlocks: 1, images: 1, items: 16, speed: 30, scratchBytes: 4 * frameFloats(frame) },
    ...{ bytes: g.outputs * outputStep, strips: passes.flatMap(stripsOf), biasAt, vectorStep: 16, outputStep },
  };
  return weightSums(runtime, g, bias, plan, (m) => {
    const copy = gatherColumns(m, frame, resultPixels(frame));
    const offsets = times(taps(g), (tap) => 4 * tapOffset(g, frame, tap));
    const sumPasses = passes.map((height) => sumTaps(m, g, offsets.splice(0, height)));
    const addRows = bias ? rowSums(m, g, pixels % 4 === 0 ? [] : [pixels % 4], outputStep) : null;
    return (f, scratch) =>
      ({ x, g: gradients, sums, group, visit }) => {
        const plane = f.let(visit.mul(g.groups).add(group));
        f.call(copy, x.add(plane.mul(4 * imagePixels(g))), I32.const(0), I32.const(frame.positions[0]), scratch);
        const gradient = f.let(gradients.add(plane.mul(4 * g.outputs * pixels)));
        if (addRows !== null) f.call(addRows, gradient, sums.add(biasAt), I32.const(1), I32.const(pixels));
        const to = f.let(sums);
        f.for(0, g.outputs, 1, () => {
          const at = f.let(to);
          for (const [i, pass] of sumPasses.entries()) {
            f.call(pass, gradient, scratch, at);
            increase(at, 16 * Math.ceil(passes[i]! / 4));
          }
          increase(gradient, 4 * pixels);
          increase(to, outputStep);
        });
      };
  });
};

/** A function that adds the products of a plane of the result's gradient and of a frame, for the taps at some offsets, to vectors of sums. */
function sumTaps(m: KernelModule<string>, g: Geometry, offsets: readonly number[]) {
  const [rows, width] = g.positions;
  return m.function(null, [I32, I32, I32], (f, gradient, framed, to) => {
    const sums = vectors(f, offsets.length);
    const value = f.var(F32x4);
    const step = (lanes: number): void => {
      value.set(loadLanes(gradient, 0, lanes));
      for (const [t, sum] of sums.entries()) sum.set(f.madd(value, loadLanes(framed, offsets[t]!, lanes), sum));
      increase(gradient, 4 * lanes);
      increase(framed, 4 * lanes);
    };
    f.for(0, rows, 1, () => {
      f.for(0, width >> 2, 1, () => step(4));
      if (width % 4 !== 0) step(width % 4);
      increase(framed, 4 * (g.stride[0] * frameOf(g).positions[1] - width));
    });
    for (let t = 0; t < sums.length; t += 4)
      f.store(to, F32x4.load(to, 4 * t).add(sumEach(f, sums.slice(t, t + 4))), 4 * t);
  });
}

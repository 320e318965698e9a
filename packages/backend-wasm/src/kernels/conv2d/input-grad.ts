import { I32 } from "../../assembler/index.ts";
import { mover } from "../movement/move.ts";
import { merged } from "../movement/walk.ts";
import type { Compile } from "./algorithm.ts";
import { gatherColumns, pitchFor, scatterColumns } from "./columns.ts";
import { servesAsColumns } from "./forward.ts";
import { blocksOf, depth, imagePixels, isPointwise, nanoseconds, ONE_TO_ONE, resultPixels, taps } from "./geometry.ts";
import { matrixProduct } from "./tile.ts";

/** Bytes of columns that one item works on: they should stay in the second-level cache. */
const COLUMN_BYTES = 128 * 1024;

/**
 * The gradient of the image: the transposed weight times the result's gradient gives that of the columns, which adds up to that of the image.
 * An item is a block of channels of an image's group.
 */
export const inputGrad: Compile = (runtime, g) => {
  const pixels = resultPixels(g);
  /** Whether the product goes straight to the gradient, because every pixel is seen once. */
  const direct = isPointwise(g);
  const pitch = direct ? pixels : pitchFor(pixels);
  const blocks = blocksOf(g.channels, COLUMN_BYTES / (4 * taps(g) * pitch));
  /** Floats from one row of the result's gradient to the next, where it is copied before the product. */
  const copyPitch = servesAsColumns(pixels, g.outputs) ? 0 : pitchFor(pixels);
  const copyBytes = 4 * g.outputs * copyPitch;
  const channels = g.channels / blocks;
  const rows = channels * taps(g);
  const planeBytes = 4 * imagePixels(g);
  /** Of a group. */
  const weights = g.outputs * depth(g);

  const { move } = mover(runtime);
  const transposition = merged([
    { size: g.groups, from: weights, to: weights },
    { size: depth(g), from: 1, to: g.outputs },
    { size: g.outputs, from: depth(g), to: 1 },
  ]);
  const { conv2dInputGrad } = runtime.compile<"conv2dInputGrad">((m) => {
    // By this geometry planes of the result are copied as they are.
    const planes = { ...g, channels: g.outputs, image: g.positions, ...ONE_TO_ONE };
    const copy = copyPitch === 0 ? null : gatherColumns(m, planes, copyPitch);
    const product = matrixProduct(m, {
      rows,
      depth: g.outputs,
      columns: [pixels],
      a: { row: 4 * g.outputs },
      b: { k: 4 * (copyPitch || pixels) },
      c: { row: 4 * pitch },
      bias: false,
    });
    const scatter = direct ? null : scatterColumns(m, g, channels, pitch);
    m.kernel("conv2dInputGrad", [I32, I32, I32], (f, { begin, end, scratch }, gradients, weight, dx) => {
      f.for(begin, end, 1, (item) => {
        const block = f.let(item.remU(blocks));
        // Of the groups of all images.
        const group = f.let(item.divU(blocks));
        const planes = f.let(dx.add(item.mul(channels * planeBytes)));
        const gradient = f.let(gradients.add(group.mul(4 * g.outputs * pixels)));
        const columns = f.let(scratch);
        if (copy !== null) {
          f.call(copy, gradient, I32.const(0), I32.const(g.positions[0]), scratch);
          gradient.set(scratch);
          columns.set(scratch.add(copyBytes));
        }
        const firstRow = group.remU(g.groups).mul(depth(g)).add(block.mul(rows));
        const none = I32.const(0);
        const to = direct ? planes : columns;
        f.call(product, weight.add(firstRow.mul(4 * g.outputs)), gradient, to, none, I32.const(pixels), none);
        if (scatter !== null) {
          f.fill(planes, I32.const(0), I32.const(channels * planeBytes));
          f.call(scatter, columns, planes);
        }
      });
    });
  });

  return {
    scratchBytes: (direct ? 0 : 4 * rows * pitch) + copyBytes,
    between: () => 4 * g.groups * weights,
    run(images, [gradient, weight], [dx, turned], scratch) {
      move({ axes: transposition, from: 0, to: 0 }, weight!, turned!, 4);
      const integers = [gradient!, turned!, dx!];
      runtime.launch(conv2dInputGrad, images * g.groups * blocks, nanoseconds(g) / blocks, integers, [], scratch);
    },
  };
};

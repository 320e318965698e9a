import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { gatherColumns, pitchFor, scatterColumns } from "./columns.ts";
import { servesAsColumns } from "./forward.ts";
import { depth, type Geometry, imagePixels, isPointwise, resultPixels, taps } from "./geometry.ts";
import { matrixProduct } from "./tile.ts";
import { defineTranspose } from "./transpose.ts";

/** Bytes of columns that one item works on: they should stay in the second-level cache. */
const COLUMN_BYTES = 128 * 1024;

/** How the gradient of the image is cut into items. */
export interface InputGradPlan {
  /** Blocks of channels of a group. */
  readonly blocks: number;
  /** Floats from one row of columns to the next. */
  readonly pitch: number;
  /** Whether the product goes straight to the gradient, because every pixel is seen once. */
  readonly direct: boolean;
  /** Floats from one row of the result's gradient to the next, where it is copied before the product. */
  readonly copyPitch: number | null;
  /** Of every thread. */
  readonly scratchBytes: number;
}

export function inputGradPlan(g: Geometry): InputGradPlan {
  const pixels = resultPixels(g);
  const direct = isPointwise(g);
  const pitch = direct ? pixels : pitchFor(pixels);
  const most = Math.max(1, Math.floor(COLUMN_BYTES / (4 * taps(g) * pitch)));
  let blocks = Math.ceil(g.channels / most);
  while (g.channels % blocks !== 0) blocks++;
  const copyPitch = servesAsColumns(pixels, g.outputs) ? null : pitchFor(pixels);
  const columnBytes = direct ? 0 : 4 * (depth(g) / blocks) * pitch;
  return { blocks, pitch, direct, copyPitch, scratchBytes: columnBytes + 4 * g.outputs * (copyPitch ?? 0) };
}

/**
 * Defines the gradient of the image, given the transposed weight: it times the result's gradient gives that of the columns, which adds up to that of
 * the image. An item is a block of channels of an image's group.
 */
export function defineInputGrad(m: KernelModule<"conv2dInputGrad" | "transpose">, g: Geometry): void {
  const { blocks, pitch, direct, copyPitch } = inputGradPlan(g);
  const pixels = resultPixels(g);
  const channels = g.channels / blocks;
  const rows = channels * taps(g);
  const planeBytes = 4 * imagePixels(g);
  const copy = copyPitch === null ? null : gatherColumns(m, planesOf(g), copyPitch);
  const product = matrixProduct(m, {
    rows,
    depth: g.outputs,
    columns: [pixels],
    a: { row: 4 * g.outputs },
    b: { k: 4 * (copyPitch ?? pixels) },
    c: { row: 4 * pitch },
    bias: false,
  });
  const scatter = direct ? null : scatterColumns(m, g, channels, pitch);
  defineTranspose(m, "transpose", g.outputs, depth(g));
  m.kernel("conv2dInputGrad", { g: I32, weight: I32, dx: I32 }, (f, values, { begin, end, scratch }) => {
    f.for(begin, end, 1, (item) => {
      const block = f.let(item.remU(blocks));
      // Of the groups of all images.
      const group = f.let(item.divU(blocks));
      const planes = f.let(values.dx.add(item.mul(channels * planeBytes)));
      const gradient = f.let(values.g.add(group.mul(4 * g.outputs * pixels)));
      const columns = f.let(scratch);
      if (copy !== null) {
        f.call(copy, gradient, I32.const(0), I32.const(g.positions[0]), scratch);
        gradient.set(scratch);
        columns.set(scratch.add(4 * g.outputs * copyPitch!));
      }
      const firstRow = group.remU(g.groups).mul(depth(g)).add(block.mul(rows));
      const weight = values.weight.add(firstRow.mul(4 * g.outputs));
      f.call(
        product,
        weight,
        gradient,
        scatter === null ? planes : columns,
        I32.const(0),
        I32.const(pixels),
        I32.const(0),
      );
      if (scatter !== null) {
        f.fill(planes, I32.const(0), I32.const(channels * planeBytes));
        f.call(scatter, columns, planes);
      }
    });
  });
}

/** The geometry by which planes of the result are copied as they are. */
const planesOf = (g: Geometry): Geometry => ({
  ...g,
  channels: g.outputs,
  image: g.positions,
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
});

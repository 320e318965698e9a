import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Runtime } from "../../runtime.ts";
import type { Algorithm } from "./algorithm.ts";
import { gatherColumns, scatterColumns } from "./columns.ts";
import { type Filter, filter, type Tap, tapListBytes } from "./filter.ts";
import { frameFloats, frameOf, resultFrameOf, tapOffset } from "./frame.ts";
import { type Geometry, imagePixels, resultPixels, taps } from "./geometry.ts";
import { specialised } from "./specialised.ts";
import { defineTapSums, tapSumsPlan } from "./tap-sums.ts";

// Every output looks at one channel: products of matrices would have nothing to share, so planes are filtered one by one. A plane is copied
// into a frame, which is the columns of a kernel that only tells the pixels of a stride apart: of these every tap sees neighbours.

/** More outputs per channel are better off with a product of matrices, as are larger kernels, whose code is unrolled. */
const MAX_OUTPUTS = 3;
const MAX_TAPS = 64;

/** Convolutions of one channel per group. */
export function depthwise(runtime: Runtime): Algorithm {
  const forward = specialised(runtime, defineForward);
  const inputGrad = specialised(runtime, defineInputGrad);
  const weightGrad = specialised(runtime, defineTapSums);

  return {
    suits: (_, g) => g.channels === 1 && g.outputs <= MAX_OUTPUTS && taps(g) <= MAX_TAPS,
    forward(g, images, x, weight, bias) {
      const kernel = forward(g, bias !== null).conv2d;
      const items = images * g.groups;
      const operands = bias === null ? [x, weight] : [x, weight, bias];
      const bytes = 4 * items * g.outputs * resultPixels(g);
      const scratchBytes = 4 * frameFloats(frameOf(g)) + 8 * taps(g);
      return runtime.run("conv2d", operands, [bytes], scratchBytes, ([x, weight, bias = 0], [y], scratch) =>
        runtime.launch(kernel, items, nanoseconds(g), [x!, weight!, bias, y!], [], scratch),
      )[0]!;
    },
    inputGrad(g, images, gradient, weight) {
      const kernel = inputGrad(g).conv2dInputGrad;
      const items = images * g.groups;
      const bytes = 4 * items * imagePixels(g);
      const scratchBytes = 4 * (g.outputs * frameFloats(resultFrameOf(g)) + imagePixels(g)) + 8 * g.outputs * taps(g);
      return runtime.run("conv2dInputGrad", [gradient, weight], [bytes], scratchBytes, (from, to, scratch) =>
        runtime.launch(kernel, items, nanoseconds(g), [from[0]!, from[1]!, to[0]!], [], scratch),
      )[0]!;
    },
    weightGrad(g, images, x, gradient, bias) {
      const { partial, total } = weightGrad(g, bias);
      const plan = tapSumsPlan(g, images);
      const outputs = g.groups * g.outputs;
      const sizes = [
        4 * outputs * taps(g),
        ...(bias ? [4 * outputs] : []),
        4 * plan.partials * outputs * plan.rowFloats,
      ];
      const scratchBytes = 4 * frameFloats(frameOf(g));
      const blocks = runtime.run("conv2dWeightGrad", [x, gradient], sizes, scratchBytes, (from, to, scratch) => {
        const sums = to[sizes.length - 1]!;
        const items = plan.partials * g.groups;
        const cost = plan.images * nanoseconds(g);
        runtime.launch(partial, items, cost, [from[0]!, from[1]!, sums, plan.images, images], [], scratch);
        runtime.launch(total, outputs, 1 + plan.partials * taps(g), [sums, plan.partials, to[0]!, bias ? to[1]! : 0]);
      });
      runtime.pager.free(blocks.pop()!);
      return blocks;
    },
  };
}

/** About how long the filters of one channel take, at 30 multiplications and additions in a nanosecond. */
const nanoseconds = (g: Geometry): number => (g.outputs * taps(g) * resultPixels(g)) / 15;

/** Defines the convolution: an item is a channel of an image. */
function defineForward(m: KernelModule<"conv2d">, g: Geometry, bias: boolean): void {
  const frame = frameOf(g);
  const [kh, kw] = g.kernel;
  const copy = gatherColumns(m, frame, resultPixels(frame));
  const shape: Filter = {
    taps: Array.from({ length: kh * kw }, (_, t) => ({
      frame: tapOffset(g, frame, Math.floor(t / kw), t % kw),
      weight: t,
    })),
    rows: g.positions[0],
    columns: g.positions[1],
    frameRow: g.stride[0] * frame.positions[1],
    toRow: g.positions[1],
    frames: 1,
    nextFrame: 0,
    nextWeight: 0,
    bias,
  };
  const { writeList, apply } = filter(m, shape);
  const params = { x: I32, weight: I32, bias: I32, y: I32 };
  m.kernel("conv2d", params, (f, { x, weight, bias, y }, { begin, end, scratch }) => {
    const list = f.let(scratch.add(4 * frameFloats(frame)));
    f.call(writeList, list);
    f.for(begin, end, 1, (plane) => {
      f.call(copy, x.add(plane.mul(4 * imagePixels(g))), I32.const(0), I32.const(frame.positions[0]), scratch);
      const output = f.let(plane.remU(g.groups).mul(g.outputs));
      const to = f.let(y.add(plane.mul(4 * g.outputs * resultPixels(g))));
      f.for(0, g.outputs, 1, () => {
        f.call(apply, scratch, weight.add(output.mul(4 * kh * kw)), bias.add(output.shl(2)), to, list);
        output.set(output.add(1));
        to.set(to.add(4 * resultPixels(g)));
      });
    });
  });
}

/**
 * Defines the gradient of the image: an item is a channel of an image. Pixels whose rows and columns leave the same residues modulo the stride
 * are seen by the same taps, so each of these sets is a filtered frame of the result's gradient.
 */
function defineInputGrad(m: KernelModule<"conv2dInputGrad">, g: Geometry): void {
  const frame = resultFrameOf(g);
  const copy = gatherColumns(m, { ...frame, channels: g.outputs }, resultPixels(frame));
  const residues = residuesOf(g, frame);
  // Neighbouring columns of one residue are neighbours in the image, or else filtered aside and copied.
  const direct = g.stride[1] === 1;
  const fills = !direct || residues.length < g.stride[0];
  const filters = residues.map(({ taps: seen, start, rows, columns }, i) => ({
    start,
    // After the lists of those before.
    list: residues.slice(0, i).reduce((sum, { taps }) => sum + tapListBytes({ taps, frames: g.outputs }), 0),
    ...filter(m, {
      taps: seen,
      rows,
      columns,
      frameRow: frame.positions[1],
      toRow: direct ? g.stride[0] * g.image[1] : columns,
      frames: g.outputs,
      nextFrame: frameFloats(frame),
      nextWeight: taps(g),
      bias: false,
    }),
    spread: direct ? null : scatterColumns(m, spreadOf(g, rows, columns), 1, rows * columns),
  }));
  m.kernel("conv2dInputGrad", { g: I32, weight: I32, dx: I32 }, (f, values, { begin, end, scratch }) => {
    const lists = f.let(scratch.add(4 * (g.outputs * frameFloats(frame) + imagePixels(g))));
    for (const { writeList, list } of filters) f.call(writeList, lists.add(list));
    const aside = f.let(scratch.add(4 * g.outputs * frameFloats(frame)));
    f.for(begin, end, 1, (plane) => {
      const gradient = values.g.add(plane.mul(4 * g.outputs * resultPixels(g)));
      f.call(copy, gradient, I32.const(0), I32.const(frame.positions[0]), scratch);
      const weight = f.let(values.weight.add(plane.remU(g.groups).mul(4 * g.outputs * taps(g))));
      const to = f.let(values.dx.add(plane.mul(4 * imagePixels(g))));
      if (fills) f.fill(to, I32.const(0), I32.const(4 * imagePixels(g)));
      for (const { start, apply, spread, list } of filters) {
        f.call(apply, scratch, weight, I32.const(0), direct ? to.add(4 * start) : aside, lists.add(list));
        if (spread !== null) f.call(spread, aside, to.add(4 * start));
      }
    });
  });
}

/** The pixels whose rows and columns leave the same residues modulo the stride. */
interface Residue {
  readonly taps: readonly Tap[];
  /** The first of them. */
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
}

/** The residues that any tap sees. */
function residuesOf(g: Geometry, frame: Geometry): Residue[] {
  const residues: Residue[] = [];
  for (let y = 0; y < Math.min(g.stride[0], g.image[0]); y++)
    for (let x = 0; x < Math.min(g.stride[1], g.image[1]); x++) {
      const [rowsSeen, columnsSeen] = [seenBy(g, frame, 0, y), seenBy(g, frame, 1, x)];
      const taps = rowsSeen.flatMap(({ tap: i, at: row }) =>
        columnsSeen.map(({ tap: j, at: column }) => ({
          frame: row * frame.positions[1] + column,
          weight: i * g.kernel[1] + j,
        })),
      );
      if (taps.length === 0) continue;
      residues.push({
        taps,
        start: y * g.image[1] + x,
        rows: Math.ceil((g.image[0] - y) / g.stride[0]),
        columns: Math.ceil((g.image[1] - x) / g.stride[1]),
      });
    }
  return residues;
}

/** Which elements of the kernel along an axis see `pixel` from some position, and where in the frame of the result that is. */
function seenBy(g: Geometry, frame: Geometry, axis: 0 | 1, pixel: number): { tap: number; at: number }[] {
  return Array.from({ length: g.kernel[axis] }, (_, tap) => ({
    tap,
    at: (pixel + g.padding[axis] - tap * g.dilation[axis]) / g.stride[axis] + frame.padding[axis],
  })).filter(({ at }) => Number.isInteger(at));
}

/** The geometry whose adjoint spreads a plane of `rows` × `columns` over every `stride`-th pixel of the image, from its first on. */
const spreadOf = (g: Geometry, rows: number, columns: number): Geometry => ({
  ...g,
  outputs: 1,
  channels: 1,
  kernel: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  positions: [rows, columns],
});

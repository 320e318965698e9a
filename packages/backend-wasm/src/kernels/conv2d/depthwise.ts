import { I32 } from "../../assembler/index.ts";
import { increase, times } from "../idioms.ts";
import type { Algorithm, Compile } from "./algorithm.ts";
import { gatherColumns, scatterColumns } from "./columns.ts";
import { filter, type Tap, tapListBytes } from "./filter.ts";
import { frameFloats, frameOf, ONE_PLANE, resultFrameOf, tapOffset } from "./frame.ts";
import { type Geometry, imagePixels, nanoseconds, resultPixels, taps } from "./geometry.ts";
import { tapSums } from "./tap-sums.ts";

// Every output looks at one channel: products of matrices would have nothing to share, so planes are filtered one by one. A plane is copied
// into a frame, which is the columns of a kernel that only tells the pixels of a stride apart: of these every tap sees neighbours.

/** More outputs per channel are better off with a product of matrices, as are larger kernels, whose code is unrolled. */
const MAX_OUTPUTS = 3;
const MAX_TAPS = 64;
/** Multiplications and additions in a nanosecond. */
const SPEED = 30;

/** The convolution: an item is a channel of an image. */
const forward: Compile = (runtime, g, bias) => {
  const frame = frameOf(g);
  const frameBytes = 4 * frameFloats(frame);
  const { conv2d } = runtime.compile<"conv2d">((m) => {
    const copy = gatherColumns(m, frame, resultPixels(frame));
    const { writeList, apply } = filter(m, {
      taps: times(taps(g), (tap) => ({ frame: tapOffset(g, frame, tap), weight: tap })),
      rows: g.positions[0],
      columns: g.positions[1],
      frameRow: g.stride[0] * frame.positions[1],
      toRow: g.positions[1],
      bias,
    });
    m.kernel("conv2d", [I32, I32, I32, I32], (f, { begin, end, scratch }, x, weight, bias, y) => {
      const list = f.let(scratch.add(frameBytes));
      f.call(writeList, list);
      f.for(begin, end, 1, (plane) => {
        f.call(copy, x.add(plane.mul(4 * imagePixels(g))), I32.const(0), I32.const(frame.positions[0]), scratch);
        const output = f.let(plane.remU(g.groups).mul(g.outputs));
        const to = f.let(y.add(plane.mul(4 * g.outputs * resultPixels(g))));
        f.for(0, g.outputs, 1, () => {
          f.call(apply, scratch, weight.add(output.mul(4 * taps(g))), bias.add(output.shl(2)), to, list);
          increase(output, 1);
          increase(to, 4 * resultPixels(g));
        });
      });
    });
  });
  return {
    scratchBytes: frameBytes + tapListBytes(taps(g)),
    run: (images, [x, weight, bias = 0], [y], scratch) =>
      runtime.launch(conv2d, images * g.groups, nanoseconds(g, SPEED), [x!, weight!, bias, y!], [], scratch),
  };
};

/**
 * The gradient of the image: an item is a channel of an image. Pixels whose rows and columns leave the same residues modulo the stride are seen
 * by the same taps, so each of these sets is a filtered frame of the result's gradient.
 */
const inputGrad: Compile = (runtime, g) => {
  const frame = resultFrameOf(g);
  const framesBytes = 4 * g.outputs * frameFloats(frame);
  const planeBytes = 4 * imagePixels(g);
  const residues = residuesOf(g, frame);
  // Neighbouring columns of one residue are neighbours in the image, or else filtered aside and copied.
  const direct = g.stride[1] === 1;
  const fills = !direct || residues.length < g.stride[0];
  const { conv2dInputGrad } = runtime.compile<"conv2dInputGrad">((m) => {
    const copy = gatherColumns(m, { ...frame, channels: g.outputs }, resultPixels(frame));
    let lists = 0;
    const filters = residues.map(({ taps: seen, start, rows, columns }) => {
      const list = lists;
      lists += tapListBytes(seen.length);
      const code = filter(m, {
        taps: seen,
        rows,
        columns,
        frameRow: frame.positions[1],
        toRow: direct ? g.stride[0] * g.image[1] : columns,
        bias: false,
      });
      // The adjoint of this geometry spreads a plane over every `stride`-th pixel of the image, from its first on.
      const plane = { ...g, ...ONE_PLANE, stride: g.stride, positions: [rows, columns] as const };
      return { ...code, list, start, spread: direct ? null : scatterColumns(m, plane, 1, rows * columns) };
    });
    m.kernel("conv2dInputGrad", [I32, I32, I32], (f, { begin, end, scratch }, gradients, weights, dx) => {
      const lists = f.let(scratch.add(framesBytes + planeBytes));
      for (const { writeList, list } of filters) f.call(writeList, lists.add(list));
      const aside = f.let(scratch.add(framesBytes));
      f.for(begin, end, 1, (plane) => {
        const gradient = gradients.add(plane.mul(4 * g.outputs * resultPixels(g)));
        f.call(copy, gradient, I32.const(0), I32.const(frame.positions[0]), scratch);
        const weight = f.let(weights.add(plane.remU(g.groups).mul(4 * g.outputs * taps(g))));
        const to = f.let(dx.add(plane.mul(planeBytes)));
        if (fills) f.fill(to, I32.const(0), I32.const(planeBytes));
        for (const { start, apply, spread, list } of filters) {
          const first = to.add(4 * start);
          f.call(apply, scratch, weight, I32.const(0), direct ? first : aside, lists.add(list));
          if (spread !== null) f.call(spread, aside, first);
        }
      });
    });
  });
  return {
    scratchBytes: framesBytes + planeBytes + tapListBytes(g.outputs * taps(g)),
    run: (images, [gradient, weight], [dx], scratch) =>
      runtime.launch(conv2dInputGrad, images * g.groups, nanoseconds(g, SPEED), [gradient!, weight!, dx!], [], scratch),
  };
};

/** Convolutions of one channel per group. */
export const depthwise: Algorithm = {
  suits: (_, g) => g.channels === 1 && g.outputs <= MAX_OUTPUTS && taps(g) <= MAX_TAPS,
  conv2d: forward,
  conv2dInputGrad: inputGrad,
  conv2dWeightGrad: tapSums,
};

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
      const seen = times(g.outputs, (output) =>
        rowsSeen.flatMap(({ tap: i, at: row }) =>
          columnsSeen.map(({ tap: j, at: column }) => ({
            frame: output * frameFloats(frame) + row * frame.positions[1] + column,
            weight: output * taps(g) + i * g.kernel[1] + j,
          })),
        ),
      ).flat();
      const [rows, columns] = [Math.ceil((g.image[0] - y) / g.stride[0]), Math.ceil((g.image[1] - x) / g.stride[1])];
      if (seen.length > 0) residues.push({ taps: seen, start: y * g.image[1] + x, rows, columns });
    }
  return residues;
}

/** Which elements of the kernel along an axis see `pixel` from some position, and where in the frame of the result that is. */
const seenBy = (g: Geometry, frame: Geometry, axis: 0 | 1, pixel: number): { tap: number; at: number }[] =>
  times(g.kernel[axis], (tap) => ({
    tap,
    at: (pixel + g.padding[axis] - tap * g.dilation[axis]) / g.stride[axis] + frame.padding[axis],
  })).filter(({ at }) => Number.isInteger(at));

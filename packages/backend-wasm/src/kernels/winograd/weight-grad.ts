import { F32x4, type FunctionRef, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import type { Compiled } from "../conv2d/algorithm.ts";
import type { Geometry } from "../conv2d/geometry.ts";
import { bestTile } from "../gemm/micro-kernel.ts";
import { increase, sumApart } from "../idioms.ts";
import { least } from "../lanes.ts";
import { KERNELS_COST, tileCost } from "./choice.ts";
import {
  FRAME,
  gridOf,
  type Planes,
  POINTS,
  patchesOf,
  patchesOfBlock,
  planesOf,
  roundUp,
  TILE,
  tilesOf,
} from "./layout.ts";
import { loadPatch, loadScratch } from "./load.ts";
import { accumulate } from "./products.ts";
import { inputTransform, outputGradTransform } from "./transforms.ts";
import type { WeightKernels } from "./weights.ts";

/** Tiles of a group, at least: writing and reading the sums of every group takes as long as ten tiles. */
const MIN_GROUP = 64;
/** Groups that the tiles fall into, at most. */
const MAX_GROUPS = 16;

/** The gradient of the weight: sums over groups of patches, which are items, and their total. */
export function weightGrad(
  runtime: Runtime,
  g: Geometry,
  bias: boolean,
  { totalWeightGrad, totalBiasGrad }: Record<WeightKernels, Kernel>,
): Compiled {
  const grid = gridOf(g);
  const tilesOfPatch = tilesOf(grid);
  const block = patchesOfBlock(g, grid);
  // Rows and columns of register tiles, which have four or six, and eight.
  const [outputs, channels] = [roundUp(g.outputs, 12), roundUp(g.channels, 8)];
  const inputs = planesOf(block * tilesOfPatch, channels);
  const gradients = planesOf(block * tilesOfPatch, outputs);
  const sums = planesOf(outputs, channels);
  /** Of the sums of a group: points of the weight's gradient, and after them the bias's gradient. */
  const groupBytes = sums.bytes + 4 * roundUp(outputs, 16);

  const { sumGroups } = runtime.compile<"sumGroups">((m) => {
    const images = { channels: g.channels, size: g.image, padding: g.padding };
    const load = loadPatch(m, grid, images, { size: FRAME, transform: inputTransform }, inputs);
    const results = { channels: g.outputs, size: g.positions, padding: [0, 0] as const };
    const loadGrad = loadPatch(m, grid, results, { size: TILE, transform: outputGradTransform }, gradients);
    const product = accumulate(m, bestTile(m), g, inputs, gradients, sums);
    const sumTiles = addTiles(m, g.outputs, gradients);

    m.kernel("sumGroups", [I32, I32, I32, I32, I32], (f, { begin, end, scratch }, x, g, u, patches, group) => {
      const gradient = f.let(scratch.add(inputs.bytes));
      const rest = f.let(gradient.add(gradients.bytes));
      f.for(begin, end, 1, (item) => {
        const first = f.let(item.mul(group));
        const left = f.let(patches.sub(first));
        const last = f.let(first.add(least(left, group)));
        const to = f.let(u.add(item.mul(groupBytes)));
        f.for(first, last, block, (from) => {
          left.set(last.sub(from));
          const count = f.let(least(left, block));
          const [b, a, c] = [f.let(scratch), f.let(gradient), f.let(to)];
          f.for(from, from.add(count), 1, (patch) => {
            f.call(load, x, patch, b, rest);
            f.call(loadGrad, g, patch, a, rest);
            increase(b, tilesOfPatch * inputs.row);
            increase(a, tilesOfPatch * gradients.row);
          });
          const tiles = f.let(count.mul(tilesOfPatch));
          const isFirst = f.let(from.eq(first));
          b.set(scratch);
          a.set(gradient);
          f.for(0, POINTS, 1, () => {
            f.call(product, b, a, c, tiles, isFirst);
            increase(b, inputs.plane);
            increase(a, gradients.plane);
            increase(c, sums.plane);
          });
          f.call(sumTiles, gradient.add(ONES * gradients.plane), to.add(sums.bytes), tiles, isFirst);
        });
      });
    });
  });

  /** All patches, those of a group, and groups: results depend on nothing else. */
  const divide = (images: number): [patches: number, group: number, groups: number] => {
    const patches = images * patchesOf(grid);
    const group = Math.max(Math.ceil(MIN_GROUP / tilesOfPatch), Math.ceil(patches / MAX_GROUPS));
    return [patches, group, Math.ceil(patches / group)];
  };
  return {
    scratchBytes: inputs.bytes + gradients.bytes + loadScratch(grid),
    between: (images) => divide(images)[2] * groupBytes,
    run(images, [x, gradient], results, scratch) {
      const [patches, group, groups] = divide(images);
      const [dw, db] = results;
      const u = results.at(-1)!;
      const cost = group * tilesOfPatch * tileCost(g);
      runtime.launch(sumGroups, groups, cost, [x!, gradient!, u, patches, group], [], scratch);
      const fours = g.outputs * Math.ceil(g.channels / 4);
      const integers = [u, dw!, g.channels, groups, groupBytes, sums.plane, sums.row];
      runtime.launch(totalWeightGrad, fours, KERNELS_COST * (1 + groups / 2), integers, [], scratch);
      if (bias)
        runtime.launch(totalBiasGrad, Math.ceil(g.outputs / 4), 1 + groups, [u + sums.bytes, db!, groups, groupBytes]);
    },
  };
}

/** The point that is the plain sum of a tile's elements: the second row of `A` has ones only. */
const ONES = FRAME + 1;

/** A function `(gradients, sums, tiles, isFirst)` that adds the tiles of a plane to the sums, unless it is the first. */
function addTiles(m: KernelModule<string>, outputs: number, gradients: Planes): FunctionRef {
  return m.function(null, [I32, I32, I32, I32], (f, from, to, tiles, isFirst) => {
    f.for(0, outputs, 4, () => {
      f.store(to, sumApart(f, from, tiles, gradients.row, isFirst.select(f.f32x4(0), F32x4.load(to))));
      increase(from, 16);
      increase(to, 16);
    });
  });
}
